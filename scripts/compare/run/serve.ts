import { type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';

/** How long a container may take to its first answer, in milliseconds. */
const RESPONSE_LIMIT_MS = 30_000;
/**
 * How long the first request may take, in milliseconds; a later one as long as the container has had so far. A request
 * that is lost while the container's network comes up then costs little, and a slow app still gets its time.
 */
const REQUEST_LIMIT_MS = 500;
/** The pause between requests that fail, in milliseconds: the precision of the time to the first answer. */
const REQUEST_PAUSE_MS = 10;
/** How often the engine is asked whether the container still runs, in milliseconds. */
const CHECK_PAUSE_MS = 250;
/** More of a body than this is not read, in bytes. */
const BODY_LIMIT_BYTES = 1 << 20;
/** How long a container may take to stop, in seconds. What it measures is not how it stops. */
const STOP_LIMIT_SECONDS = 3;
const LOG_LINES = 15;

/** The first response of a container that is not "503 Service Unavailable". */
export interface FirstResponse {
  /** From just before the engine was asked to run the image to the end of the first answer, in milliseconds. */
  firstResponseMs: number;
  status: number;
  body: string;
}

/** A container that answers. */
export interface Server {
  id: string;
  /** Where its port is published on the loopback address. */
  address: Address;
  response: FirstResponse;
}

export interface Address {
  host: string;
  port: number;
}

export interface ServeOptions {
  /** The port that the app listens on. */
  port: number;
  /** The ports that the image exposes, for a hint. */
  exposed?: number[];
  /** The path that is requested until it answers; `/` when absent. */
  path?: string;
  labels: Record<string, string>;
  signal: AbortSignal;
  /** More options for the engine's `run`, such as `--read-only`. */
  args?: string[];
}

/** Starts an image, requests a path until it answers, stops and removes the container. @throws as {@link serve} does. */
export async function runAndRequest(engine: Engine, image: string, options: ServeOptions): Promise<FirstResponse> {
  const { id, response } = await serve(engine, image, options);
  await end(engine, id, options.signal);
  return response;
}

/**
 * Starts an image and requests a path on the loopback address until it answers. An answer of 503 means "not yet" and is
 * asked again. The caller ends and removes the container.
 *
 * @throws {ToolError} with the container's last lines when it dies or does not answer in time. It is removed then.
 */
export async function serve(engine: Engine, image: string, options: ServeOptions): Promise<Server> {
  const { port, exposed = [], path = '/', labels, signal, args } = options;
  const begin = performance.now();
  const id = await engine.start(image, { port, labels, args });
  try {
    let first: FirstResponse | undefined;
    let checked = Number.NEGATIVE_INFINITY;
    let address: Address | null = null;
    while (performance.now() - begin < RESPONSE_LIMIT_MS) {
      signal.throwIfAborted();
      if (performance.now() - checked > CHECK_PAUSE_MS) {
        const container = await engine.container(id);
        if (!container.running) {
          const lines = await engine.logs(id, LOG_LINES);
          throw new ToolError(`The container ended with exit code ${container.exitCode} before it responded.`, {
            lines,
            hint: lines.some((line) => line.includes('exec format error'))
              ? 'It is for another architecture, and this machine has no emulator for that, such as qemu-user-static. Or: --no-run'
              : 'If it needs settings: --env, --env-file. If it cannot run by itself, without a database for example: --no-run',
          });
        }
        ({ address } = container);
        checked = performance.now();
      }
      const limit = Math.max(REQUEST_LIMIT_MS, performance.now() - begin);
      const response = address && (await request(address, path, { limitMs: limit }).catch(() => null));
      if (address && response) {
        first = { ...response, firstResponseMs: performance.now() - begin };
        if (first.status !== 503) return { id, address, response: first };
      }
      await sleep(REQUEST_PAUSE_MS);
    }
    throw new ToolError(
      first
        ? `After ${RESPONSE_LIMIT_MS / 1000} s, GET ${path} still responds with status ${first.status}.`
        : `No response on port ${port} within ${RESPONSE_LIMIT_MS / 1000} s.`,
      {
        lines: await engine.logs(id, LOG_LINES),
        hint: `Does the app listen on port ${port} and on all addresses (0.0.0.0), not only on localhost?${exposed.length > 0 && !exposed.includes(port) ? ` The image exposes ${exposed.join(', ')}.` : ''} Another port: --port. An image that cannot run by itself: --no-run.`,
      },
    );
  } catch (error) {
    await end(engine, id, signal);
    throw error;
  }
}

/** Stops a container, if there is time for it, and removes it. */
async function end(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await engine.stop(id, STOP_LIMIT_SECONDS).catch(() => {}); // It may be dead already.
  await engine.removeContainer(id);
}

/** How long `docker stop` waits before it kills, in milliseconds (https://docs.docker.com/reference/cli/docker/container/stop/). */
const GRACE_MS = 10_000;

/** What is said of an app that does not end. */
export const STILL_RUNS = `it still runs ${GRACE_MS / 1000} s after SIGTERM`;

/** The exit code of a container that was told to stop, or null when it still runs after the time that it is given. */
export function exitCodeInTime(engine: Engine, id: string): Promise<number | null> {
  return Promise.race([engine.wait(id), sleep(GRACE_MS, null, { ref: false })]);
}

/** What a server answered. */
export interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Requests a path on a connection of its own. @throws when there is no whole answer within the limit. */
export function request(
  { host, port }: Address,
  path: string,
  { method = 'GET', limitMs = REQUEST_LIMIT_MS }: { method?: string; limitMs?: number } = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(Math.ceil(limitMs));
    sendRequest({ host, port, path, method, agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_LIMIT_BYTES) response.destroy(new Error('The answer does not end.'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}
