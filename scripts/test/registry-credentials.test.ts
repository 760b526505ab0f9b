import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { describeError } from '../lib/errors.ts';
import { hide } from '../lib/hide.ts';
import { findCredentials } from '../registry/credentials.ts';
import { readChallenges } from '../registry/session.ts';
import { makeSettings, open, sendJson, sendManifest, serve } from './registry-server.ts';

const HOST = 'registry.example';
const find = (host = HOST, signal = new AbortController().signal) => findCredentials(host, signal);

/** Makes `docker-credential-NAME` of a shell script, on the PATH until the end of the test. Returns its directory. */
async function makeHelper(name: string, script: string): Promise<string> {
  const directory = await makeSettings();
  const path = join(directory, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  return directory;
}

const answer = (user: string, secret: string) =>
  `printf '%s' '${JSON.stringify({ ServerURL: HOST, Username: user, Secret: secret })}'`;

async function writeConfig(directory: string, config: unknown): Promise<void> {
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
}

test('without settings, and with none for the registry', async () => {
  vi.stubEnv('DOCKER_CONFIG', '/no/such/directory');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await find()).toBeNull();
  for (const config of ['', '{}', { auths: { other: { auth: 'dTpw' } } }, { auths: { [HOST]: {} } }, { auths: null }]) {
    await makeSettings(config);
    expect(await find()).toBeNull();
  }
});

test.each([
  [{ [HOST]: { auth: btoa('user:pass:word') } }, { user: 'user', password: 'pass:word' }],
  [{ [HOST]: { auth: btoa('user:pass\0\0') } }, { user: 'user', password: 'pass' }],
  [{ [`https://${HOST}/v2/`]: { auth: btoa('user:pass') } }, { user: 'user', password: 'pass' }],
  [{ [HOST]: { username: 'user', password: 'pass' } }, { user: 'user', password: 'pass' }],
  [{ [HOST]: { auth: btoa('0:'), identitytoken: 'refresh' } }, { identityToken: 'refresh' }],
])('%j', async (auths, expected) => {
  await makeSettings({ auths });
  expect(await find()).toEqual(expected);
});

test("Docker Hub's credentials have a key of their own", async () => {
  await makeSettings({ auths: { 'https://index.docker.io/v1/': { auth: btoa('user:pass') } } });
  expect(await find('docker.io')).toEqual({ user: 'user', password: 'pass' });
});

test.each([
  ['not JSON', '{"auths": {', /are damaged: they are not the JSON/],
  ['another shape', { auths: { [HOST]: 'x' } }, /are damaged: they are not the JSON/],
  ['no base64', { auths: { [HOST]: { auth: '%%%' } } }, /auths\["registry\.example"\]\.auth is not the base64/],
  ['no password', { auths: { [HOST]: { auth: btoa('user') } } }, /is not the base64 of USER:PASSWORD/],
  ['no user', { auths: { [HOST]: { auth: btoa(':secret-of-nobody') } } }, /is not the base64 of USER:PASSWORD/],
])('damaged settings: %s', async (_, config, message) => {
  const directory = await makeSettings(config);
  await expect(find()).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(message),
    hint: expect.stringContaining('docker login'),
  });
  await expect(find()).rejects.toThrow(`${directory}/config.json`);
});

test('settings that cannot be read', async () => {
  const directory = await makeSettings();
  await mkdir(join(directory, 'config.json'));
  await expect(find()).rejects.toThrow(/cannot be read: EISDIR/);
});

test('a helper gets the registry on standard input', async () => {
  const directory = await makeHelper(
    'one',
    `[ "$1" = get ] || exit 1\ncat > "$DOCKER_CONFIG/asked"\n${answer('user', 'pass')}`,
  );
  await writeConfig(directory, { credHelpers: { [HOST]: 'one' }, credsStore: 'missing' });
  expect(await find()).toEqual({ user: 'user', password: 'pass' });
  expect(await readFile(join(directory, 'asked'), 'utf8')).toBe(HOST);

  await writeConfig(directory, { auths: { 'registry.two': { auth: btoa('a:b') } }, credsStore: 'one' });
  expect(await find('registry.two')).toEqual({ user: 'user', password: 'pass' });
  expect(await find('docker.io')).toEqual({ user: 'user', password: 'pass' });
  expect(await readFile(join(directory, 'asked'), 'utf8')).toBe('https://index.docker.io/v1/');

  // An empty name switches the helper off for a registry.
  await writeConfig(directory, {
    auths: { [HOST]: { auth: btoa('a:b') } },
    credHelpers: { [HOST]: '' },
    credsStore: 'one',
  });
  expect(await find()).toEqual({ user: 'a', password: 'b' });
});

test("a helper's identity token", async () => {
  const directory = await makeHelper('one', answer('<token>', 'refresh'));
  await writeConfig(directory, { credsStore: 'one' });
  expect(await find()).toEqual({ identityToken: 'refresh' });
});

test('a helper that has nothing', async () => {
  const nothing = 'echo "a warning" >&2; echo "credentials not found in native keychain"; exit 1';
  const directory = await makeHelper('one', nothing);
  await writeConfig(directory, { auths: { [HOST]: { auth: btoa('a:b') } }, credsStore: 'one' });
  expect(await find()).toBeNull();
});

