import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { CODES } from '../compare/model/finding-catalog.ts';

const SCRIPTS = join(import.meta.dirname, '..');

function tool(name: 'compare' | 'setup', args: string[], env: NodeJS.ProcessEnv = {}, input = '') {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      ['--', 'start.mjs', name, ...args],
      { cwd: SCRIPTS, env: { ...process.env, GITHUB_STEP_SUMMARY: '', INIT_CWD: SCRIPTS, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

test.each(['compare', 'setup'] as const)('%s --help explains and exits 0', async (name) => {
  const { code, stdout, stderr } = await tool(name, ['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Usage: npm run/);
  expect(stdout).toContain('Exit codes:');
  expect(stderr).toBe('');
});

test.concurrent.each([
  [['--jsn', 'x'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['--jobs', 'many'], /--jobs.*whole number/],
  [['--jobs', '0'], /--jobs.*whole number/],
  [['--json'], /argument missing/],
  [['--json='], /--json.*name of a file/],
  [['--json', '--keep'], /--json.*name of a file/],
  [['--json', '-', '--markdown', '-'], /only one of --json and --markdown/],
  [['--json', 'a', '--markdown', 'a'], /--json and --markdown must be two different files/],
  [['--from', '-', '--baseline', '-'], /only one of --from and --baseline/],
  [['--from', 'x.json', '02'], /--from shows a report as it is/],
  [['--from', '/no/such/file.json'], /Cannot read the report .*there is no such file\nA report is what/],
  [
    ['--from', 'package.json'],
    /Cannot read the report package.json: it is not a report of this version: schemaVersion/,
  ],
  [['--from', 'test'], /Cannot read the report test: it is a folder/],
  [['--from', 'start.mjs'], /Cannot read the report start.mjs: it is not JSON/],
  [['--baseline', '/no/such/file.json'], /Cannot read the report/],
  [['--from', 'x.json', '--bench'], /--from shows a report as it is/],
  [['--runs', '3'], /--runs belongs to --bench/],
  [['--mistakes', '--runs', '1'], /--mistakes needs two runs or more/],
  [['--mistakes', '--keep'], /--mistakes measures in its own way/],
  [['--mistakes', '--check'], /--mistakes measures in its own way/],
  [['--mistakes', '--port', '80'], /--mistakes measures in its own way/],
  [['--mistakes', 'test/projects/no-build'], /--mistakes shows those of the chapters, and no-build is none/],
  [['--from', 'x.json', '--mistakes'], /--from shows a report as it is/],
  [['--from', 'test/golden/mistakes.json', '--check'], /The report is one of mistakes/],
  [['--from', 'test/golden/mistakes.json', '--strict'], /The report is one of mistakes/],
  [['--bench', '--runs', '0'], /--runs.*whole number/],
  [['--link', '100'], /--link.*bandwidth in bits, such as 100Mbps/],
  [['--link', '0Mbps'], /--link.*bandwidth in bits/],
  [['--link', '100MBps'], /--link.*bandwidth in bits/],
  [['--image', ''], /--image.*name of an image/],
  [['--explain', 'nothing'], /--explain.*must be one of: dev-dependency, /],
  [['77'], /There is no chapter and no folder "77".\nThe chapters are: .*04-three-stage/],
  [['./package.json'], /"\.\/package\.json" is a file, not a folder.\n.*--dockerfile \.\/package\.json/],
  [['lib'], /There is no Dockerfile in .*lib\.\nEvery Dockerfile/],
  [
    ['test'],
    /There is no Dockerfile in .*test\.\nBelow it there are: test\/projects\/no-build\/Dockerfile\. .*--dockerfile test/,
  ],
  [['--dockerfile', 'no-such'], /There is no Dockerfile .*no-such/],
  [['--dockerfile', 'no-such/Dockerfile'], /There is no chapter and no folder ".*no-such"/],
  [['--context', 'no-such'], /There is no chapter and no folder ".*no-such"/],
  [['02', '--context', 'no-such'], /The build context .*no-such is no folder/],
  [['02', '03', '--context', '.'], /--dockerfile and --context belong to one folder/],
  [['--secret', 'npmrc'], /--secret.*id=npmrc,src=.npmrc/],
  [['02', '--secret', 'id=npmrc,src=no-such'], /There is no file .*no-such for the secret/],
  [['02', '--env-file', 'no-such'], /There is no file .*no-such for the environment file/],
  [['--env', '1=2'], /--env.*NAME=value/],
  [['--build-arg', 'NO_SUCH_VARIABLE'], /--build-arg.*no value, here and in the environment/],
  [['--port', '0'], /--port.*1 to 65535/],
  [['--port', 'http'], /--port.*1 to 65535/],
  [['--path', 'healthz'], /--path.*begin with a slash/],
  [['--expect-status', '20'], /--expect-status.*100 to 599/],
  [['--platform', 'arm64'], /--platform.*linux\/arm64/],
  [['--no-run', '--behaviour'], /--no-run and --behaviour contradict/],
  [['--from', 'x.json', '--port', '80'], /--from shows a report as it is/],
  [['--json', '/no/such/folder/x.json'], /Cannot write \/no\/such\/folder\/x.json: its folder does not exist/],
])('compare %j is refused with exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await tool('compare', args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test('an option that npm took for itself is noticed', async () => {
  const env = { npm_lifecycle_event: 'compare', npm_config_keep: 'true' };
  const { code, stderr } = await tool('compare', ['02'], env);
  expect(stderr).toBe('npm took --keep for itself. Options come after two dashes: npm run compare -- --keep\n');
  expect(code).toBe(2);
});

test('setup does not start an engine beside the one that DOCKER_HOST names', async () => {
  const { code, stderr } = await tool('setup', [], { DOCKER_HOST: 'unix:///no/such/socket' });
  expect(stderr).toMatch(/DOCKER_HOST=unix:\/\/\/no\/such\/socket names an engine|There is no docker command/);
  expect(code).toBe(3);
});

test('setup refuses what it does not know', async () => {
  expect(await tool('setup', ['--nope'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--nope') });
});

test.each([
  ['no client', { PATH: '/no/such/folder' }, /There is no docker command on the PATH/],
  ['no engine', { DOCKER_HOST: 'unix:///no/such/socket' }, /No container engine answers|There is no docker command/],
])('%s is exit code 3 with what to do', async (_name, env, message) => {
  const { code, stdout, stderr } = await tool('compare', [], env);
  expect(stderr).toMatch(message);
  expect(stderr).toContain('npm run setup');
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(code).toBe(3);
});

// --from, from here on: no engine is asked, and every output is the golden file byte for byte.

const GOLDEN = join(SCRIPTS, 'test/golden');
const golden = (name: string) => readFile(join(GOLDEN, name), 'utf8');
/** The report holds two images that failed, and a client that does not exist would be noticed. */
const from = (...args: string[]) =>
  tool('compare', ['--from', join(GOLDEN, 'report.json'), ...args], { PATH: '/no/such/folder' });

test.each([
  ['terminal.txt', []],
  ['report.json', ['--json', '-']],
  ['from.md', ['--markdown', '-']],
  ['from-inside.txt', ['--inside']],
])('--from prints %s', async (name, args) => {
  const { code, stdout } = await from(...args);
  expect(code).toBe(1);
  await expect(stdout).toMatchFileSnapshot(`golden/${name}`);
});

test('--from shows a report of mistakes as such, and one that does not start is no failure', async () => {
  const [stored, asText] = await Promise.all([golden('mistakes.json'), golden('mistakes.txt')]);
  const show = (...args: string[]) => tool('compare', ['--from', '-', ...args], { PATH: '/no/such/folder' }, stored);
  expect(await show()).toMatchObject({ code: 0, stdout: asText });
  expect(await show('--json', '-')).toMatchObject({ code: 0, stdout: stored });
  expect(await show('--markdown', '-')).toMatchObject({ code: 0, stdout: await golden('mistakes.md') });
  const { stdout } = await show('--inside');
  expect(stdout).toContain(asText.trim());
  expect(stdout).toMatch(/^02-multi-stage\/npm-start mistake \(stand-in\): .* on disk, /m);
});

test('--strict judges a report: exit 1 for a miss on another variant than single, 2 without behaviour', async () => {
  const report = JSON.parse(await readFile(join(SCRIPTS, 'test/golden/report.json'), 'utf8'));
  // Failed images are an error by themselves.
  report.images = report.images.filter(({ ok }: { ok: boolean }) => ok);
  const judge = async () => (await tool('compare', ['--from', '-', '--strict'], {}, JSON.stringify(report))).code;
  expect(await judge()).toBe(0);
  const multi = report.images.find(({ variant }: { variant: string }) => variant === 'multi');
  multi.behaviour[0] = { name: 'same-answers', ok: false, reason: 'another body' };
  expect(await judge()).toBe(1);
  for (const image of report.images) image.behaviour = null;
  const { code, stderr } = await tool('compare', ['--from', '-', '--strict'], {}, JSON.stringify(report));
  expect(stderr).toBe('The report has no behaviour in it: it was made without --behaviour.\n');
  expect(code).toBe(2);
});

test('--link reckons the rollout of a stored report anew', async () => {
  const { stdout } = await tool('compare', ['--from', 'test/golden/report.json', '--link', '1Gbps']);
  expect(stdout).toContain('a node waits, at 1 Gbps');
  expect(stdout).toMatch(/^02-multi-stage +single \(stand-in\) +126 MB +126 GB +1\.00 s$/m);
});

test('--from writes files, reads standard input, and says nothing when it is quiet but what failed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'from-'));
  try {
    const [json, markdown, summary] = ['a.json', 'a.md', 'summary.md'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(summary, 'before\n');
    const quiet = await from('--json', json, '--markdown', markdown, '--quiet');
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
    expect((await readdir(folder)).sort()).toEqual(['a.json', 'a.md', 'summary.md']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('--baseline and --check with --from', async () => {
  const { code, stdout } = await from('--baseline', join(GOLDEN, 'report.json'), '--check');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^Since 2026-11-21 12:00 UTC\n {2}Times and memory: .*\n {2}unchanged: 02-multi-stage single \(stand-in\), /m,
  );
  expect(stdout).toMatch(/^PASS {2}02-multi-stage multi \(stand-in\), on disk: .* of single; /m);
  expect(stdout).toMatch(/^Budgets: \d+ passed, 0 failed, \d+ skipped\.$/m);
});

test('--explain without a code lists them all', async () => {
  const { code, stdout } = await tool('compare', ['--explain']);
  expect(stdout).toMatch(/^warning {2}dev-dependency +Development dependencies are installed\.$/m);
  expect({ code, lines: stdout.trim().split('\n').length }).toEqual({ code: 0, lines: CODES.length });
});

test('standard output that cannot be written is one clear error', async (context) => {
  if (process.platform !== 'linux') context.skip(); // Only Linux has a device that is always full.
  const full = await open('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, ['start.mjs', 'compare', '--from', join(GOLDEN, 'report.json')], {
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

test('--explain says what a finding means, without an engine', async () => {
  const { code, stdout } = await tool('compare', ['--explain', 'npm-cache'], { PATH: '/no/such/folder' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: await golden('explain.txt') });
});
