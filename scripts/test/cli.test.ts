import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { readOptions } from '../compare/cli.ts';
import { CODES } from '../compare/model/finding-catalog.ts';
import { compare } from '../compare/pipeline.ts';
import { describeError, exitCodeOf } from '../lib/errors.ts';

const SCRIPTS = join(import.meta.dirname, '..');

function tool(name: 'compare' | 'setup' | 'sync', args: string[], env: NodeJS.ProcessEnv = {}, input = '') {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      ['--', 'start.mjs', name, ...args],
      { cwd: SCRIPTS, env: { ...process.env, GITHUB_STEP_SUMMARY: '', GITHUB_OUTPUT: '', INIT_CWD: SCRIPTS, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

test.concurrent.each(['compare', 'setup', 'sync'] as const)('%s --help explains and exits 0', async (name) => {
  const { code, stdout, stderr } = await tool(name, ['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Usage: npm run/);
  expect(stdout).toContain('Exit codes:');
  expect(stderr).toBe('');
});

const PROGRAM_CASES: [args: string[], message: RegExp][] = [
  [['--jsn', 'x'], /^unknown option '--jsn'\n\(Did you mean --json\?\)\nTry: npm run compare -- --help\n$/],
  [['77'], /^There is no chapter and no directory "77".\nThe chapters are: .*04-three-stage/],
  [['--from', '/no/such/file.json'], /^Cannot read the report .*there is no such file\nA report is what/],
];

test.concurrent.each(PROGRAM_CASES)(
  'the program prints one error for %j and ends with exit code 2',
  async (args, message) => {
    const { code, stdout, stderr } = await tool('compare', args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  },
);

/** The same as `tool`, but in this process, which is fast. No engine can be found. */
async function invoke(...args: string[]) {
  let [stdout, stderr, code] = ['', '', -1];
  vi.stubEnv('PATH', '/no/such/directory');
  vi.stubEnv('GITHUB_STEP_SUMMARY', '');
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += chunk;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr += chunk;
    return true;
  });
  try {
    const directories = { root: join(SCRIPTS, '..'), current: SCRIPTS };
    code = await compare(readOptions(args), directories, new AbortController().signal);
  } catch (error) {
    code = exitCodeOf(error);
    stderr += `${describeError(error)}\n`;
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
  return { code, stdout, stderr };
}

test.each([
  [['--jsn', 'x'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['--jobs', 'many'], /--jobs.*whole number/],
  [['--jobs', '0'], /--jobs.*whole number/],
  [['--json'], /argument missing/],
  [['--json='], /--json.*name of a file/],
  [['--json', '--keep'], /--json.*name of a file/],
  [['--json', '-', '--markdown', '-'], /only one of --json and --markdown/],
  [['--json', 'a', '--markdown', 'a'], /--json and --markdown expect two different files/],
  [['--json', '-', '--sarif', '-'], /only one of --json and --sarif can be standard output/],
  [['--markdown', '-', '--chart', '-'], /only one of --markdown and --chart can be standard output/],
  [['--chart', 'a', '--sarif', './a'], /--chart and --sarif expect two different files/],
  [['--chart'], /argument missing/],
  [['--sarif', '--github'], /--sarif.*name of a file/],
  [['--chart', '/no/such/directory/x.svg'], /Cannot write .*x\.svg: its directory does not exist/],
  [['--sarif', '/no/such/directory/x'], /Cannot write .*x: its directory does not exist/],
  [['--from', '-', '--baseline', '-'], /only one of --from and --baseline/],
  [['--from', 'x.json', '02'], /--from only shows a report/],
  [['--from', '/no/such/file.json'], /Cannot read the report .*there is no such file\nA report is what/],
  [
    ['--from', 'package.json'],
    /Cannot read the report package.json: it is not a report of this version: schemaVersion/,
  ],
  [['--from', 'test'], /Cannot read the report test: it is a directory/],
  [['--from', 'start.mjs'], /Cannot read the report start.mjs: it is not JSON/],
  [['--baseline', '/no/such/file.json'], /Cannot read the report/],
  [['--from', 'x.json', '--bench'], /--from only shows a report/],
  [['--from', 'x.json', '--scan', 'trivy'], /--from only shows a report/],
  [['--diff', 'a', 'b', '--scan', 'grype'], /--diff cannot be combined with .*--scan/],
  [['--scan', 'snyk'], /--scan expects one of: trivy, grype/],
  [['--scan', 'trivy --version'], /--scan expects one of: trivy, grype/],
  [['--runs', '3'], /--runs requires --bench/],
  [['--bench', '--runs', '0'], /--runs.*whole number/],
  [['--image', ''], /--image.*name of an image/],
  [['--explain', 'nothing'], /--explain.*expects one of: .*dev-dependency, /],
  [['77'], /There is no chapter and no directory "77".\nThe chapters are: .*04-three-stage/],
  [['./package.json'], /"\.\/package\.json" is a file, not a directory.\n.*--dockerfile \.\/package\.json/],
  [['lib'], /There is no Dockerfile in .*lib\.\nEvery Dockerfile/],
  [
    ['test'],
    /There is no Dockerfile in .*test\.\nBelow it there are: test\/images\/apps\/Dockerfile\. .*--dockerfile test/,
  ],
  [['--dockerfile', 'no-such'], /There is no Dockerfile .*no-such/],
  [['--dockerfile', 'no-such/Dockerfile'], /There is no chapter and no directory ".*no-such"/],
  [['--context', 'no-such'], /There is no chapter and no directory ".*no-such"/],
  [['02', '--context', 'no-such'], /The build context .*no-such is not a directory/],
  [['02', '03', '--context', '.'], /--dockerfile and --context belong to one directory/],
  [['--secret', 'npmrc'], /--secret.*id=npmrc,src=.npmrc/],
  [['02', '--secret', 'id=npmrc,src=no-such'], /There is no file .*no-such for the secret/],
  [['02', '--env-file', 'no-such'], /There is no file .*no-such for the environment file/],
  [['--env', '1=2'], /--env.*NAME=value/],
  [
    ['--build-arg', 'NO_SUCH_VARIABLE'],
    /--build-arg expects NAME=value, or the NAME of a variable that is set in the environment/,
  ],
  [['--port', '0'], /--port.*1 to 65535/],
  [['--port', 'http'], /--port.*1 to 65535/],
  [['--path', 'healthz'], /--path.*begins with a slash/],
  [['--expect-status', '20'], /--expect-status.*100 to 599/],
  [['--platform', 'arm64'], /--platform.*linux\/arm64/],
  [['--no-run', '--behaviour'], /--no-run cannot be combined with --behaviour/],
  [['--image', 'node:26', '--strict'], /--strict has nothing to check: no image is run/],
  [['--from', 'x.json', '--port', '80'], /--from only shows a report/],
  [['--diff', 'a'], /--diff expects two images, the earlier one first: --diff my\/app:1.1 my\/app:1.2/],
  [['--diff', 'a', 'b', 'c'], /--diff expects two images/],
  [['--diff', 'a', ''], /--diff expects two images/],
  [['--diff', 'a', 'b', '--image', 'c'], /--diff cannot be combined with --image, /],
  [['--diff', 'a', 'b', '--check'], /--diff cannot be combined with .*--check/],
  [['--diff', 'a', 'b', '--bench'], /--diff cannot be combined with .*--bench/],
  [['--diff', 'a', 'b', '--strict'], /--diff cannot be combined with .*--strict/],
  [['--diff', 'a', 'b', '--keep'], /--diff cannot be combined with .*--keep/],
  [['--diff', 'a', 'b', '--port', '80'], /--diff cannot be combined with .*options of projects/],
  [['--diff', '--from', 'x.json'], /--from shows the diff that a report has/],
  [['--json', '/no/such/directory/x.json'], /Cannot write \/no\/such\/directory\/x.json: its directory does not exist/],
])('compare %j is refused with exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await invoke(...args);
  expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test('options have the types of their schemas', () => {
  vi.stubEnv('FROM_ENVIRONMENT', 'a');
  const build = ['--build-arg', 'FROM_ENVIRONMENT', '--build-arg', 'B=c=d', '--dockerfile', 'a', '--dockerfile', 'b'];
  const run = ['--no-run', '--port', '80', '-e', 'EMPTY=', '--any-answer'];
  const options = readOptions(['02', ...build, ...run, '--bench', '--runs', '3', '--explain', '--image', 'x']);
  vi.unstubAllEnvs();
  expect(options).toMatchObject({
    names: ['02'],
    images: ['x'],
    bench: true,
    runs: 3,
    explain: true,
    behaviour: false,
  });
  expect(options.given).toEqual({
    buildArgs: { FROM_ENVIRONMENT: 'a', B: 'c=d' },
    dockerfiles: ['a', 'b'],
    run: false,
    port: 80,
    env: { EMPTY: '' },
    anyAnswer: true,
  });
  expect(readOptions(['a:1', '--diff', 'a:1'])).toMatchObject({ names: [], images: ['a:1', 'a:1'], diff: true });
  expect(readOptions(['--strict'])).toMatchObject({ names: [], given: {}, strict: true, behaviour: true, runs: 5 });
});

test.each([
  ['keep', 'keep'],
  ['build-arg', 'build_arg'],
])('--%s that npm took for itself is refused', (option, name) => {
  vi.stubEnv('npm_lifecycle_event', 'compare');
  vi.stubEnv(`npm_config_${name}`, 'true');
  const text = `npm took --${option} for itself. Options come after two dashes: npm run compare -- --${option}`;
  expect(() => readOptions(['02'])).toThrow(text);
  vi.unstubAllEnvs();
});

test('settings that npm has for other programs are not refused', () => {
  vi.stubEnv('npm_lifecycle_event', 'compare');
  for (const name of ['target', 'platform', 'run']) vi.stubEnv(`npm_config_${name}`, 'x');
  expect(readOptions(['02'])).toMatchObject({ names: ['02'], given: {} });
  vi.unstubAllEnvs();
});

test('setup does not start an engine when DOCKER_HOST names another one', async () => {
  const { code, stderr } = await tool('setup', [], { DOCKER_HOST: 'unix:///no/such/socket' });
  expect(stderr).toMatch(
    /DOCKER_HOST=unix:\/\/\/no\/such\/socket names, or unset DOCKER_HOST|There is no docker command/,
  );
  expect(code).toBe(3);
});

/** setup checks its arguments before it starts anything. */
const WITHOUT_ENGINE = { PATH: '' };

test.each([
  ['no-such', /^There is no chapter and no directory "no-such"\.\n/],
  ['start.mjs', /^"start\.mjs" is a file, not a directory\.\n/],
  ['lib', /^There is no Dockerfile in .*scripts\/lib\.\n/],
])('setup refuses to provide the base images of %s', async (name, message) => {
  const result = await tool('setup', [name], WITHOUT_ENGINE);
  expect(result).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
});

test.each([
  [['--stand-ins', '--remove-stand-ins'], /^option '--remove-stand-ins' cannot be used with option '--stand-ins'\n/],
  [['--remove-stand-ins', 'lib'], /^--remove-stand-ins expects no directories\.\n/],
])('setup refuses %j', async (args, message) => {
  expect(await tool('setup', args, WITHOUT_ENGINE)).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(message),
  });
});

test('setup --help names both options', async () => {
  expect(await tool('setup', ['--help'])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^ +--stand-ins .*\n +--remove-stand-ins /m),
    stderr: '',
  });
});

test('setup refuses an unknown option', async () => {
  expect(await tool('setup', ['--nope'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--nope') });
});

test.each([
  ['no client', { PATH: '/no/such/directory' }, /There is no docker command on the PATH/, 'npm run setup'],
  [
    'no engine',
    { DOCKER_HOST: 'unix:///no/such/socket' },
    /No container engine responds|There is no docker command/,
    'unset DOCKER_HOST',
  ],
])('%s is exit code 3, with what to do', async (_name, env, message, advice) => {
  const { code, stdout, stderr } = await tool('compare', [], env);
  expect(stderr).toMatch(message);
  expect(stderr).toContain(advice);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(code).toBe(3);
});

// The tests below show stored reports with --from: without an engine, and every output is its golden file.

const GOLDEN = join(SCRIPTS, 'test/golden');
const golden = (name: string) => readFile(join(GOLDEN, name), 'utf8');
// Two images of the stored report failed.
const REPORT = ['--from', join(GOLDEN, 'report.json')];

test('the program prints a stored report', async () => {
  const { code, stdout } = await tool('compare', REPORT, { PATH: '/no/such/directory' });
  expect(code).toBe(1);
  await expect(stdout).toMatchFileSnapshot('golden/terminal.txt');
});

test.each([
  ['report.json', ['--json', '-']],
  ['from.md', ['--markdown', '-']],
  ['from-inside.txt', ['--inside']],
])('--from prints %s', async (name, args) => {
  const { code, stdout } = await invoke(...REPORT, ...args);
  expect(code).toBe(1);
  await expect(stdout).toMatchFileSnapshot(`golden/${name}`);
});

test('--strict with --from: exit code 1 for a failed check of another variant than single, 2 without checks', async () => {
  const report = JSON.parse(await golden('report.json'));
  // Failed images are an error without --strict as well.
  report.images = report.images.filter(({ ok }: { ok: boolean }) => ok);
  const directory = await mkdtemp(join(tmpdir(), 'strict-'));
  const path = join(directory, 'report.json');
  const judge = async () => {
    await writeFile(path, JSON.stringify(report));
    return invoke('--from', path, '--strict');
  };
  try {
    expect((await judge()).code).toBe(0);
    const multi = report.images.find(({ variant }: { variant: string }) => variant === 'multi');
    multi.behaviour[0] = { name: 'same-responses', ok: false, reason: 'another body' };
    expect((await judge()).code).toBe(1);
    for (const image of report.images) image.behaviour = null;
    const { code, stderr } = await judge();
    expect(stderr).toBe('The report has no behaviour in it: it was made without --behaviour.\n');
    expect(code).toBe(2);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('--from writes files, reads standard input, and with --quiet prints only failures', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'from-'));
  try {
    const [json, markdown, summary] = ['a.json', 'a.md', 'summary.md'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(summary, 'before\n');
    const quiet = await invoke(...REPORT, '--json', json, '--markdown', markdown, '--quiet');
    expect(quiet).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^FAILED 02-multi-stage broken\n/),
    });
    expect(await readFile(json, 'utf8')).toBe(await golden('report.json'));
    expect(await readFile(markdown, 'utf8')).toBe(await golden('from.md'));
    const again = await tool(
      'compare',
      ['--from', '-', '--json', '-'],
      { GITHUB_STEP_SUMMARY: summary },
      await golden('report.json'),
    );
    expect(again.stdout).toBe(await golden('report.json'));
    expect(await readFile(summary, 'utf8')).toBe(`before\n${await golden('from.md')}`);
    expect((await readdir(directory)).sort()).toEqual(['a.json', 'a.md', 'summary.md']);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('--chart and --sarif with --from: files, or standard output', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'formats-'));
  try {
    const [chart, sarif] = [join(directory, 'a.svg'), join(directory, 'a.sarif')];
    const { stderr } = await invoke(...REPORT, '--chart', chart, '--sarif', sarif);
    expect(stderr).toBe(`Written: ${chart}\nWritten: ${sarif}\n`);
    for (const [option, file, begin] of [
      ['--chart', chart, '<svg '],
      ['--sarif', sarif, '{'],
    ] as const) {
      const { stdout, code } = await invoke(...REPORT, option, '-');
      expect(code).toBe(1);
      expect(stdout.startsWith(begin)).toBe(true);
      expect(await readFile(file, 'utf8')).toBe(stdout);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('--github: annotations after the table, or beside a document, and the outputs of the step', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'github-'));
  try {
    const [output, json] = [join(directory, 'output'), join(directory, 'a.json')];
    await writeFile(output, 'earlier=1\n');
    const env = { GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: output, GITHUB_WORKSPACE: join(SCRIPTS, '..') };
    const { stdout } = await tool('compare', [...REPORT, '--github', '--json', json], env);
    const table = (await golden('terminal.txt')).trimEnd();
    expect(stdout.startsWith(`${table}\n::error file=scripts/02-multi-stage/Dockerfile.broken,line=4,title=`)).toBe(
      true,
    );
    expect(await readFile(output, 'utf8')).toMatch(
      /^earlier=1\nimage=02-multi-stage multi\nunpacked-bytes=\d+\n(.*\n)*sizes=\[.*\]\nreport=.*a\.json\nfailed=true\n$/,
    );
    // The annotations of a directory outside of the repository have no file.
    const outside = { ...env, INIT_CWD: directory, GITHUB_OUTPUT: '' };
    const other = await tool('compare', ['--from', join(GOLDEN, 'report.json'), '--github'], outside);
    expect(other.stdout).toMatch(/^::error title=FAILED 02-multi-stage broken/m);
    const document = await tool('compare', [...REPORT, '--github', '--markdown', '-'], { GITHUB_OUTPUT: directory });
    expect(document.stdout).toBe(await golden('from.md'));
    expect(document.stderr).toMatch(/^::error /m);
    expect(document.stderr).toMatch(/^Not added to the step's outputs: /m);
    const without = await tool('compare', REPORT, env);
    expect(without.stdout).not.toMatch(/^::/m);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('--baseline and --check with --from', async () => {
  const { code, stdout } = await invoke(...REPORT, '--baseline', join(GOLDEN, 'report.json'), '--check');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^Changes since 2026-11-21 12:00 UTC\nTimes and memory: .*\nunchanged: 02-multi-stage single \(stand-in\), /m,
  );
  expect(stdout).toMatch(/^PASS {2}02-multi-stage multi \(stand-in\), unpacked: .* of single; /m);
  expect(stdout).toMatch(/^Budgets: \d+ passed, 0 failed, \d+ skipped\.$/m);
});

test('--explain without a code lists all findings', async () => {
  const { code, stdout } = await invoke('--explain');
  expect(stdout).toMatch(/^warning {2}dev-dependency +Development dependencies are installed\.$/m);
  expect({ code, lines: stdout.trim().split('\n').length }).toEqual({ code: 0, lines: CODES.length });
});

test('standard output that cannot be written is one error', async (context) => {
  if (process.platform !== 'linux') context.skip(); // Only Linux has a device that is always full.
  const full = await open('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, ['start.mjs', 'compare', ...REPORT], {
      cwd: SCRIPTS,
      stdio: ['ignore', full.fd, 'pipe'],
    });
    const [stderr, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')]);
    expect(stderr).toMatch(/^Cannot write to standard output: .*no space left/m);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(1);
  } finally {
    await full.close();
  }
});

test('--explain explains a finding, without an engine', async () => {
  const { code, stdout } = await invoke('--explain', 'npm-cache');
  expect({ code, stdout }).toEqual({ code: 0, stdout: await golden('explain.txt') });
});
