import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describeError, ToolError } from '../lib/errors.ts';
import { type SpawnOptions, spawnConnection } from '../lib/spawn.ts';

/**
 * Requests `GET path` from the engine's own HTTP interface and returns the JSON of the response, for figures that the
 * command line only shows rounded. `docker system dial-stdio` connects to the engine that the client is set to, by a local
 * socket, TCP or ssh.
 *
 * @throws {ToolError} when there is no response, or one whose status is not 200.
 */
export async function queryDockerApi(program: string, path: string, options: SpawnOptions): Promise<unknown> {
  const createConnection = () => spawnConnection(program, ['system', 'dial-stdio'], { ...options, timeout: 10_000 });
  try {
    return await new Promise((resolve, reject) => {
      const receive = async (response: IncomingMessage) => {
        const body = await text(response);
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body.trim()}`);
        return JSON.parse(body);
      };
      request({ host: 'engine', path, createConnection }, (response) => resolve(receive(response)))
        .on('error', reject)
        .end();
    });
  } catch (error) {
    const endpoint = path.replace(/\?.*/, '');
    throw new ToolError(`The engine did not respond to GET ${endpoint}.`, { lines: [describeError(error)] });
  }
}
