// The first step of `npm run setup`: the repository's own dependencies. Plain JavaScript, because nothing is installed
// yet that could run TypeScript.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
// Written after `npm ci`, which empties node_modules first: it is there only when the last install was a whole one.
const stamp = join(root, 'node_modules/.setup-lock-hash');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (read(stamp) === wanted) {
  console.error('dependencies: installed, as package-lock.json says');
} else {
  console.error('dependencies: running npm ci');
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    // npm is a .cmd file on Windows, which only a shell can start. The arguments are fixed.
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ''}. Its lines above say why.`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
