import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL } from './row.ts';
import { startServer } from './servers.ts';
import type { Row, Trial } from './trial.ts';

/** A registry on this machine that does this with each connection. `$REGISTRY` is its address. */
const useRegistry = (answer: Parameters<typeof startServer>[1]) => async (trial: Trial) => {
  trial.env.REGISTRY = `127.0.0.1:${await startServer(trial, answer)}`;
};

const respondWith = (text: string) =>
  useRegistry((socket) => void socket.once('data', () => socket.end(text.replaceAll('\n', '\r\n'))));

/** A row about an image that is in a registry: no engine is asked. */
const registry = (name: string, prepare: Row['prepare'], says: Row['says'], others: Partial<Row> = {}): Row => ({
  name: `registry: ${name}`,
  command: 'compare --image "docker://$REGISTRY/team/app:1"',
  env: { DOCKER_HOST: 'tcp://127.0.0.1:1' },
  prepare,
  code: 1,
  says,
  within: 20,
  waits: true,
  ...others,
});

/** A row about an archive, which `bytes` makes. */
const archive = (name: string, bytes: (trial: Trial) => Buffer | string, says: Row['says'], file = 'a.tar'): Row => ({
  name: `archive: ${name}`,
  command: `compare --image ./${file}`,
  env: { DOCKER_HOST: 'tcp://127.0.0.1:1' },
  prepare: (trial) => writeFileSync(join(trial.project, file), bytes(trial)),
  code: 1,
  says,
  within: 20,
});

function tarOf(trial: Trial, name: string, text: string): Buffer {
  writeFileSync(join(trial.project, name), text);
  return spawnSync('tar', ['-c', name], { cwd: trial.project }).stdout;
}

/** Images that are not at an engine: in a registry that fails or lies, or in an archive that is none. */
export const SOURCES: Row[] = [
  registry(
    'nothing is there',
    (trial) => {
      trial.env.REGISTRY = '127.0.0.1:1';
    },
    [/Cannot read docker:\/\/127/],
  ),
  registry(
    'it closes each connection',
    useRegistry((socket) => void socket.destroy()),
    [/Cannot read docker:\/\/127/],
  ),
  registry('it has no such image', respondWith('HTTP/1.1 404 Not Found\nContent-Length: 0\n\n'), [
    /404/,
    /name and the tag/,
  ]),
  registry('it limits requests for an hour', respondWith('HTTP/1.1 429 \nRetry-After: 3600\nContent-Length: 0\n\n'), [
    /429/,
    /limits the number/,
  ]),
  registry('a page of a proxy', respondWith('HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 6\n\n<html>'), [
    /The manifest of docker:.* cannot be read: it is not JSON/,
  ]),
  registry(
    'it never responds, Ctrl-C',
    useRegistry((socket) => void socket.on('data', () => {})),
    ['Interrupted'],
    {
      during: (trial) => sleep(3000).then(() => trial.signal('SIGINT')),
      code: 130,
      within: 3,
    },
  ),
  archive('empty', () => '', [/FAILED image .\/a.tar/]),
  archive('a text', () => 'hello\n'.repeat(1000), [/FAILED image .\/a.tar/]),
  archive('of another kind', (trial) => tarOf(trial, 'x.txt', 'x'), [/is not the archive of an image/, /docker save/]),
  archive(
    'a manifest that names nothing',
    (trial) => tarOf(trial, 'manifest.json', '[{"Config":"x","Layers":["y"]}]'),
    ['it lacks x'],
  ),
  {
    ...archive('cut off', () => '', [/a\.tar (cannot be read|is damaged)/]),
    files: { Dockerfile: SMALL },
    command:
      'docker build -q -t "multi-stage-node/fault:$$" . > id && docker save "multi-stage-node/fault:$$" | head -c 4000 > a.tar; ' +
      'docker rmi "multi-stage-node/fault:$$" > /dev/null; compare --image ./a.tar',
    env: {},
  },
];
