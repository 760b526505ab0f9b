import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { access, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readBuildSteps } from '../compare/build/build-steps.ts';
import { copyContext } from '../compare/build/copy-context.ts';
import { addDependency, editSource } from '../compare/build/edit-copy.ts';
import { buildSamples } from '../compare/build/time-builds.ts';
import { compareSamples, median, samplesOf } from '../compare/model/samples.ts';
import { startSamples } from '../compare/run/time-starts.ts';
import { engineTime, memoryFacts } from '../engine/docker-output.ts';
import { readIgnoreFile } from '../lib/dockerignore.ts';
import { spawnText } from '../lib/spawn.ts';

test('the median of odd and even numbers of samples', () => {
  expect(median([5, 1, 9])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('a figure that could not be measured once has no samples, and its reason has no secrets', () => {
  expect(samplesOf([1, 'no clock', 3])).toEqual({ samples: [], median: null, reason: 'no clock' });
  expect(samplesOf(['RUN NPM_TOKEN=abcdef0123 npm ci failed']).reason).toBe('RUN NPM_TOKEN=*** npm ci failed');
  expect(samplesOf([])).toEqual({ samples: [], median: null, reason: 'not reached' });
  expect(samplesOf([3, 1])).toEqual({ samples: [3, 1], median: 2, reason: null });
});

test.each([
  ['larger than both spreads', [100, 110, 120], [140, 150, 160], 'less'],
  ['as large as a spread', [100, 110, 120], [120, 130, 140], 'same'],
  ['one outlier makes a spread wide', [100, 100, 100], [150, 150, 250], 'same'],
  ['below the floor', [100, 100, 100], [109, 109, 109], 'same'],
  ['more', [200, 201, 202], [100, 101, 102], 'more'],
] as const)('a difference that is %s', (_name, one, other, verdict) => {
  expect(compareSamples(samplesOf([...one]), samplesOf([...other]), 10)).toBe(verdict);
});

test('figures that were not measured, or only once, are not compared', () => {
  expect(compareSamples(samplesOf(['no']), samplesOf([1, 1]), 0)).toBeNull();
  expect(compareSamples(samplesOf([9]), samplesOf([1, 1]), 0)).toBeNull();
});

test('the steps of a build, as old and new BuildKit print them', () => {
  const lines = [
    '#1 [internal] load build definition from Dockerfile',
    '#1 DONE 0.1s',
    '#3 [auth] library/node:pull token for a registry',
    '#3 DONE 0.0s',
    '#4 [deps 1/4] FROM docker.io/library/node:26-alpine',
    '#4 sha256:b54e91b87a8f98cddb8f561e966eee38ceb1bc76be4916f6cad23d560c1bd462',
    '#4 DONE 1.0s',
    '#5 [deps  2/10] WORKDIR /app',
    '#5 sha256:000',
    '#5 CACHED',
    '#6 [linux/arm64 builder 4/6] RUN --mount=type=cache,target=/root/.npm   npm ci',
    '#7 [2/3] COPY . .',
    '#6 0.223 added 9 packages',
    '#7 DONE 0.3s',
    '#6 12.50 done',
    '#6 DONE 12.6s',
    '#8 exporting to image',
    '#8 DONE 3.0s',
  ];
  expect(readBuildSteps(lines)).toEqual([
    { name: '[deps 2/10] WORKDIR /app', cached: true, ms: 0 },
    { name: '[linux/arm64 builder 4/6] RUN --mount=type=cache,target=/root/.npm npm ci', cached: false, ms: 12_600 },
    { name: '[2/3] COPY . .', cached: false, ms: 300 },
  ]);
});

test('the report has the steps of the build that is nearest to the median, without secrets', () => {
  const build = (ms: number, name: string) => ({ ms, steps: [{ name, cached: false, ms }] });
  const secret = 'RUN NPM_TOKEN=abcdef0123 npm ci';
  const cold = (ms: number) => build(ms, ms === 20.04 ? `[2/2] ${secret}` : 'other');
  expect(buildSamples([cold(10), cold(90), cold(20.04)])).toEqual({
    samples: [10, 90, 20],
    median: 20,
    reason: null,
    steps: { total: 1, cached: 0, slowest: [{ name: '[2/2] RUN NPM_TOKEN=*** npm ci', ms: 20.04 }] },
  });
  expect(buildSamples([{ ms: 1, steps: [] }]).steps).toBeNull();
  expect(buildSamples([cold(10), 'not built'])).toEqual({
    samples: [],
    median: null,
    reason: 'not built',
    steps: null,
  });
});

test('the figures of several starts, or why there are none', () => {
  const start = { startMs: 1.26, nodeStartMs: 'no line', memory: { bytes: 5, counter: 'c' }, stopMs: 1 };
  expect(startSamples([start])).toEqual({
    startMs: { samples: [1.3], median: 1.3, reason: null },
    nodeStartMs: { samples: [], median: null, reason: 'no line' },
    memoryBytes: { samples: [5], median: 5, reason: null, counter: 'c' },
    stopMs: { samples: [1], median: 1, reason: null },
  });
  const none = { samples: [], median: null, reason: 'it was not run' };
  expect(startSamples(['it was not run'])).toEqual({
    startMs: none,
    nodeStartMs: none,
    memoryBytes: { ...none, counter: null },
    stopMs: none,
  });
});

test('times of the engine keep their fractions', () => {
  expect(engineTime('2026-11-21T09:01:52.383143699Z')).toBeCloseTo(Date.UTC(2026, 10, 21, 9, 1, 52) + 383.143699, 5);
  expect(engineTime('2026-11-21T10:01:52.5+01:00')).toBe(Date.UTC(2026, 10, 21, 9, 1, 52, 500));
  expect(engineTime('0001-01-01T00:00:00Z')).toBeNull();
  expect(engineTime('')).toBeNull();
});

test('memory is calculated from the counters of both cgroup versions, and an error without them', () => {
  const v1 = { usage: 100, stats: { inactive_file: 1, total_inactive_file: 60 } };
  expect(memoryFacts(v1)).toEqual({
    bytes: 40,
    counter: 'cgroup v1: memory.usage_in_bytes − total_inactive_file',
  });
  const v2 = { usage: 100, stats: { inactive_file: 30 } };
  expect(memoryFacts(v2)).toEqual({ bytes: 70, counter: 'cgroup v2: memory.current − inactive_file' });
  expect(() => memoryFacts({})).toThrow('does not count');
});

async function createDirectory(files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'context-'));
  onTestFinished(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(path, name, '..'), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

test('the copy of a build context has the same files, and only the copy is edited', async () => {
  const files = {
    '.dockerignore': '# comment\nnode_modules\n/dist/\n*.md\n',
    'src/app.ts': 'export {};\n',
    'src/node_modules/kept.js': '',
    'node_modules/a/index.js': '',
    'dist/old.js': '',
    'notes.md': '',
  };
  const context = await createDirectory(files);
  const copied = join(await createDirectory({}), 'context');
  await copyContext(context, await readIgnoreFile(context, join(context, 'Dockerfile')), copied);
  const isCopied = (path: string) =>
    access(join(copied, path)).then(
      () => true,
      () => false,
    );
  expect(await Promise.all(Object.keys(files).map(isCopied))).toEqual([true, true, true, false, false, false]);
  await editSource(copied, undefined);
  expect(await readFile(join(copied, 'src/app.ts'), 'utf8')).toBe("export {};\n\nprocess.env['BENCH_EDIT'] = '1';\n");
  expect(await readFile(join(context, 'src/app.ts'), 'utf8')).toBe('export {};\n');
});

test('the copy has what a .dockerignore with exceptions lets through', async () => {
  const context = await createDirectory({ '.dockerignore': 'dist\nlink*\n!dist/keep.js\n', 'dist/keep.js': '' });
  // Left out as well, wherever they lead.
  for (const [name, target] of [
    ['link', 'no-such'],
    ['links', 'dist'],
  ] as const)
    await symlink(target, join(context, name));
  const copied = join(await createDirectory({}), 'context');
  await copyContext(context, await readIgnoreFile(context, join(context, 'Dockerfile')), copied);
  expect((await readdir(copied)).sort()).toEqual(['.dockerignore', 'dist']);
  await access(join(copied, 'dist/keep.js'));
  await expect(editSource(copied, undefined)).rejects.toThrow('no source file');
});

test('another source file is edited when it is named, with an empty line where it is not a script', async () => {
  const directory = await createDirectory({ 'src/app.js': '', 'lib/x.rb': 'puts 1\n' });
  await expect(editSource(directory, 'lib/y.rb')).rejects.toThrow('no file lib/y.rb');
  await editSource(directory, 'lib/x.rb');
  expect(await readFile(join(directory, 'lib/x.rb'), 'utf8')).toBe('puts 1\n\n');
  expect(await readFile(join(directory, 'src/app.js'), 'utf8')).toBe('');
});

test.each([1, 2, 3])('a dependency is added so that npm accepts a lockfile of version %i', async (version) => {
  const directory = await createDirectory({
    'package.json': '\uFEFF{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}\n',
  });
  const npm = (...args: string[]) => spawnText('npm', [...args, '--no-audit', '--no-fund'], { cwd: directory });
  await npm('install', '--package-lock-only', `--lockfile-version=${version}`);
  await addDependency(directory);
  await npm('ci');
  expect((await readdir(join(directory, 'node_modules'))).sort()).toEqual(['.package-lock.json', 'mitt', 'ms']);
});

test('a dependency is added without a lockfile; a package that the project has is not', async () => {
  const directory = await createDirectory({ 'package.json': '{}' });
  const dependencies = async () => JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')).dependencies;
  await addDependency(directory);
  expect(await dependencies()).toEqual({ mitt: '3.0.1' });
  await addDependency(directory);
  expect(await dependencies()).toEqual({ mitt: '3.0.1', 'tiny-invariant': '1.3.3' });
  await expect(addDependency(directory)).rejects.toThrow('already has the packages');
});

test('why no dependency is added', async () => {
  const add = async (files: Record<string, string>) => addDependency(await createDirectory(files));
  await expect(add({})).rejects.toThrow('the build context has no package.json');
  await expect(add({ 'package.json': '{}', 'pnpm-lock.yaml': '' })).rejects.toThrow(
    "the project has pnpm-lock.yaml, and only npm's lockfile can be edited",
  );
  await expect(add({ 'package.json': '{' })).rejects.toThrow('package.json is not a JSON object');
  await expect(add({ 'package.json': 'null' })).rejects.toThrow('package.json is not a JSON object');
  await expect(add({ 'package.json': '{}', 'package-lock.json': '[]' })).rejects.toThrow('package-lock.json is not a');
});

test('nothing outside of the copy is edited: neither by a path nor through a link', async () => {
  const outside = await createDirectory({ 'victim.txt': 'mine\n', 'package.json': '{}' });
  const directory = await createDirectory({ 'lib/main.rb': '' });
  for (const name of ['package.json', 'victim.txt']) await symlink(join(outside, name), join(directory, name));
  await symlink(join(outside, 'victim.txt'), join(directory, 'index.js'));
  await symlink('lib', join(directory, 'link'));
  const path = `/../../../../../../../..${join(outside, 'victim.txt')}`;
  for (const file of [path, 'victim.txt', undefined]) {
    await expect(editSource(directory, file)).rejects.toThrow('leads out of the build context');
  }
  await expect(addDependency(directory)).rejects.toThrow('package.json leads out of the build context');
  await editSource(directory, 'link/main.rb');
  expect(await readFile(join(directory, 'lib/main.rb'), 'utf8')).toBe('\n');
  expect(await readFile(join(outside, 'victim.txt'), 'utf8')).toBe('mine\n');
  expect(await readFile(join(outside, 'package.json'), 'utf8')).toBe('{}');
});

test('a context that is a link is copied, and only the copy is edited', async () => {
  const original = await createDirectory({ 'app/index.js': '' });
  await symlink('app', join(original, 'link'));
  const copied = join(await createDirectory({}), 'context');
  const context = join(original, 'link');
  await copyContext(context, await readIgnoreFile(context, join(context, 'Dockerfile')), copied);
  await editSource(copied, undefined);
  expect(await readFile(join(copied, 'index.js'), 'utf8')).toMatch('BENCH_EDIT');
  expect(await readFile(join(original, 'app/index.js'), 'utf8')).toBe('');
});

test('what is not a file is neither copied nor edited; a hard link is copied as a file', async () => {
  const outside = await createDirectory({ victim: 'mine\n' });
  const context = await createDirectory({ 'a.rb': '', 'd/x': '' });
  await link(join(outside, 'victim'), join(context, 'hard.rb'));
  execFileSync('mkfifo', [join(context, 'fifo.rb')]);
  const socket = createServer().listen(join(context, 'socket.rb'));
  onTestFinished(() => void socket.close());
  await once(socket, 'listening');
  const copied = join(await createDirectory({}), 'context');
  await copyContext(context, await readIgnoreFile(context, join(context, 'Dockerfile')), copied);
  expect((await readdir(copied)).sort()).toEqual(['a.rb', 'd', 'hard.rb']);
  await editSource(copied, 'hard.rb');
  expect(await readFile(join(copied, 'hard.rb'), 'utf8')).toBe('mine\n\n');
  expect(await readFile(join(outside, 'victim'), 'utf8')).toBe('mine\n');
  for (const name of ['d', '.', '..', 'fifo.rb', 'a.rb/', 'd/../../victim', 'a\0b']) {
    await expect(editSource(copied, name)).rejects.toThrow(/no file|leads out/);
  }
});
