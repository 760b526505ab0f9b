import { setTimeout as sleep } from 'node:timers/promises';
import { AT, type EngineFault } from './engine-proxy.ts';
import { GOOD, inline, newLayer, SERVER } from './row.ts';
import { startServer } from './servers.ts';
import type { Row } from './trial.ts';

/** Whatever compare has made is on an engine that it can no longer reach. */
const LEAVES = /^(nothing|((container|image) \S+(, )?)+)$/;

function dies(when: string, at: RegExp, code: number, says: Row['says'], dockerfile = GOOD): Row {
  return {
    name: `dies ${when}`,
    files: { Dockerfile: dockerfile },
    prepare: (trial) => trial.useProxy(at, 'cut'),
    code,
    says,
    leaves: LEAVES,
    alone: true,
  };
}

/** Ctrl-C while the engine does not answer a request. It ends at once, and what the engine still removes is removed. */
function hangs(when: string, at: RegExp, others: Partial<Row> = {}, fault: EngineFault = 'hang'): Row {
  return {
    name: `hangs ${when}, Ctrl-C`,
    files: { Dockerfile: GOOD },
    prepare: (trial) => trial.useProxy(at, fault),
    during: async (trial) => {
      await trial.until(() => trial.proxy?.hasSeen(at));
      await sleep(500);
      trial.signal('SIGINT');
    },
    code: 130,
    within: 10,
    // Other invocations may remove what is left.
    alone: others.leaves !== undefined,
    ...others,
  };
}

const noEngine = (name: string, env: Row['env'], says: Row['says'], others: Partial<Row> = {}): Row => ({
  name,
  files: { Dockerfile: GOOD },
  env,
  code: 3,
  says,
  within: 30,
  ...others,
});

/** Engines that are not there, that die, and that hang. All of them are real: nothing answers in their place. */
export const ENGINES: Row[] = [
  noEngine('no docker on the PATH', { PATH: '/usr/sbin' }, ['no docker command on the PATH', 'npm run setup']),
  noEngine('--engine podman, and there is none', { PATH: '/usr/sbin' }, ['no podman command on the PATH'], {
    command: 'compare . --engine podman',
  }),
  noEngine('DOCKER_HOST: no such socket', { DOCKER_HOST: 'unix:///no/such' }, ['DOCKER_HOST', 'unix:///no/such'], {
    hides: ['installs and starts'],
  }),
  noEngine('DOCKER_HOST: nonsense', { DOCKER_HOST: '\u001b[31mnonsense' }, ['DOCKER_HOST'], {
    hides: ['installs and starts'],
  }),
  noEngine('DOCKER_CONTEXT: no such context', { DOCKER_CONTEXT: 'no-such' }, ['no-such'], {
    hides: ['installs and starts'],
  }),
  noEngine('tcp: a host that does not resolve', { DOCKER_HOST: 'tcp://no-such-host.invalid:2376' }, [
    'No container engine responds',
    /no-such-host\.invalid.*no such host/,
    'unset DOCKER_HOST',
  ]),
  noEngine(
    'tcp: TLS without certificates',
    { DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/no/such' },
    ['No container engine responds', /\/no\/such\/ca\.pem/, 'unset DOCKER_HOST'],
  ),
  noEngine('ssh: refused', { DOCKER_HOST: 'ssh://me@127.0.0.1:1' }, [
    'No container engine responds',
    /ssh: connect to host 127\.0\.0\.1 port 1: Connection refused/,
    'unset DOCKER_HOST',
  ]),
  noEngine('an engine that closes connections', {}, ['responds'], {
    prepare: async (trial) => {
      trial.env.DOCKER_HOST = `tcp://127.0.0.1:${await startServer(trial, (socket) => socket.destroy())}`;
    },
  }),
  dies('when it is asked for its version', AT.probe, 3, ['responds']),
  dies('when it is asked for a base image', AT.inspect, 1, ['Docker daemon']),
  dies('at a build', AT.build, 1, ['FAILED']),
  dies('while it saves an image', AT.save, 1, ['FAILED'], newLayer()),
  dies('when it creates a container', AT.create, 1, ['FAILED']),
  dies('when it starts a container', AT.start, 1, ['FAILED']),
  dies('when it removes a container', AT.remove, 1, [/Not removed|FAILED/]),
  {
    name: 'has no ps on its machine: the image does not miss anything',
    files: { Dockerfile: inline(`${SERVER}; process.on('SIGTERM', () => process.exit(0))`) },
    command: 'compare . --behaviour',
    prepare: (trial) => trial.useProxy(AT.top, 'no-ps'),
    code: 0,
    says: [/n\/a: app Dockerfile.*, PID 1: the engine cannot list the processes: .*"ps": executable file not found/],
    hides: [/MISS: .*(PID 1|exit code)/],
    within: 100,
    waits: true,
  },
  hangs('when it is asked for its version', AT.probe),
  hangs('at a build', AT.build),
  hangs('while it saves an image', AT.save, { files: { Dockerfile: newLayer() } }),
  hangs('when it creates a container', AT.create),
  hangs('when it is asked for the logs', AT.logs, { files: { Dockerfile: inline('') } }),
  // 5 s for the client to end, and 15 s for the engine to say what is to be removed.
  hangs('for good, at a build', AT.build, { leaves: LEAVES, within: 25, waits: true }, 'hang-all'),
  hangs('when it removes a container', AT.remove, { leaves: LEAVES, within: 25, waits: true }),
];
