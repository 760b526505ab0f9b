import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { sendRequest } from '../compare/run/send-request.ts';
import { dockerEnvironment } from '../engine/docker.ts';
import type { Engine } from '../engine/engine.ts';
import { INVOCATION_LABEL } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import { spawnText } from '../lib/spawn.ts';

export const ALPINE = 'node:26-alpine';
export const DISTROLESS = 'gcr.io/distroless/nodejs26-debian13:nonroot';
/** How to start Node in a running container of each image. */
export const NODE = { [ALPINE]: 'node', [DISTROLESS]: '/nodejs/bin/node' };

const POLL_MS = 50;
/** A request that leaks may have to wait for a long garbage collection. */
const REQUEST_LIMIT_MS = 60_000;

const appState = z.object({
  heapLimit: z.number(),
  memory: z.number(),
  peak: z.number(),
  cpuMs: z.number(),
});

/** What the app sees: the limit of its heap, its container's memory now and at its peak, in bytes; CPU time since the start. */
export type AppState = z.infer<typeof appState>;

/** An invocation of the benchmark. */
export interface Bench {
  engine: Engine;
  /** The value of the label that all containers carry. */
  id: string;
  signal: AbortSignal;
  note(text: string): void;
}

export interface RunRequest {
  image?: keyof typeof NODE;
  /** In MiB; null for no limit. Swap is off. */
  limit: number | null;
  /** Of Node. */
  flags?: string[];
  env?: Record<string, string | number>;
}

/** A container in which memory-app.cjs runs. */
export interface AppContainer {
  id: string;
  /** Requests the app. @throws when it does not respond. */
  request(path: string): Promise<AppState>;
  /** Runs a program in the container. @throws {ToolError} when it fails. */
  exec(command: string[]): Promise<unknown>;
}

export const toMib = (bytes: number) => Math.round(bytes / 2 ** 20);

/** Runs memory-app.cjs in a container until `work` is done. */
export async function withApp<T>(
  { engine, id: label, signal }: Bench,
  { image = ALPINE, limit, flags = [], env = {} }: RunRequest,
  work: (container: AppContainer) => Promise<T>,
): Promise<T> {
  const app = await readFile(join(import.meta.dirname, 'memory-app.cjs'), 'utf8');
  const docker = (...args: string[]) => spawnText(engine.info.command, args, { env: dockerEnvironment(), signal });
  const id = await docker(
    ...['run', '--detach', '--label', `${INVOCATION_LABEL}=${label}`, '--publish', '127.0.0.1::3000'],
    ...(limit === null ? [] : ['--memory', `${limit}m`, '--memory-swap', `${limit}m`]),
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--entrypoint', NODE[image], image, ...flags, '-e', app],
  );
  try {
    const { address } = await engine.container(id);
    const request = async (path: string) => {
      if (!address) throw new ToolError('The container has ended.');
      const response = await sendRequest(address, path, { limitMs: REQUEST_LIMIT_MS, signal });
      if ('failure' in response) throw new ToolError('The app does not respond.');
      return appState.parse(JSON.parse(response.body));
    };
    return await work({ id, request, exec: (command) => docker('exec', id, ...command) });
  } finally {
    await engine.removeContainer(id);
  }
}

/** Waits until the app responds. Null when its container ends before that. */
export async function waitForApp({ engine, signal }: Bench, { id, request }: AppContainer): Promise<AppState | null> {
  while (true) {
    signal.throwIfAborted();
    const state = await request('/').catch((error: unknown) => {
      if (error instanceof ToolError) return null;
      throw error;
    });
    if (state) return state;
    if (!(await engine.container(id)).running) return null;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** As waitForApp. @throws {ToolError} when the container ends. */
export async function requireApp(bench: Bench, container: AppContainer): Promise<AppState> {
  const state = await waitForApp(bench, container);
  if (!state) throw new ToolError('The app ended.', { lines: await bench.engine.logs(container.id, 10) });
  return state;
}
