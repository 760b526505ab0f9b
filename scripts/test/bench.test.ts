import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readBuildSteps } from '../compare/build/build-steps.ts';
import { addDependency, copyContext } from '../compare/build/context-copy.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { compareSamples, median, samplesOf } from '../compare/model/samples.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import type { Subject } from '../compare/model/subject.ts';
import { benchReport } from '../compare/report/bench.ts';
import { withRollout } from '../compare/report/rollout.ts';
import { engineTime, memoryFacts } from '../engine/docker.ts';
import { withRange } from '../lib/format.ts';

test('the median of odd and even numbers of samples', () => {
  expect(median([5, 1, 9])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('what could not be measured once is not measured', () => {
  expect(samplesOf([1, 'no clock', 3])).toEqual({ samples: [], median: null, reason: 'no clock' });
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

test('nothing is said of what was not measured, or only once', () => {
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
  const sequence = (ms: number) => ({
    cold: build(ms, ms === 20.04 ? `[2/2] ${secret}` : 'other'),
    noop: { ms: 1, steps: [] },
    afterEdit: build(ms, 'x'),
    afterDependency: build(ms, 'x'),
  });
  const { buildColdMs, buildNoopMs, memoryBytes } = benchReport({
    runs: 3,
    starts: [{ startMs: 1, nodeStartMs: 'no line', memory: { bytes: 5, counter: 'c' }, stopMs: 1 }],
    builds: [sequence(10), sequence(90), sequence(20.04)],
    noStarts: null,
  });
  expect(buildColdMs).toEqual({
    samples: [10, 90, 20],
    median: 20,
    reason: null,
    steps: { total: 1, cached: 0, slowest: [{ name: '[2/2] RUN NPM_TOKEN=*** npm ci', ms: 20.04 }] },
  });
  expect(buildNoopMs.steps).toBeNull();
  expect(memoryBytes).toEqual({ samples: [5], median: 5, reason: null, counter: 'c' });
});

test('times of the engine keep their fractions', () => {
  expect(engineTime('2026-11-21T09:01:52.383143699Z')).toBeCloseTo(Date.UTC(2026, 10, 21, 9, 1, 52) + 383.143699, 5);
  expect(engineTime('2026-11-21T10:01:52.5+01:00')).toBe(Date.UTC(2026, 10, 21, 9, 1, 52, 500));
  expect(engineTime('0001-01-01T00:00:00Z')).toBeNull();
  expect(engineTime('')).toBeNull();
});

test('memory is told by the counters of both cgroup versions, and not at all without them', () => {
  const v1 = { usage: 100, stats: { inactive_file: 1, total_inactive_file: 60 } };
  expect(memoryFacts(v1)).toEqual({
    bytes: 40,
    counter: 'cgroup v1: memory.usage_in_bytes − total_inactive_file',
  });
  const v2 = { usage: 100, stats: { inactive_file: 30 } };
  expect(memoryFacts(v2)).toEqual({ bytes: 70, counter: 'cgroup v2: memory.current − inactive_file' });
  expect(() => memoryFacts({})).toThrow('does not count');
});

test('a range is told in the unit of its median', () => {
  expect(withRange('time', 410.4, 374, 1447)).toBe('410 ms (374–1447)');
  expect(withRange('time', 6540, 980, 12_000)).toBe('6.54 s (0.98–12.00)');
  expect(withRange('bytes', 21_400_000, 900_000, 121_000_000)).toBe('21.4 MB (0.9–121.0)');
});

test('a rollout is arithmetic on the pull size', async () => {
  const text = await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8');
  const report: Report = reportSchema.parse(JSON.parse(text));
  const { images } = withRollout(report, 100_000_000);
  const [single] = images;
  // 125 646 580 bytes at 12.5 MB/s
  expect(single?.rollout).toEqual({
    pulls: 1000,
    bytes: 125_646_580_000,
    linkBitsPerSecond: 100_000_000,
    waitMs: 10_052,
  });
  expect(images.find(({ size }) => size === null)?.rollout).toBeNull();
  expect(withRollout(report, null).images[0]?.rollout).toMatchObject({ linkBitsPerSecond: null, waitMs: null });
});

async function folder(files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'context-'));
  onTestFinished(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(path, name, '..'), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

async function subjectIn(context: string, edit?: string): Promise<Subject> {
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\n');
  const [subject] = await findSubjects('x', context, {}, mergeSettings({ ...(edit !== undefined && { edit }) }));
  return subject as Subject;
}

test('edits are made in a copy, which has what the build context has', async () => {
  const files = {
    '.dockerignore': '# comment\nnode_modules\n/dist/\n*.md\n',
    'src/app.ts': 'export {};\n',
    'src/node_modules/kept.js': '',
    'node_modules/a/index.js': '',
    'dist/old.js': '',
    'notes.md': '',
  };
  const context = await folder(files);
  const copied = join(await folder({}), 'context');
  const copy = await copyContext(await subjectIn(context), copied);
  const there = (path: string) =>
    access(join(copied, path)).then(
      () => true,
      () => false,
    );
  expect(await Promise.all(Object.keys(files).map(there))).toEqual([true, true, true, false, false, false]);
  await copy.editSource();
  await copy.editSource();
  await copy.addDependency(new Map([['package.json', '{"new": true}']]));
  expect(await readFile(join(copied, 'src/app.ts'), 'utf8')).toBe(
    "export {};\n\nprocess.env['BENCH_EDIT'] = '1';\n\nprocess.env['BENCH_EDIT'] = '2';\n",
  );
  expect(await readFile(join(copied, 'package.json'), 'utf8')).toBe('{"new": true}');
  expect(await readFile(join(context, 'src/app.ts'), 'utf8')).toBe('export {};\n');
});

test('a .dockerignore with exceptions leaves the copy whole', async () => {
  const context = await folder({ '.dockerignore': 'dist\n!dist/keep.js\n', 'dist/keep.js': '' });
  const copied = join(await folder({}), 'context');
  const copy = await copyContext(await subjectIn(context), copied);
  await access(join(copied, 'dist/keep.js'));
  await expect(copy.editSource()).rejects.toThrow('no source file');
});

test('another source file is edited when it is named, with an empty line where it is no script', async () => {
  const context = await folder({ 'lib/x.rb': 'puts 1\n' });
  const copy = await copyContext(await subjectIn(context, 'lib/x.rb'), join(await folder({}), 'context'));
  const missing = await copyContext(await subjectIn(context, 'lib/y.rb'), join(await folder({}), 'context'));
  await expect(missing.editSource()).rejects.toThrow('no file lib/y.rb');
  await copy.editSource();
  expect(await readFile(join(context, 'lib/x.rb'), 'utf8')).toBe('puts 1\n');
});

test('a dependency is added to the manifest and the lock file, where there is one', async () => {
  const { signal } = new AbortController();
  const manifest = '{"name": "x", "version": "1.0.0", "dependencies": {}}\n';
  const without = await addDependency(await folder({ 'package.json': manifest }), signal);
  expect([...without.keys()]).toEqual(['package.json']);
  expect(JSON.parse(without.get('package.json') ?? '').dependencies).toEqual({ mitt: '3.0.1' });
  const lock = '{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {}}\n';
  const both = await addDependency(await folder({ 'package.json': manifest, 'package-lock.json': lock }), signal);
  expect(JSON.parse(both.get('package-lock.json') ?? '').packages['node_modules/mitt'].version).toBe('3.0.1');
  await expect(addDependency(await folder({}), signal)).rejects.toThrow('no package.json');
  const pnpm = await folder({ 'package.json': manifest, 'pnpm-lock.yaml': '' });
  await expect(addDependency(pnpm, signal)).rejects.toThrow('not one of npm');
  const workspace = await folder({ 'package.json': '{"workspaces": ["a"]}' });
  await expect(addDependency(workspace, signal)).rejects.toThrow('a workspace');
});