test.each([
  ['fails', 'cat > /dev/null; echo "The keychain is locked" >&2; exit 3', 'gave nothing for', 'The keychain is locked'],
  ['fails silently', 'exit 3', 'gave nothing for', 'It ended with 3.'],
  ['prints nonsense', 'echo "the secret is okapi-42"', 'printed no credentials for', undefined],
  ['prints nothing', '', 'printed no credentials for', undefined],
  ['prints another shape', `echo '{"Username":"okapi-42"}'`, 'printed no credentials for', undefined],
  ['prints a secret and fails', `${answer('user', 'okapi-42')}; exit 1`, 'gave nothing for', /Secret":\*\*\*/],
  ['prints without end', 'yes okapi-42', 'gave nothing for', 'docker-credential-one get printed too much.'],
])('a helper that %s', async (_, script, message, line) => {
  const directory = await makeHelper('one', script);
  await writeConfig(directory, { credsStore: 'one' });
  const error = await find().catch((reason) => reason);
  expect(error.message).toBe(`The credential helper docker-credential-one ${message} ${HOST}.`);
  if (line instanceof RegExp) expect(error.lines[0]).toMatch(line);
  else expect(error.lines[0]).toBe(line);
  expect(error.hint).toBe(`Check the helper, or set another one for ${HOST} in ${directory}/config.json.`);
  expect(describeError(error) + error.lines).not.toContain('okapi-42');
});

test('a helper that is not installed', async () => {
  await makeSettings({ credsStore: 'not-installed' });
  await expect(find()).rejects.toMatchObject({
    message: 'The credential helper docker-credential-not-installed cannot be started.',
    lines: [expect.stringContaining('ENOENT')],
  });
});

test.each(['../x', 'a/b', 'a b', '-x', '$(id)', 'x\n'])('%j is not the name of a helper', async (name) => {
  await makeSettings({ credsStore: name });
  await expect(find()).rejects.toThrow(/names a credential helper that cannot be a program/);
});

test('an interruption ends a helper', async () => {
  const directory = await makeHelper('one', 'touch "$DOCKER_CONFIG/started"; exec sleep 60');
  await writeConfig(directory, { credsStore: 'one' });
  const controller = new AbortController();
  const reason = new Error('interrupted');
  const finding = find(HOST, controller.signal);
  const timer = setInterval(async () => {
    const isStarted = await readFile(join(directory, 'started')).catch(() => null);
    if (isStarted) controller.abort(reason);
  }, 5);
  await expect(finding).rejects.toBe(reason);
  clearInterval(timer);
});

test('no output shows credentials, in any of their forms', async () => {
  await makeSettings({
    auths: {
      [HOST]: { auth: btoa('user:wombat & co') },
      other: { identitytoken: "numbat's +token" },
    },
  });
  await find();
  await find('other');
  const forms = ['wombat & co', 'wombat+%26+co', 'wombat%20%26%20co', btoa('user:wombat & co')];
  for (const form of [...forms, "numbat's +token", 'numbat%27s+%2Btoken']) expect(hide(`a ${form} b`)).toBe('a *** b');
});

test('a registry that asks for nothing starts no helper', async () => {
  const server = await serve((_, response) => sendManifest(response));
  const directory = await makeHelper('one', 'touch "$DOCKER_CONFIG/started"; exit 1');
  await writeConfig(directory, { credsStore: 'one' });
  await open(server.host).manifest();
  await expect(readFile(join(directory, 'started'))).rejects.toThrow(/ENOENT/);
});

test('a helper is asked once for all requests', async () => {
  const server = await serve(({ authorization }, response) => {
    if (authorization) sendManifest(response);
    else sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' });
  });
  const directory = await makeHelper('one', `echo x >> "$DOCKER_CONFIG/started"; ${answer('user', 'pass')}`);
  await writeConfig(directory, { credsStore: 'one' });
  const registry = open(server.host);
  await Promise.all([registry.manifest(), registry.manifest(), registry.manifest()]);
  expect(await readFile(join(directory, 'started'), 'utf8')).toBe('x\n');
});

test('challenges', () => {
  const read = (header: string | string[]) =>
    readChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
  expect(read('Basic realm="a, b=c"')).toEqual([['basic', { realm: 'a, b=c' }]]);
  expect(read('BEARER Realm = "x\\"y" ,service=z,scope=""')).toEqual([
    ['bearer', { realm: 'x"y', service: 'z', scope: '' }],
  ]);
  expect(read(['Negotiate', 'Basic realm=a, Bearer realm="b"'])).toEqual([
    ['negotiate', {}],
    ['basic', { realm: 'a' }],
    ['bearer', { realm: 'b' }],
  ]);
  for (const header of ['', ' , ', '"""', '=,=', []]) expect(read(header)).toEqual([]);
  const begin = performance.now();
  read('a'.repeat(16_000));
  read(`Basic ${'a="\\'.repeat(4000)}`);
  read(' '.repeat(16_000));
  expect(performance.now() - begin).toBeLessThan(500);
});
