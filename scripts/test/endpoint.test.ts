import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { isLoopback, isThisMachine, readEndpoint } from '../engine/endpoint.ts';
import { throwBuildError } from '../engine/engine-errors.ts';
import { readBuilderNames } from '../engine/find-builder.ts';
import { publishedPorts, reachDirectly } from '../engine/published-ports.ts';
import { describeSshError, sshArgs } from '../engine/ssh-tunnel.ts';
import { ToolError } from '../lib/errors.ts';

const tcp = (host: string) => ({ kind: 'tcp', host }) as const;
const local = { kind: 'local' } as const;

test.each([
  ['', local],
  ['unix:///var/run/docker.sock', local],
  ['npipe:////./pipe/docker_engine', local],
  ['fd://', local],
  ['tcp://build-host:2376', tcp('build-host')],
  ['tcp://192.0.2.1:2375/path', tcp('192.0.2.1')],
  ['http://host', tcp('host')],
  ['https://host.example/', tcp('host.example')],
  ['host:2375', tcp('host')],
  [':2375', tcp('localhost')],
  ['tcp://[2001:db8::1]:2376', tcp('2001:db8::1')],
  ['tcp://[fe80::1%25eth0]:2376', tcp('fe80::1%eth0')],
  ['ssh://host', { kind: 'ssh', host: 'host' }],
  ['ssh://me@host:2222', { kind: 'ssh', host: 'host', user: 'me', port: '2222' }],
  ['ssh://me@[::1]:22/run/user/1/podman/podman.sock', { kind: 'ssh', host: '::1', user: 'me', port: '22' }],
  ['ssh://DOMAIN%5Cme@host', { kind: 'ssh', host: 'host', user: 'DOMAIN\\me' }],
])('the engine at %s', (address, endpoint) => {
  expect(readEndpoint(address)).toEqual(endpoint);
});

test.each([
  'ssh://-oProxyCommand=x',
  'ssh://-oProxyCommand=x/',
  'ssh://-lroot@host',
  'ssh://a;b',
  'ssh://a$(b)',
  'ssh://$(b)@host',
  'ssh://',
])('no option and nothing for a shell is a host or a user of ssh: %s', (address) => {
  expect(() => readEndpoint(address)).toThrow(/characters that they cannot have/);
});

test('an address that cannot be read is not taken for this machine', () => {
  expect(() => readEndpoint('tcp://a:b:c')).toThrow('cannot be read');
});

test('ssh gets each part as an argument of its own, and the host after --', () => {
  const args = sshArgs({ host: 'host', user: 'me', port: '22', identity: '/key' }, ['-W', '127.0.0.1:80'], ['cat']);
  expect(args.join(' ')).toBe('-T -a -x -o LogLevel=INFO -W 127.0.0.1:80 -l me -p 22 -i /key -- host cat');
  expect(sshArgs({ host: 'host' }, []).slice(-2)).toEqual(['--', 'host']);
});

test('loopback addresses, and this machine under its other names', async () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1'])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ['localhost.example', '127.0.0.1.example', '128.0.0.1', '::2', 'docker'])
    expect(isLoopback(host), host).toBe(false);
  expect(await isThisMachine('127.0.0.1')).toBe(true);
  expect(await isThisMachine('192.0.2.77')).toBe(false);
  expect(await isThisMachine('no-such-host.invalid')).toBe(false);
  expect(typeof (await isThisMachine(hostname()))).toBe('boolean');
});

test.each([
  ['a socket', local, '127.0.0.1', '127.0.0.1'],
  ['a socket', local, '0.0.0.0', '127.0.0.1'],
  ['a socket', local, '', '127.0.0.1'],
  ['a socket', local, '::', '::1'],
  ['a socket', local, '172.17.0.1', '172.17.0.1'],
  ['tcp on the loopback address', tcp('127.0.0.1'), '127.0.0.1', '127.0.0.1'],
  ['tcp on the loopback address', tcp('localhost'), '0.0.0.0', '127.0.0.1'],
  ['tcp', tcp('build-host'), '0.0.0.0', 'build-host'],
  ['tcp', tcp('2001:db8::1'), '::', '2001:db8::1'],
  ['tcp', tcp('build-host'), '10.0.0.7', '10.0.0.7'],
])('an engine behind %s: %o publishes on %s, which is reached at %s', (_name, endpoint, host, expected) => {
  expect(reachDirectly(endpoint, { host, port: 80 })).toEqual({ host: expected, port: 80 });
});

test('ports on the loopback address of another machine: the two ways out, in one line', async () => {
  const connect = (host: string, publish?: string) => publishedPorts(tcp(host), publish).connect();
  for (const publish of [undefined, '127.0.0.1', '::1'])
    await expect(connect('192.0.2.77', publish)).rejects.toMatchObject({
      code: 'usage',
      message:
        "The engine is on another machine, 192.0.2.77, and publishes ports only there: add --publish 0.0.0.0, which opens the app to that machine's network while it runs, or --no-run.",
      hint: undefined,
    });
  await expect(connect('2001:db8::77')).rejects.toThrow('--publish ::,');
  await connect('192.0.2.77', '0.0.0.0');
  await connect('127.0.0.1');
  await publishedPorts(local).connect();
});

const failed = (...lines: string[]) => new ToolError('ssh -T failed:', { code: 'program-failed', lines });

test.each([
  [['me@host: Permission denied (publickey).'], 'me@host: Permission denied (publickey).'],
  [['x', 'Host key verification failed.'], 'Host key verification failed.'],
  [
    ['channel 0: open failed: administratively prohibited: open failed', 'stdio forwarding failed'],
    'channel 0: open failed: administratively prohibited: open failed. Let sshd forward connections (AllowTcpForwarding), or use: --no-run',
  ],
])('what ssh says is shown in one line: %j', (lines, reason) => {
  const error = describeSshError({ host: 'host', user: 'me' }, failed(...lines));
  expect(error).toMatchObject({
    code: 'usage',
    message: `ssh cannot connect to the ports that the engine publishes on me@host: ${reason}`,
  });
});

test('the names of builders, from the tables of old and new versions of buildx', () => {
  const table = `NAME/NODE       DRIVER/ENDPOINT             STATUS   BUILDKIT PLATFORMS
far *           docker-container
  far0          unix:///var/run/docker.sock inactive
default         docker
  default       default                     running  v0.8     linux/amd64
`;
  expect(readBuilderNames(table)).toEqual(['far', 'default']);
  expect(readBuilderNames(table.replace('far *', 'far*').replace('  far0', ' \\_ far0'))).toEqual(['far', 'default']);
  expect(readBuilderNames('')).toEqual([]);
});

test('a builder that runs elsewhere does not have local base images: the hint says so', () => {
  const error = failed(
    'ERROR: failed to solve: my/base: failed to resolve source metadata for docker.io/my/base:latest: docker.io/my/base:latest: not found',
  );
  const hint = /^The builder far \(docker-container\) does not have the images of the engine/;
  const far = { name: 'far', driver: 'docker-container' };
  expect(() => throwBuildError(error, far)).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) }));
  expect(() => throwBuildError(error)).toThrow(expect.objectContaining({ hint: undefined }));
  const other = failed('ERROR: failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: 127');
  expect(() => throwBuildError(other, far)).toThrow(expect.objectContaining({ hint: undefined }));
});
