import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { hasBudgets } from '../action/has-budgets.ts';
import { readLines, readName } from '../action/inputs.ts';
import { PACKAGE, readOptions } from '../compare/cli.ts';

// The step that measures, without an engine: it shows a report that is there. images/action.test.ts measures with it.

const GOLDEN = join(import.meta.dirname, 'golden/report.json');
const root = await mkdtemp(join(tmpdir(), 'measure-'));
// Below node_modules, where the packages are found.
const cache = join(import.meta.dirname, '../../node_modules/.cache');
await mkdir(cache, { recursive: true });
const bundle = await mkdtemp(join(cache, 'measure-'));
afterAll(async () => {
  await rm(root, { recursive: true });
  await rm(bundle, { recursive: true });
});
// As one file: start.mjs with tsx takes longer than all that the step does. images/action.test.ts starts it that way.
await build({
  entryPoints: [join(import.meta.dirname, '../action/measure.ts')],
  outfile: join(bundle, 'measure.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
});
afterEach(() => vi.unstubAllEnvs());

/** Runs the step in a job of its own. `saved` is what the cache has restored. */
async function measure(env: Record<string, string>, saved?: string) {
  const temp = await mkdtemp(join(root, 'job-'));
  const file = (name: string) => join(temp, name);
  for (const name of ['output', 'summary']) await writeFile(file(name), '');
  if (saved !== undefined) await writeFile(file('images.json'), saved);
  const inputs = { INPUT_DIRECTORIES: '', INPUT_OPTIONS: `--from\n${GOLDEN}\n--quiet`, INPUT_NAME: 'images', ...env };
  const files = { RUNNER_TEMP: temp, GITHUB_OUTPUT: file('output'), GITHUB_STEP_SUMMARY: file('summary') };
  const variables = { GITHUB_REF_NAME: 'topic', GITHUB_BASE_REF: 'main' };
  const [code, log] = await new Promise<[number, string]>((resolve) => {
    const options = { cwd: temp, env: { ...process.env, ...files, ...variables, ...inputs } };
    const child = execFile(process.execPath, [join(bundle, 'measure.mjs')], options, (_error, stdout, stderr) => {
      resolve([child.exitCode ?? -1, stdout + stderr]);
    });
  });
  const read = (name: string) => readFile(file(name), 'utf8').catch(() => null);
  return { code, log, read, file, outputs: (await read('output')) ?? '', summary: (await read('summary')) ?? '' };
}

const golden = JSON.parse(await readFile(GOLDEN, 'utf8'));
const passed = { ...golden, images: golden.images.filter(({ ok }: { ok: boolean }) => ok) };

describe.concurrent('the step that measures', () => {
  test('a report with an image that failed does not become the baseline', async () => {
    const { code, summary, outputs, read, file, log } = await measure({});
    expect([code, log]).toEqual([1, expect.stringContaining('There is no report of main yet: all images are new.')]);
    expect(summary).toMatch(/^There is no report of main yet: all images are new\.\n\n### Image sizes/);
    expect(outputs).toContain(`chart=${file('images/chart.svg')}\nsarif=${file('images/findings.sarif')}\n`);
    expect(outputs).toContain(`report=${file('images/report.json')}\n`);
    expect(outputs).toContain('complete=false\n');
    expect(await read('images.json')).toBeNull();
  });

  test('a report without failures does, and a change is compared with what was restored', async () => {
    const [first, ...others] = passed.images;
    const older = { ...passed, images: [{ ...first, size: { ...first.size, unpackedBytes: 1000 } }, ...others] };
    await writeFile(join(root, 'passed.json'), JSON.stringify(passed));
    const options = { INPUT_OPTIONS: `  --from=${join(root, 'passed.json')}\r\n\n` };
    const { code, summary, outputs, read } = await measure(options, JSON.stringify(older));
    expect(code).toBe(0);
    expect(summary).toMatch(/^### Changes since [\s\S]* unpacked +\| +1 kB \|/);
    expect(outputs).toContain('complete=true\n');
    expect(JSON.parse((await read('images/baseline.json')) ?? '')).toEqual(older);
    expect(JSON.parse((await read('images.json')) ?? '')).toEqual(passed);
  });

  test.each([
    ['not JSON', 'it is not JSON'],
    ['{"schemaVersion":99}', 'it is not a report of this version'],
  ])('a baseline that cannot be read means that all is new: %s', async (saved, problem) => {
    const { summary, read, outputs } = await measure({}, saved);
    expect(summary).toMatch(
      new RegExp(`^The report of main cannot be compared with. .*${problem}.*: all images are new.`),
    );
    expect(await read('images/baseline.json')).toBeNull();
    expect(outputs).toContain('unpacked-difference=\n');
  });

  test('the files of an earlier step with the same name are not those of one that measured nothing', async () => {
    const temp = await mkdtemp(join(root, 'twice-'));
    await mkdir(join(temp, 'images'));
    for (const name of ['report.json', 'chart.svg', 'findings.sarif', 'other']) {
      await writeFile(join(temp, 'images', name), JSON.stringify(passed));
    }
    const { code, outputs } = await measure({ RUNNER_TEMP: temp, INPUT_OPTIONS: '--no-such' });
    expect([code, outputs]).toEqual([2, '']);
    expect(await readdir(join(temp, 'images'))).toEqual(['other']);
  });

  test.each([
    [{ INPUT_NAME: '../x' }, 'The input "name" expects letters, digits, dots and single hyphens, not "../x".'],
    [{ INPUT_OPTIONS: '--no-such' }, "unknown option '--no-such'"],
    [{ INPUT_OPTIONS: '--json=x' }, 'The action sets --json itself.\nRemove it from the options'],
    [{ INPUT_OPTIONS: '', INPUT_DIRECTORIES: 'not here; touch x' }, 'not here; touch x'],
    [{ RUNNER_TEMP: '' }, 'The environment variable RUNNER_TEMP is not set.'],
  ])('wrong use ends with exit code 2: %j', async (env, message) => {
    const { code, log, outputs, read } = await measure(env);
    expect(log).toContain(message);
    expect(log).not.toMatch(/\n\s+at /);
    expect([code, outputs, await read('x')]).toEqual([2, '', null]);
  });
});

test('an input has a value on each line', () => {
  vi.stubEnv('INPUT_OPTIONS', '  --port=8080 \r\n\n--env\nA=$(b) c\n');
  expect(readLines('INPUT_OPTIONS')).toEqual(['--port=8080', '--env', 'A=$(b) c']);
  for (const name of ['compare-dockerfiles', 'a', 'api_2.0']) {
    vi.stubEnv('INPUT_NAME', name);
    expect(readName()).toBe(name);
  }
  for (const name of ['', '.', '..', 'a/b', '-a', 'a b', 'a--b', 'a\nb', 'a:b']) {
    vi.stubEnv('INPUT_NAME', name);
    expect(() => readName()).toThrow('The input "name"');
  }
});

test('budgets are checked where a configuration has some', async () => {
  const directory = join(root, 'projects');
  const configs = { with: '{"budgets":{}}', without: '{"port":1}', images: '{"imageBudgets":{}}', wrong: '{' };
  for (const [name, config] of Object.entries(configs)) {
    await mkdir(join(directory, name), { recursive: true });
    await writeFile(join(directory, name, 'compare-dockerfiles.config.json'), config);
  }
  const found = (args: string[], current = '.') => hasBudgets(readOptions(args, PACKAGE), join(directory, current));
  expect(await found(['without', 'with'])).toBe(true);
  expect(await found(['.', 'without', 'wrong'])).toBe(false);
  // The current directory, where nothing else is named.
  expect(await found([], 'with')).toBe(true);
  expect(await found([], 'without')).toBe(false);
  expect(await found(['--context=with'])).toBe(true);
  for (const image of [['--image', 'a'], ['--image=a']]) {
    expect(await found(image, 'images')).toBe(true);
    // Nothing would be checked, which compare refuses.
    expect(await found(image, 'with')).toBe(false);
  }
  expect(await found(['.'], 'images')).toBe(false);
});
