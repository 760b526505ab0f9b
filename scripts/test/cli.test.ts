import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPTS = join(import.meta.dirname, '..');

function tool(name: 'compare' | 'setup', args: string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      ['start.mjs', name, ...args],
      { cwd: SCRIPTS, env: { ...process.env, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

test.each(['compare', 'setup'] as const)('%s --help explains and exits 0', async (name) => {
  const { code, stdout, stderr } = await tool(name, ['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Usage: npm run/);
  expect(stdout).toContain('Exit codes:');
  expect(stderr).toBe('');
});

test.each([
  [['--jsn', 'x'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  [['--jobs', 'many'], /--jobs.*whole number/],
  [['--jobs', '0'], /--jobs.*whole number/],
  [['--json'], /argument missing/],
  [['--json='], /--json.*name of a file/],
  [['--json', '--keep'], /--json.*name of a file/],
  [['77'], /There is no chapter "77".\nThe chapters are: .*04-three-stage/],
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
