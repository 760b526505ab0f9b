import { setTimeout as sleep } from 'node:timers/promises';
import { useRegistry } from './servers.ts';
import type { Row, Trial } from './trial.ts';

/** What would change the base images of this machine. No row lets it reach the engine. */
const CHANGES = /POST \S*\/(build|commit|tag|images\/load|images\/create\?fromSrc)|POST \/(session|grpc)|DELETE /;

/** setup, where it can neither install packages (see faults.ts) nor change images. */
const row = (name: string, others: Partial<Row>): Row => ({
  name,
  prepare: (trial) => trial.useProxy(CHANGES, 'cut'),
  command: 'setup .',
  code: 1,
  within: 120,
  waits: true,
  ...others,
});

const withRegistry = (answer: Parameters<typeof useRegistry>[0]) => async (trial: Trial) => {
  await trial.useProxy(CHANGES, 'cut');
  await useRegistry(answer)(trial);
};

/** What a user can meet in setup. */
export const SETUP: Row[] = [
  row('--help', { command: 'setup --help', code: 0, says: ['Exit codes:', '--stand-ins', '--remove-stand-ins'] }),
  row('an unknown option', { command: 'setup --nope', code: 2, says: ['--nope'] }),
  row('--stand-ins with --remove-stand-ins', { command: 'setup --stand-ins --remove-stand-ins', code: 2 }),
  row('a directory that does not exist', { command: 'setup nope', code: 2, says: ['nope'] }),
  row('DOCKER_HOST names an engine that does not answer', {
    prepare: undefined,
    env: { DOCKER_HOST: 'unix:///no/such' },
    files: { Dockerfile: 'FROM scratch\n' },
    code: 3,
    says: ['DOCKER_HOST=unix:///no/such'],
    hides: ['installing', 'installs'],
  }),
  row('a registry that refuses, and an image without a stand-in', {
    files: { Dockerfile: 'FROM 127.0.0.1:1/name\n' },
    says: ['127.0.0.1:1/name'],
  }),
  row('a registry that closes connections: no stand-in without being asked', {
    prepare: withRegistry((socket) => socket.destroy()),
    says: ['does not respond reliably', 'no stand-in'],
  }),
  row('Ctrl-C while a registry does not answer', {
    prepare: withRegistry(() => {}),
    during: async (trial) => {
      await trial.until(() => trial.proxy?.requests.some((line) => line.includes('fromImage=127.0.0.1')));
      await sleep(500);
      trial.signal('SIGINT');
    },
    code: 130,
    within: 5,
  }),
];
