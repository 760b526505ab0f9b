import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';
import { summarizeError, ToolError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import type { Settings } from '../model/settings.ts';
import { explainFailure } from './explain-failure.ts';
import { isUnbound, requireClosed } from './published-port.ts';
import { type Address, type RequestFailure, type Response, sendRequest } from './send-request.ts';

/** How long a container may take to its first response once the engine has started it, in milliseconds. */
export const RESPONSE_LIMIT_MS = 30_000;
/** The pause between requests that fail, in milliseconds: the precision of the time to first response. */
const REQUEST_PAUSE_MS = 10;
/** A request that begins later than this before the end of the time may be cut off by it, in milliseconds. */
const CUT_OFF_MS = 5000;
/**
 * How long connections may be refused until it is looked whether the engine has the port on this machine at all, in
 * milliseconds. A virtual machine may forward its ports a few seconds late.
 */
const UNBOUND_AFTER_MS = 10_000;
/** How long a container's removal may take after an interruption, in milliseconds. */
const REMOVAL_AFTER_ABORT_MS = 5000;
/** How many lines of a container's log an error shows: as many as Node prints for an error that nothing catches. */
const LOG_LINES = 15;
/** How much of such a line an error shows, in characters. */
const LOG_LINE_LENGTH = 200;
/** How long `docker stop` waits before it kills, in milliseconds (https://docs.docker.com/reference/cli/docker/container/stop/). */
const GRACE_MS = 10_000;

/** How an image is run and requested: as the settings say, and with more options for the engine's `run`. */
export interface ContainerOptions extends Pick<Settings, 'path' | 'ready' | 'expectStatus'> {
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

/** A container that the engine has started. */
interface StartedContainer {
  engine: Engine;
  id: string;
  options: ContainerOptions;
  /** Its exit code, once it has ended. */
  ended: Promise<number>;
  /** Where its port is reached, once that is known. */
  address: Address | null;
}

/** A container that has responded. */
export interface RunningContainer extends StartedContainer {
  address: Address;
  /** The first response. "503 Service Unavailable" means "not yet" and does not count, unless it is the expected status. */
  response: Response;
  /** From just before the engine was asked to run the image to the end of the response, in milliseconds. */
  firstResponseMs: number;
}

/**
 * Runs an image, requests a path until there is a response, does `work` with the container and removes it.
 *
 * @throws {ToolError} with the container's last lines when it ends or does not respond in time; with the code
 *   `wrong-responder` when it was another program that responded, whatever `work` has found.
 */
export async function runContainer<T>(
  engine: Engine,
  image: string,
  options: ContainerOptions,
  work: (container: RunningContainer) => Promise<T>,
): Promise<T> {
  const begin = performance.now();
  const id = await engine.start(image, options);
  const ended = engine.wait(id);
  ended.catch(() => {}); // It is only an error for those who wait for it.
  const started: StartedContainer = { engine, id, options, ended, address: null };
  try {
    const { at, ...response } = await waitForResponse(started);
    return await work({ ...started, ...response, firstResponseMs: at - begin });
  } finally {
    await remove(engine, id, options.signal);
    if (started.address && !options.signal.aborted) await requireClosed(started.address, options.path, options.signal);
  }
}

/** Removes a container. After an interruption, an engine that does not answer is not waited for: the clean-up says so. */
async function remove(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  const removed = engine.removeContainer(id);
  removed.catch(() => {});
  const end = new AbortController();
  const aborted = signal.aborted ? Promise.resolve() : once(signal, 'abort', { signal: end.signal });
  const limit = aborted.then(() => sleep(REMOVAL_AFTER_ABORT_MS, undefined, { signal: end.signal }));
  limit.catch(() => {});
  try {
    await Promise.race([removed, limit]);
  } finally {
    end.abort();
  }
}

/** Waits for the first response, and when it came. @throws {ToolError} when the container ends or the time is over. */
async function waitForResponse(container: StartedContainer) {
  const { engine, id, options, ended } = container;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    const first = await Promise.race([requestUntilResponse(container, signal), ended]);
    if (typeof first === 'object') return first;
    const lines = await readLastLines(engine, id);
    throw new ToolError(`The container ended with exit code ${first} before it responded.`, {
      lines,
      hint: lines.some((line) => line.includes('exec format error'))
        ? 'It is for another architecture, and this machine has no emulator for that, such as qemu-user-static. Or: --no-run'
        : 'If it requires settings: --env, --env-file. If it cannot run by itself, without a database for example: --no-run',
    });
  } finally {
    stop.abort();
  }
}

/**
 * Requests a path until there is a response. A connection that is refused or closed is tried again at once. A request that
 * the app has accepted stays open until the time is over: a second one would not wait as long as the first, so the time
 * would be wrong. No limit for connecting is needed: Docker's proxy accepts at once and closes where nothing listens.
 */
async function requestUntilResponse(container: StartedContainer, signal: AbortSignal) {
  const { engine, id, options } = container;
  const { port, exposed, path, expectStatus } = options;
  const end = performance.now() + RESPONSE_LIMIT_MS;
  let result: Response | RequestFailure | null = null;
  let isChecked = false;
  while (performance.now() < end) {
    container.address ??= (await engine.container(id)).address;
    const { address } = container;
    if (address) {
      const limitMs = end - performance.now();
      const latest = await sendRequest(address, path, { limitMs, signal });
      if ('status' in latest && (latest.status !== 503 || expectStatus === 503))
        return { address, response: latest, at: performance.now() };
      if (!result || !isCutOff(latest, limitMs)) result = latest;
      if ('failure' in latest && NOT_TRIED_AGAIN.includes(latest.failure)) break;
      if (!isChecked && isRefused(latest) && performance.now() > end - RESPONSE_LIMIT_MS + UNBOUND_AFTER_MS) {
        if (await isUnbound(address)) break;
        isChecked = true;
      }
    }
    await sleep(REQUEST_PAUSE_MS, undefined, { signal });
  }
  const { address } = container;
  const { message, hint } = await explainFailure({ port, path, limitMs: RESPONSE_LIMIT_MS, address, result, signal });
  const exposes = exposed.length > 0 && !exposed.includes(port) ? ` The image exposes ${exposed.join(', ')}.` : '';
  throw new ToolError(message, { lines: await readLastLines(engine, id), hint: hint + exposes });
}

/** Whether the end of the time may have cut off a request that had `limitMs`. An earlier request says more. */
export function isCutOff(result: Response | RequestFailure, limitMs: number): boolean {
  return (
    limitMs < CUT_OFF_MS && 'failure' in result && ['silent', 'unconnected', 'endless-body'].includes(result.failure)
  );
}

/** Whether there was no connection, or nothing came on it. */
const isRefused = (result: Response | RequestFailure) =>
  'failure' in result && result.failure === 'closed' && result.bytes === 0;

/** What an app that is still starting does not do. */
const NOT_TRIED_AGAIN: RequestFailure['failure'][] = ['not-http', 'endless-headers', 'endless-body'];

/** A container's last lines. That they cannot be read does not replace the error that they belong to. */
export async function readLastLines(engine: Engine, id: string): Promise<string[]> {
  const lines = await engine
    .logs(id, 10 * LOG_LINES)
    .catch((error) => [`Its log cannot be read: ${summarizeError(error)}`]);
  return selectLines(lines).map((line) => shorten(line, LOG_LINE_LENGTH));
}

/** The lines of a log that say most: from its last error on, without the stack inside Node, and the last one; else the last ones. */
export function selectLines(lines: string[]): string[] {
  const start = lines.findLastIndex((line) => /^(Uncaught )?\w*Error\b[^:]*: /.test(line));
  if (start < 0) return lines.slice(-LOG_LINES);
  const rest = lines.slice(start).filter((line) => !/^ +at .*\(?node:internal/.test(line));
  return rest.length > LOG_LINES ? [...rest.slice(0, LOG_LINES - 1), ...rest.slice(-1)] : rest;
}

/** The exit code of a container after SIGTERM, or that it still runs after the time that `docker stop` would give it. */
export function waitForExit({ ended }: RunningContainer): Promise<number | string> {
  const timeout = sleep(GRACE_MS, `it still runs ${GRACE_MS / 1000} s after SIGTERM`, { ref: false });
  return Promise.race([ended, timeout]);
}
