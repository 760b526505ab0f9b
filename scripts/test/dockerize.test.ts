import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { dockerize } from '../dockerize/dockerize.ts';
import { SHAPES, type Shape } from '../dockerize/plan-model.ts';
import { EXPECTED } from './dockerize-expected.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROJECTS = join(import.meta.dirname, 'projects');
const scratch: string[] = [];

afterAll(async () => {
  for (const directory of scratch) await rm(directory, { recursive: true });
});

async function copyOf(directory: string): Promise<string> {
  const copy = join(await mkdtemp(join(tmpdir(), 'dockerize-test-')), basename(directory));
  scratch.push(join(copy, '..'));
  await cp(directory, copy, { recursive: true, filter: (path) => !/node_modules|\.turbo|\/dist$/.test(path) });
  return copy;
}

/** Starts dockerize as its npm script does. */
function startDockerize(...args: string[]) {
  return spawnSync(process.execPath, ['--', 'scripts/start.mjs', 'dockerize', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
}

/** Writes the files of a project, without an engine. Returns what is printed on standard error. */
async function writeFiles(directory: string, { like = '02', workspace }: { like?: Shape; workspace?: string } = {}) {
  const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const request = { directory, like, verify: false, dryRun: false, force: false, facts: { workspace }, given: {} };
  try {
    expect(await dockerize(request, { root: ROOT, current: ROOT }, new AbortController().signal)).toBe(0);
    return printed.mock.calls.map(([text]) => text).join('');
  } finally {
    printed.mockRestore();
  }
}

const read = (directory: string, file: string) => readFile(join(directory, file), 'utf8');

/** All files below a directory, with their texts. */
async function snapshot(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')] as const)));
}

describe('a chapter', () => {
  test.each(SHAPES)("%s: dockerize writes the chapter's own Dockerfile.multi, byte for byte", async (like) => {
    const chapter = (await findChapterDirectories(ROOT)).find((name) => name.startsWith(like)) as string;
    const copy = await copyOf(join(ROOT, chapter));
    for (const file of await readdir(copy)) {
      if (/^(Dockerfile|compose|mistakes|native|lean|company)/.test(file))
        await rm(join(copy, file), { recursive: true });
    }
    expect(await writeFiles(copy, { like })).toMatch(/port 3000 — src\/index\.ts:\d+\n[\s\S]*Dockerfile: written/);
    expect(await read(copy, 'Dockerfile')).toBe(await read(join(ROOT, chapter), 'Dockerfile.multi'));
  });
});

describe('each project', () => {
  test.each(Object.entries(EXPECTED))('%s: a second time, the files are the same', async (name, { flags = [] }) => {
    const copy = await copyOf(join(PROJECTS, name));
    const [, workspace] = flags;
    expect(await writeFiles(copy, { workspace })).toContain('Dockerfile: written');
    const files = await snapshot(copy);
    expect(await writeFiles(copy, { workspace })).toMatch(/Dockerfile: unchanged[\s\S]*\.dockerignore: unchanged/);
    expect(await snapshot(copy)).toEqual(files);
  });
});

test('what a build on this machine has left changes nothing', async () => {
  const [clean, built] = [await copyOf(join(PROJECTS, 'views')), await copyOf(join(PROJECTS, 'views'))];
  await mkdir(join(built, 'dist'));
  await writeFile(join(built, 'dist/index.js'), "import './old.js';\n");
  await writeFile(join(built, 'dist/old.js'), 'app.listen(9999);\n');
  const printed = [await writeFiles(clean), await writeFiles(built)];
  expect(printed[1]?.replaceAll(built, clean)).toBe(printed[0]);
  for (const file of ['Dockerfile', '.dockerignore']) expect(await read(built, file)).toBe(await read(clean, file));
});

test("a port other than the app's default is set", async () => {
  const copy = await copyOf(join(PROJECTS, 'commonjs'));
  await writeFile(join(copy, 'Dockerfile'), 'FROM node\nENV PORT=8080\nEXPOSE 8080\n');
  await writeFiles(copy);
  expect(await read(copy, 'Dockerfile.multi')).toMatch(/^ENV PORT=8080$[\s\S]*^EXPOSE 8080$/m);
});

test('without dependencies, no lockfile is needed: nothing is installed, and package.json is copied', async () => {
  const copy = await copyOf(join(PROJECTS, 'no-build'));
  await writeFile(join(copy, 'package.json'), '{ "type": "module", "main": "a.js" }');
  await writeFile(join(copy, 'a.js'), 'server.listen(8080);\n');
  await rm(join(copy, 'package-lock.json'));
  await writeFiles(copy);
  const text = await read(copy, 'Dockerfile');
  expect(text).toMatch(/COPY a.js .\/a.js\nCOPY package.json .\/package.json/);
  expect(text).not.toContain('npm');
});

test.each([
  ['--port 3000', "'http://127.0.0.1:3000/healthz'"],
  ['--id 13000', "'http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz'"],
])('the argument %s: the health check asks %s', async (argument, address) => {
  const copy = await copyOf(join(PROJECTS, 'commonjs'));
  const manifest = await read(copy, 'package.json');
  await writeFile(join(copy, 'package.json'), manifest.replace('node dist/index.js', `node dist/index.js ${argument}`));
  await writeFiles(copy);
  expect(await read(copy, 'Dockerfile')).toContain(address);
});

test('a directory that comes with files is no volume: it would hide those of a newer image', async () => {
  const copy = await copyOf(join(PROJECTS, 'better-sqlite3'));
  await writeFiles(copy);
  expect(await read(copy, 'Dockerfile')).toContain('chown -R 1000:1000 /app/data\nVOLUME ["/app/data"]');
  await mkdir(join(copy, 'data'), { recursive: true });
  await writeFile(join(copy, 'data/countries.json'), '[]');
  await rm(join(copy, 'Dockerfile'));
  await writeFiles(copy);
  expect(await read(copy, 'Dockerfile')).toContain('chown -R 1000:1000 /app/data');
  expect(await read(copy, 'Dockerfile')).not.toContain('VOLUME');
  expect(await read(copy, 'Dockerfile')).not.toContain('cannot change its own code');
});

test.each(SHAPES)('%s: below an init, the comment of CMD does not say that Node is PID 1', async (like) => {
  const copy = await copyOf(join(PROJECTS, 'no-sigterm'));
  expect(await writeFiles(copy, { like })).toContain('To build it: docker build');
  expect(await read(copy, 'Dockerfile')).toMatch(/^ENTRYPOINT \["\/tini".*\n\n# The init is PID 1/m);
  expect(await read(copy, 'Dockerfile')).not.toMatch(/Node is PID 1|entrypoint of the base image/);
});

test('.dockerignore: no exception for settings that no build reads, and what a framework keeps is left out', async () => {
  const copy = await copyOf(join(PROJECTS, 'sveltekit'));
  await writeFile(join(copy, 'docker-compose.yml'), 'services: {}\n');
  await writeFile(join(copy, '.dockerignore'), 'docker-compose.yml\n');
  await writeFiles(copy);
  expect(await read(copy, '.dockerignore')).toMatch(/^docker-compose\.yml\n[\s\S]*^\.svelte-kit$/m);
  expect(await read(copy, '.dockerignore')).not.toContain('!docker-compose.yml');
});

test('--dry-run prints the Dockerfile, and writes nothing', async () => {
  const copy = await copyOf(join(PROJECTS, 'commonjs'));
  const before = await snapshot(copy);
  const { status, stdout } = startDockerize(copy, '--dry-run');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^# Two stages[\s\S]*CMD \["node", "dist\/index\.js"\]\n$/);
  expect(await snapshot(copy)).toEqual(before);
});

test('nothing of the project is executed, and nothing outside of it is written', async () => {
  const copy = await copyOf(join(PROJECTS, 'commonjs'));
  const trap = `require('node:fs').writeFileSync(${JSON.stringify(join(copy, '../executed'))}, __filename);\n`;
  const shell = `#!/bin/sh\necho executed > ${join(copy, '../executed')}\n`;
  const manifest = JSON.parse(await read(copy, 'package.json'));
  const touch = `touch ${join(copy, '../executed')}`;
  manifest.scripts = { ...manifest.scripts, preinstall: touch, postinstall: touch, prepare: touch, prebuild: touch };
  await writeFile(join(copy, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(copy, 'tsconfig.json'), '{ "extends": "./trap.cjs", "compilerOptions": { "outDir": "dist" } }');
  const names = ['next.config.js', 'vite.config.js', 'svelte.config.js', 'trap.cjs', '.pnpmfile.cjs', 'knexfile.js'];
  for (const file of names) await writeFile(join(copy, file), trap);
  await mkdir(join(copy, 'node_modules/.bin'), { recursive: true });
  for (const program of ['tsc', 'npm', 'node', 'git', 'docker']) {
    await writeFile(join(copy, 'node_modules/.bin', program), shell, { mode: 0o755 });
  }
  const { status, stderr } = startDockerize(copy, '--no-verify');
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  expect(await readdir(join(copy, '..'))).toEqual([basename(copy)]);
});
