import { type ChildProcess, spawn as spawnProcess } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import spawn, { type Options, SubprocessError } from 'nano-spawn';
import { ToolError } from './errors.ts';

/** How many of a program's last lines an error repeats: BuildKit ends with an excerpt of the Dockerfile. */
const LAST_LINES = 30;

/**
 * Runs a program to its end and returns its standard output, without the last line break.
 *
 * The program gets a process group of its own: a Ctrl-C in the terminal reaches only us, so that a container that is
 * just being created is not lost track of.
 *
 * @throws {ToolError} when the program cannot be started or fails, with its last lines.
 */
export async function spawnText(program: string, args: string[], options: Options = {}): Promise<string> {
  try {
    const { stdout } = await spawn(program, args, { stdin: 'ignore', detached: true, ...options });
    return stdout;
  } catch (error) {
    if (!(error instanceof SubprocessError)) throw error;
    throw failure(program, args, lastLines(error.stderr || error.stdout || error.message));
  }
}

/** Whether a program can be started and ends with exit code 0. Never throws. */
export async function spawnSucceeds(program: string, args: string[], options: Options = {}): Promise<boolean> {
  return spawnText(program, args, options).then(
    () => true,
    () => false,
  );
}

/**
 * Runs a program and hands over every line of its output as it comes, standard error included.
 *
 * @throws {ToolError} when it fails, with its last lines. When `signal` aborts it first: the signal's reason.
 */
export async function spawnLines(
  program: string,
  args: string[],
  options: {
    env?: NodeJS.ProcessEnv;
    cwd?: string;
    /** False keeps the terminal, for a program that may ask for a password. */
    detached?: boolean;
    signal?: AbortSignal;
    onLine?: (line: string) => void;
  } = {},
): Promise<void> {
  const child = spawnProcess(program, args, {
    env: options.env,
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached ?? true,
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '') return;
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      options.onLine?.(line);
    });
  }
  const code = await ended(child, options.signal);
  options.signal?.throwIfAborted();
  if (code !== 0) throw failure(program, args, last);
}

/**
 * Starts a program whose standard output is a stream of bytes. The stream ends only when the program has ended well,
 * and fails with its last lines otherwise; destroying the stream ends the program.
 */
export function spawnStream(
  program: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; detached?: boolean } = {},
): Readable {
  const child = spawnProcess(program, args, {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached ?? true,
  });
  const problems = collect(child.stderr);
  const end = ended(child);
  end.catch(() => {}); // Reported where it is awaited.

  async function* output() {
    try {
      yield* child.stdout;
      if ((await end) !== 0) throw failure(program, args, lastLines(problems()));
    } finally {
      child.kill();
    }
  }
  return Readable.from(output(), { objectMode: false });
}

/** Runs a program that reads `source` as its standard input. @throws {ToolError} with the last lines of who failed. */
export async function spawnInto(
  source: Readable,
  program: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const child = spawnProcess(program, args, { env: options.env, stdio: ['pipe', 'ignore', 'pipe'], detached: true });
  const problems = collect(child.stderr);
  const arrived = ended(child).then((code) => {
    if (code !== 0) throw failure(program, args, lastLines(problems()));
  });
  await Promise.all([pipeline(source, child.stdin), arrived]);
}

/** Keeps the end of what a stream says, for an error message. */
function collect(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk) => {
    text = (text + chunk).slice(-8192);
  });
  return () => text;
}

async function ended(child: ChildProcess, signal?: AbortSignal): Promise<number | null> {
  // SIGINT is what the engines' command lines cancel a build on.
  const abort = () => child.kill('SIGINT');
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    const [code] = await once(child, 'close').catch((error) => {
      throw new ToolError(`Cannot start ${child.spawnfile}: ${error.message}`);
    });
    return code;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function failure(program: string, args: string[], lines: string[]): ToolError {
  return new ToolError(`${basename(program)} ${args[0] ?? ''} failed:`, { code: 'program-failed', lines });
}

function lastLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES);
}
