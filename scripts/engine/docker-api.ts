import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ToolError } from '../lib/errors.ts';

/** How long the engine may take to answer, in milliseconds. */
const LIMIT_MS = 10_000;

/**
 * Asks the engine's own HTTP interface (`GET path`) and returns the JSON that it answers with, for what its command line
 * tells only rounded. `docker system dial-stdio` connects to whichever engine the client is set to: a socket, a remote
 * host, or one behind ssh. Docker's own connections over ssh use it.
 *
 * @throws {ToolError} when there is no answer, or one that is not 200.
 */
export async function ask(program: string, path: string, options: { env?: NodeJS.ProcessEnv } = {}): Promise<unknown> {
  const child = spawn(program, ['system', 'dial-stdio'], {
    ...options,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      // The types know only the web's streams here: https://nodejs.org/api/stream.html#streamduplexfromsrc
      const ends = { readable: child.stdout, writable: child.stdin } as unknown as Parameters<typeof Duplex.from>[0];
      const connection = Duplex.from(ends);
      request(
        { host: 'engine', path, createConnection: () => connection, signal: AbortSignal.timeout(LIMIT_MS) },
        (response) => {
          const answer = text(response).then((body): unknown => {
            if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body.trim()}`);
            return JSON.parse(body);
          });
          resolve(answer);
        },
      )
        .on('error', reject)
        .end();
    });
  } catch (error) {
    throw new ToolError(`The engine did not answer GET ${path.replace(/\?.*/, '')}.`, {
      lines: [error instanceof Error ? error.message : String(error)],
    });
  } finally {
    child.kill();
  }
}
