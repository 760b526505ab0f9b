// The first step of `npm run setup`: installs the repository's dependencies. Plain JavaScript, because what runs TypeScript
// is not installed yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
// Written after `npm ci`, which empties node_modules first: it exists only when the last installation was complete.
const stamp = join(root, 'node_modules/.setup-lock-hash');
const expected = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (existsSync(stamp) && readFileSync(stamp, 'utf8') === expected) {
  console.error('dependencies: installed as in package-lock.json');
} else {
  console.error('dependencies: running npm ci');
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    // npm is a .cmd file on Windows, which only a shell can start. The arguments are fixed.
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ''}. The lines above say why.`);
    process.exit(1);
  }
  writeFileSync(stamp, expected);
}
