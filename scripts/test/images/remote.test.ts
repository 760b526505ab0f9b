import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import which from 'which';
import { reportSchema } from '../../compare/model/report-schema.ts';
import { findProcesses } from '../faults/leftovers.ts';
import { buildTools } from './image-tools.ts';
import { type RemoteMachine, startRemoteMachine } from './remote-machine.ts';
import { Bench, docker, engine, PROGRAMS, ROOT, startProgram } from './test-engine.ts';

// Engines on another machine, and in another network namespace of this one.

const canRun = engine.info.name === 'docker' && process.platform === 'linux' && !process.env.DOCKER_HOST;

/** A page that only the image has: what responds to it with 200 is its container. */
const PAGE = `/${randomUUID()}.html`;
const DOCKERFILE = `FROM scratch
COPY busybox /
COPY www /www
EXPOSE 3000
CMD ["/busybox", "httpd", "-f", "-p", "3000", "-h", "/www"]
`;

const bench = new Bench();
let machine: RemoteMachine;
let directory: string;
/** The project. */
let app: string;

/** Runs compare on the project with an engine. What it leaves is in the directory of its temporary files. */
async function compare(env: Record<string, string>, ...args: string[]) {
  const temporary = await mkdtemp(join(directory, 'tmp-'));
  const started = startProgram('compare', ['.', '--path', PAGE, '--json', '-', ...args], {
    INIT_CWD: app,
    TMPDIR: temporary,
    ...env,
  });
  const ended = started.ended.then(async (result) => ({ ...result, left: await readdir(temporary) }));
  return { ...started, ended, temporary };
}

/** Checks that compare has measured the image on the engine of the machine, and left nothing. */
async function expectMeasured(ended: Awaited<ReturnType<typeof compare>>['ended']): Promise<void> {
  const { code, stdout, stderr, left } = await ended;
  expect(code, stderr).toBe(0);
  const { images, engine: used } = reportSchema.parse(JSON.parse(stdout));
  expect(images).toMatchObject([{ ok: true, run: { status: 200 } }]);
  expect(used?.version).toBe(await docker('exec', machine.id, 'docker', 'version', '--format', '{{.Server.Version}}'));
  expect(left).toEqual([]);
}

const tls = () => ({
  DOCKER_HOST: `tcp://${machine.address}:2376`,
  DOCKER_TLS_VERIFY: '1',
  DOCKER_CERT_PATH: machine.client,
});
const ssh = () => ({
  PATH: `${join(machine.client, 'bin')}:${process.env.PATH}`,
  DOCKER_HOST: `ssh://${machine.address}`,
});

