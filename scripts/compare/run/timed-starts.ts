import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, MemoryFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { exitCodeInTime, type ServeOptions, STILL_RUNS, serve } from './serve.ts';

/** How long a container rests after its first answer before its memory is read, in milliseconds. */
const REST_MS = 300;

/** How an app says that it is ready: the first line of its output with one of these words. */
const LISTENING = /\blistening\b|\bready\b|\bstarted\b/i;

/** One start of an image, all but memory in milliseconds. A text is the reason why a figure could not be measured. */
export interface Start {
  /** From asking the engine to run it to the end of the first good answer. */
  startMs: number;
  /** From the start of process 1 to the line that says that it listens, both by the engine's clock. */
  nodeStartMs: number | string;
  memory: MemoryFacts | string;
  /** From SIGTERM to the end of process 1, both by the engine's clock. */
  stopMs: number | string;
}

export interface StartOptions extends ServeOptions {
  /** A part of the line that says that the app listens; without it, one of the usual words. */
  ready?: string;
  /** Whether the app is one for Node. */
  node: boolean;
}

/** Starts an image, reads its memory at rest, and stops it with SIGTERM. @throws {ToolError} when it does not answer. */
export async function timeStart(engine: Engine, image: string, options: StartOptions): Promise<Start> {
  const { id, response } = await serve(engine, image, options);
  try {
    await sleep(REST_MS, undefined, { signal: options.signal });
    const [memory, nodeStartMs] = await Promise.all([
      engine.memory(id).catch((error: unknown) => reasonOf(error)),
      options.node ? startOfNode(engine, id, options.ready) : 'the image has no Node',
    ]);
    return { startMs: response.firstResponseMs, nodeStartMs, memory, stopMs: await stop(engine, id) };
  } finally {
    await engine.removeContainer(id);
  }
}

async function startOfNode(engine: Engine, id: string, ready?: string): Promise<number | string> {
  const [{ startedAt }, { stdout, stderr }] = await Promise.all([engine.container(id), engine.output(id)]);
  const says = (text: string) => (ready === undefined ? LISTENING.test(text) : text.includes(ready));
  const line = [...stdout, ...stderr].find(({ text }) => says(text));
  if (!line) return 'the app prints no line that says that it listens: --ready <text> tells its words';
  return startedAt === null ? 'the engine does not say when it started' : line.at - startedAt;
}

async function stop(engine: Engine, id: string): Promise<number | string> {
  await engine.kill(id, 'SIGTERM');
  if ((await exitCodeInTime(engine, id)) === null) return STILL_RUNS;
  const { endedAt } = await engine.container(id);
  const killedAt = endedAt === null ? null : await engine.killedAt(id, endedAt);
  if (killedAt === null || endedAt === null) return 'the engine does not say when it ended';
  // The engine notes the kill once it is done: a program that ends at once may have ended before.
  return Math.max(0, endedAt - killedAt);
}

function reasonOf(error: unknown): string {
  if (error instanceof ToolError) return [error.message, ...error.lines].join(' ');
  throw error;
}
