import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, expect, test } from 'vitest';
import { spawnOutput } from '../lib/spawn.ts';

// 03-distroless/lean: its start.cjs with bundles of other apps, laid out as in the image.

const LEAN = join(import.meta.dirname, '../../03-distroless/lean');
const root = await mkdtemp(join(tmpdir(), 'lean-start-'));
afterAll(() => rm(root, { recursive: true }));

/** Bundles an app as Dockerfile.lean does, and makes the bytecode. Returns a function that starts it. */
async function packApp(code: string) {
  const app = await mkdtemp(join(root, 'app-'));
  const source = join(app, 'source/index.js');
  const outfile = join(app, 'dist/server.cjs');
  await mkdir(dirname(source));
  await writeFile(source, code);
  await build({ entryPoints: [source], bundle: true, platform: 'node', format: 'cjs', outfile });
  await cp(join(LEAN, 'start.cjs'), join(app, 'dist/start.cjs'));
  await mkdir(join(app, 'views'));
  await writeFile(join(app, 'views/page'), 'a page');
  const start = (...args: string[]) => spawnOutput(process.execPath, ['dist/start.cjs', ...args], { cwd: app });
  await start('--save-bytecode');
  return { app, start: async () => (await start()).stdout };
}

test('a bundle with a hashbang is started, with the lines of its stack traces', async () => {
  const { app, start } = await packApp("#!/usr/bin/env node\nconsole.log(new Error('x').stack.split('\\n')[1]);\n");
  const bundle = await readFile(join(app, 'dist/server.cjs'), 'utf8');
  expect(bundle).toMatch(/^#!/);
  const line = bundle.split('\n').findIndex((text) => text.includes('new Error')) + 1;
  expect(await start()).toContain(`${app}/dist/server.cjs:${line}:`);
});

test('__dirname is the directory of the entry: what lies beside it is found', async () => {
  const read = "require('node:fs').readFileSync(require('node:path').join(__dirname, '../views/page'), 'utf8')";
  expect(await (await packApp(`console.log(${read});\n`)).start()).toBe('a page');
});

test('an app that ends by itself while the bytecode is made starts all the same', async () => {
  const { start } = await packApp("console.log('done'); process.exit(0);\n");
  expect(await start()).toBe('done');
});

test('an app that ends with an error while the bytecode is made fails the build', async () => {
  await expect(packApp("console.error('DATABASE_URL is not set'); process.exit(1);\n")).rejects.toMatchObject({
    lines: ['DATABASE_URL is not set'],
  });
  await expect(packApp("throw new Error('no database');\n")).rejects.toMatchObject({
    lines: expect.arrayContaining([expect.stringContaining('Error: no database')]),
  });
});

test('the image has the files where these tests have them', async () => {
  const dockerfile = await readFile(join(LEAN, 'Dockerfile.lean'), 'utf8');
  expect(dockerfile).toMatch(/^COPY --from=builder \/app\/server\.cjs \/app\/dist\/$/m);
  expect(dockerfile).toMatch(/^COPY lean\/start\.cjs \/app\/dist\/$/m);
  expect(dockerfile).toMatch(/esbuild dist\/index\.js --bundle --platform=node --format=cjs --outfile=server\.cjs$/m);
});
