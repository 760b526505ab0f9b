import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Trial } from './trial.ts';

/** Starts a server that does this with each connection, until the trial is over. Returns its port. */
export async function startServer(trial: Trial, answer: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    answer(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  trial.cleaners.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** Writes a Dockerfile whose base image is in a registry that does this with each connection. */
export const useRegistry = (answer: (socket: Socket) => void) => async (trial: Trial) =>
  writeFileSync(
    join(trial.project, 'Dockerfile'),
    `FROM 127.0.0.1:${await startServer(trial, answer)}/name\nCMD ["x"]\n`,
  );
