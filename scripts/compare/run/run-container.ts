import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import type { Settings } from '../model/settings.ts';
import { type Address, type Response, sendRequest } from './send-request.ts';

/** How long a container may take to its first response, in milliseconds. */
const RESPONSE_LIMIT_MS = 30_000;
/**
 * How long the first request may take, in milliseconds; a later one as long as the container has had so far. A request
 * that is lost while the container's network comes up then costs little, and a slow app still gets its time.
 */
const REQUEST_LIMIT_MS = 500;
/** The pause between requests that fail, in milliseconds: the precision of the time to first response. */
const REQUEST_PAUSE_MS = 10;
/** How often the engine is asked whether the container still runs, in milliseconds. */
const CHECK_PAUSE_MS = 250;
const LOG_LINES = 15;
/** How long `docker stop` waits before it kills, in milliseconds (https://docs.docker.com/reference/cli/docker/container/stop/). */
const GRACE_MS = 10_000;

/** How an image is run and requested: as the settings say, and with more options for the engine's `run`. */
export interface ContainerOptions extends Pick<Settings, 'path' | 'ready'> {
  /** The port that the app listens on. */
  port: number;
  /** The ports that the image exposes, for a hint. */
  exposed: number[];
  /** Whether the image has Node in it. */
  hasNode: boolean;
  labels: Record<string, string>;
  signal: AbortSignal;
  /** Such as `--read-only`. */
  args: string[];
}

/** A container that has responded. */
export interface RunningContainer {
  engine: Engine;
  id: string;
  options: ContainerOptions;
  /** Where its port is published on the loopback address. */
  address: Address;
  /** The first response that is not "503 Service Unavailable", which means "not yet". */
  response: Response;
  /** From just before the engine was asked to run the image to the end of the response, in milliseconds. */
  firstResponseMs: number;
}

/**
 * Runs an image, requests a path until there is a response, does `work` with the container and removes it.
 *
 * @throws {ToolError} with the container's last lines when it ends or does not respond in time.
 */
export async function runContainer<T>(
  engine: Engine,
  image: string,
  options: ContainerOptions,
  work: (container: RunningContainer) => Promise<T>,
): Promise<T> {
  const begin = performance.now();
  const id = await engine.start(image, options);
  try {
    return await work({ engine, id, options, ...(await waitForResponse(engine, id, options, begin)) });
  } finally {
    await engine.removeContainer(id);
  }
}

async function waitForResponse(
  engine: Engine,
  id: string,
  { port, exposed, path, signal }: ContainerOptions,
  begin: number,
) {
  let [elapsedMs, checkedMs] = [0, Number.NEGATIVE_INFINITY];
  let address: Address | null = null;
  let status: number | undefined;
  for (; elapsedMs < RESPONSE_LIMIT_MS; elapsedMs = performance.now() - begin) {
    signal.throwIfAborted();
    if (elapsedMs - checkedMs > CHECK_PAUSE_MS) {
      address = await readAddress(engine, id);
      checkedMs = elapsedMs;
    }
    const limitMs = Math.max(REQUEST_LIMIT_MS, elapsedMs);
    const response = address && (await sendRequest(address, path, { limitMs }).catch(() => null));
    if (address && response && response.status !== 503)
      return { address, response, firstResponseMs: performance.now() - begin };
    status = response?.status ?? status;
    await sleep(REQUEST_PAUSE_MS);
  }
  const limit = `${RESPONSE_LIMIT_MS / 1000} s`;
  const exposes = exposed.length > 0 && !exposed.includes(port) ? ` The image exposes ${exposed.join(', ')}.` : '';
  throw new ToolError(
    status === undefined
      ? `No response on port ${port} within ${limit}.`
      : `After ${limit}, GET ${path} still responds with status ${status}.`,
    {
      lines: await engine.logs(id, LOG_LINES),
      hint: `Does the app listen on port ${port} and on all addresses (0.0.0.0), not only on localhost?${exposes} Another port: --port. An image that cannot run by itself: --no-run.`,
    },
  );
}

/** Where the container's port is published; null before that. @throws {ToolError} when the container has ended. */
async function readAddress(engine: Engine, id: string): Promise<Address | null> {
  const { running, exitCode, address } = await engine.container(id);
  if (running) return address;
  const lines = await engine.logs(id, LOG_LINES);
  throw new ToolError(`The container ended with exit code ${exitCode} before it responded.`, {
    lines,
    hint: lines.some((line) => line.includes('exec format error'))
      ? 'It is for another architecture, and this machine has no emulator for that, such as qemu-user-static. Or: --no-run'
      : 'If it requires settings: --env, --env-file. If it cannot run by itself, without a database for example: --no-run',
  });
}

/** The exit code of a container after SIGTERM, or that it still runs after the time that `docker stop` would give it. */
export function waitForExit({ engine, id }: RunningContainer): Promise<number | string> {
  const timeout = sleep(GRACE_MS, `it still runs ${GRACE_MS / 1000} s after SIGTERM`, { ref: false });
  return Promise.race([engine.wait(id), timeout]);
}