describe.skipIf(!canRun)('an engine elsewhere', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'remote-test-'));
    app = join(directory, 'app');
    machine = await startRemoteMachine(bench);
    await mkdir(join(app, 'www'), { recursive: true });
    await copyFile(join(machine.client, 'busybox'), join(app, 'busybox'));
    await writeFile(join(app, 'www', PAGE), 'here');
    await writeFile(join(app, 'Dockerfile'), DOCKERFILE);
  });

  afterAll(async () => {
    await bench.cleanUp();
    await machine?.close();
    await rm(directory, { recursive: true });
  });

  test.concurrent('over tcp with TLS: what is missing is said before anything is built', async () => {
    const { code, stdout, stderr, left } = await (await compare(tls())).ended;
    expect(code).toBe(2);
    expect(stderr.trim()).toBe(
      `The engine is on another machine, ${machine.address}, and publishes ports only there: add --publish 0.0.0.0, which opens the app to that machine's network while it runs, or --no-run.`,
    );
    expect({ stdout, left }).toEqual({ stdout: '', left: [] });
    expect((await (await compare(tls(), '--no-run')).ended).code).toBe(0);
  });

  test.concurrent('over tcp with TLS, published for its network', async () => {
    await expectMeasured((await compare(tls(), '--publish', '0.0.0.0')).ended);
  });

  test.concurrent('over tcp with TLS, behind a context', async () => {
    const config = { DOCKER_CONFIG: join(directory, 'config') };
    const { client } = machine;
    const files = `ca=${client}/ca.pem,cert=${client}/cert.pem,key=${client}/key.pem`;
    const context = ['context', 'create', 'elsewhere', '--docker', `host=tcp://${machine.address}:2376,${files}`];
    await docker('--config', config.DOCKER_CONFIG, ...context);
    const env = { ...config, DOCKER_CONTEXT: 'elsewhere' };
    expect((await (await compare(env)).ended).stderr).toMatch(/^The engine is on another machine/);
    await expectMeasured((await compare(env, '--publish', machine.address)).ended);
  });

  test.concurrent('over ssh: requests go through a tunnel, which ends with the invocation, however it ends', async () => {
    expect(await which('ssh', { nothrow: true }), 'the package openssh-client is not installed').not.toBeNull();
    const measure = async (env: Record<string, string>) => expectMeasured((await compare({ ...ssh(), ...env })).ended);
    // A path that is too long for a socket: no connection is shared.
    const long = join(directory, 'long'.repeat(30));
    await mkdir(long);
    const interrupt = async () => {
      const { child, ended, temporary } = await compare(ssh(), '--behaviour');
      const files = () => readdir(temporary, { recursive: true });
      while (child.exitCode === null && !(await files()).some((path) => path.endsWith('/ssh'))) await sleep(20);
      child.kill('SIGINT');
      expect(await ended).toMatchObject({ code: 130, left: [] });
      expect(await findProcesses(`TMPDIR=${temporary}`)).toEqual([]);
    };
    await Promise.all([measure({}), measure({ TMPDIR: long }), interrupt()]);
    expect(await readdir(long)).toEqual([]);
    expect(await docker('exec', machine.id, 'docker', 'ps', '--all', '--quiet')).toBe('');
  });

  test.concurrent('in another network, by a socket that is mounted into a container', async () => {
    const tools = await buildTools(bench);
    const volumes = [PROGRAMS, ROOT].flatMap((path) => ['--volume', `${path}:${path}:ro`]);
    volumes.push('--volume', `${app}:${app}:ro`, '--volume', '/var/run/docker.sock:/var/run/docker.sock');
    const args = ['--rm', ...bench.labelArgs, ...volumes, '--workdir', app];
    const inContainer = (script: string, ...rights: string[]) =>
      docker('run', ...args, ...rights, tools, 'bash', '-c', `${script} 2>&1 || echo "ended with $?"`);
    const command = `node ${join(PROGRAMS, 'scripts/compare.mjs')} . --path ${PAGE}`;
    const gateway = await docker('network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}');
    // Whatever port of the loopback address is requested, something else responds there.
    const redirect = 'iptables -t nat -A OUTPUT -o lo -p tcp --dport 32768: -j REDIRECT --to-ports 999';
    const other = `${redirect} && busybox httpd -p 999 -h www && ${command}`;
    const [nothing, published, unknown, wrong] = await Promise.all([
      inContainer(command),
      inContainer(`${command} --publish ${gateway} --builder default`),
      inContainer(`${command} --builder nope`),
      inContainer(other, '--cap-add', 'NET_ADMIN'),
    ]);
    expect(nothing).toMatch(/^Nothing on this machine has 127\.0\.0\.1:\d+, where the engine says that it publishes/m);
    expect(nothing).toMatch(/^The engine may have a network of its own, .* such as --publish 172\.17\.0\.1\./m);
    expect(nothing).toMatch(/^ended with 1$/m);
    expect(published).toMatch(/: responded/);
    expect(published).not.toMatch(/^ended with/m);
    expect(unknown).toMatch(/^There is no builder nope\.\nThere are: default\.\nended with 2$/m);
    expect(wrong).toMatch(/^Another program responds at 127\.0\.0\.1:\d+, not the container/m);
    expect(wrong).toMatch(/^ended with 1$/m);
  });
});
