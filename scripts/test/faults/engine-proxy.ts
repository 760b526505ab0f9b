import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What happens at a request: `cut` ends all connections and refuses later ones, as an engine that dies; `hang` never
 * answers it, `hang-all` never answers anything from then on; `delay` passes it on later; `no-ps` answers as an engine on a
 * machine without `ps`.
 */
export type EngineFault = 'cut' | 'hang' | 'hang-all' | 'delay' | 'no-ps';

/** https://github.com/moby/moby/blob/v20.10.24/daemon/top_unix.go */
const NO_PS = JSON.stringify({ message: 'error running ps: exec: "ps": executable file not found in $PATH' });
const NO_PS_RESPONSE = `HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${NO_PS.length}\r\n\r\n${NO_PS}`;

const DELAY_MS = 2500;

/** The requests that begin each kind of work, as Docker's command line sends them. */
export const AT = {
  probe: /GET \S*\/version/,
  build: /POST \S*\/build\?|POST \/grpc/,
  list: /GET \S*\/containers\/json/,
  inspect: /GET \S*\/images\/\S+\/json/,
  save: /GET \S*\/images\/get/,
  create: /POST \S*\/containers\/create/,
  start: /POST \S*\/containers\/\w+\/start/,
  top: /GET \S*\/containers\/\w+\/top/,
  logs: /GET \S*\/containers\/\w+\/logs/,
  remove: /DELETE /,
};

/**
 * Stands between a client and the real engine. Every byte is passed on as it is, except at a request that fits `at`.
 *
 * @param path of the socket to listen on.
 * @param engineSocket that of the engine.
 */
export async function startEngineProxy(path: string, engineSocket: string, at?: RegExp, fault?: EngineFault) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let isStuck = false;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: engineSocket, allowHalfOpen: true });
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      // The other direction of a connection that was cut.
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.on('end', () => to.end());
    }
    engine.on('data', (chunk) => void (isStuck || client.write(chunk) || pauseUntilDrained(engine, client)));
    client.on('data', async (chunk) => {
      const lines = chunk.toString('latin1').match(/^[A-Z]+ \/\S* HTTP\/1\.1/gm) ?? [];
      requests.push(...lines);
      if (at && fault && lines.some((line) => at.test(line))) {
        if (fault === 'cut') return cut();
        if (fault === 'no-ps') return void client.end(NO_PS_RESPONSE);
        if (fault === 'hang-all') isStuck = true;
        client.pause();
        if (fault !== 'delay') return;
        await sleep(DELAY_MS);
        client.resume();
      }
      if (!isStuck && !engine.write(chunk)) pauseUntilDrained(client, engine);
    });
  });

  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  server.listen(path);
  await once(server, 'listening');
  return {
    /** Whether a request that fits has come so far. */
    hasSeen: (pattern: RegExp) => requests.some((line) => pattern.test(line)),
    requests,
    close: cut,
  };
}

export type EngineProxy = Awaited<ReturnType<typeof startEngineProxy>>;

function pauseUntilDrained(from: Socket, to: Socket): void {
  from.pause();
  to.once('drain', () => from.resume());
}
