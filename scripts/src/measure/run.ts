import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { ToolError } from '../errors.ts';

/** How long a container may take to its first answer, in milliseconds. */
const ANSWER_LIMIT_MS = 30_000;
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

export interface Answer {
  /** From just before the engine was asked to run the image to the end of the first answer, in milliseconds. */
  firstResponseMs: number;
  status: number;
  body: string;
}

/**
 * Starts an image, requests `GET /` on the loopback address until it answers, stops and removes the container. An answer
 * of 503 means "not yet" and is asked again.
 *
 * @throws {ToolError} with the container's last lines when it dies or does not answer in time.
 */
export async function runAndRequest(
  engine: Engine,
  image: string,
  options: { port: number; labels: Record<string, string>; signal: AbortSignal },
): Promise<Answer> {
  const { port, labels, signal } = options;
  const begin = performance.now();
  const id = await engine.start(image, { port, labels });
  try {
    let answer: Answer | undefined;
    let checked = Number.NEGATIVE_INFINITY;
    let address: { host: string; port: number } | null = null;
    while (performance.now() - begin < ANSWER_LIMIT_MS) {
      signal.throwIfAborted();
      if (performance.now() - checked > CHECK_PAUSE_MS) {
        const container = await engine.container(id);
        if (!container.running) {
          throw new ToolError(`The container ended with exit code ${container.exitCode} before it answered.`, {
            lines: await engine.logs(id, LOG_LINES),
          });
        }
        ({ address } = container);
        checked = performance.now();
      }
      const limit = Math.max(REQUEST_LIMIT_MS, performance.now() - begin);
      const response = address && (await request(address, limit).catch(() => null));
      if (response) {
        answer = { ...response, firstResponseMs: performance.now() - begin };
        if (answer.status !== 503) return answer;
      }
      await sleep(REQUEST_PAUSE_MS);
    }
    throw new ToolError(
      answer
        ? `After ${ANSWER_LIMIT_MS / 1000} s, GET / is still answered with ${answer.status}.`
        : `No answer on port ${port} within ${ANSWER_LIMIT_MS / 1000} s.`,
      {
        lines: await engine.logs(id, LOG_LINES),
        hint: `Does the app listen on port ${port} and on all addresses (0.0.0.0), not only on localhost?`,
      },
    );
  } finally {
    if (!signal.aborted) await engine.stop(id, STOP_LIMIT_SECONDS).catch(() => {}); // It may be dead already.
    await engine.removeContainer(id);
  }
}

function request(
  { host, port }: { host: string; port: number },
  limitMs: number,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(Math.ceil(limitMs));
    get({ host, port, path: '/', agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_LIMIT_BYTES) response.destroy(new Error('The answer does not end.'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}
