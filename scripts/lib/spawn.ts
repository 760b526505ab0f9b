import { basename } from 'node:path';
import { type Duplex, Readable } from 'node:stream';
import { type ExecaError, execa, type Options, type Subprocess } from 'execa';
import { onExit } from 'signal-exit';
import { type ErrorCode, ToolError } from './errors.ts';

/** How many of a program's last lines an error repeats: BuildKit ends with an excerpt of the Dockerfile. */
const LAST_LINES = 30;

export interface SpawnOptions {
  cwd?: string;
  /** The whole environment; that of this process when absent. */
  env?: NodeJS.ProcessEnv;
  /** By default, Ctrl-C in the terminal reaches only this process. False keeps the terminal, for a password prompt. */
  detached?: boolean;
  /** In milliseconds. */
  timeout?: number;
  /** Ends the program with SIGINT, on which the engines' command lines cancel a build, and throws the signal's reason. */
  signal?: AbortSignal;
  /** Whether an interruption goes to what the program has spawned as well, as Ctrl-C in a terminal does. Requires `detached`: it has no effect through sudo. */
  interruptsGroup?: boolean;
}

/** What a program prints on each of its streams, without the last line break. @throws {ToolError} when it fails. */
export function spawnOutput(program: string, args: string[], options: SpawnOptions = {}) {
  return start(program, args, options, { stdin: 'ignore' }).ended;
}

/**
 * The beginning of what a program prints: at most `limit` characters of each stream, without a last line that is cut off.
 * The program is ended when it prints more. @throws {ToolError} when it fails.
 */
export async function spawnBeginning(program: string, args: string[], limit: number, options: SpawnOptions = {}) {
  const { child, ended } = start(program, args, options, {
    stdin: 'ignore',
    maxBuffer: limit,
    stripFinalNewline: false,
  });
  let isCutOff = false;
  for (const stream of [child.stdout, child.stderr]) {
    let length = 0;
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) return;
      isCutOff = true;
      // Before Execa closes its output, which it would report as an error of its own.
      child.kill('SIGKILL');
    });
  }
  return ended.catch(async (error) => {
    if (!isCutOff || options.signal?.aborted) throw error;
    const { stdout, stderr } = await child.catch((reason: ExecaError) => reason);
    return { stdout: wholeLines(String(stdout)), stderr: wholeLines(String(stderr)) };
  });
}

/** A text without what follows its last line break. A text of one line stays. */
const wholeLines = (text: string) => text.slice(0, text.lastIndexOf('\n') + 1 || undefined);

/** A program's standard output. @throws {ToolError} with its last lines, when it fails or cannot be started. */
export async function spawnText(program: string, args: string[], options: SpawnOptions = {}): Promise<string> {
  return (await spawnOutput(program, args, options)).stdout;
}

/** Whether a program can be started and ends with exit code 0. Never throws. */
export async function spawnSucceeds(program: string, args: string[], options: SpawnOptions = {}): Promise<boolean> {
  return spawnText(program, args, options).then(
    () => true,
    () => false,
  );
}

/** Runs a program and passes on each line that it prints, on both of its streams. @throws {ToolError} when it fails. */
export async function spawnLines(
  program: string,
  args: string[],
  { onLine, ...options }: SpawnOptions & { onLine?: (line: string) => void } = {},
): Promise<void> {
  const last: string[] = [];
  function* readLine(line: unknown) {
    const text = String(line);
    if (text.trim() === '') return;
    if (last.push(text) > LAST_LINES) last.shift();
    onLine?.(text);
    yield* []; // Execa passes nothing on.
  }
  const io = { stdin: 'ignore', stdout: readLine, stderr: readLine, buffer: false } as const;
  await start(program, args, options, io, last).ended;
}

/**
 * A program's standard output as a stream of bytes. The program starts with the first read. The stream ends only when the
 * program has ended with exit code 0, and fails with its last lines otherwise; destroying the stream ends the program.
 */
export function spawnStream(program: string, args: string[], options: SpawnOptions = {}): Readable {
  async function* readOutput() {
    const { child, ended } = start(program, args, options, { stdin: 'ignore', buffer: { stdout: false } });
    try {
      yield* child.stdout;
      await ended;
    } finally {
      child.kill('SIGTERM');
    }
  }
  return Readable.from(readOutput(), { objectMode: false });
}

/** Runs a program that reads `source`. @throws {ToolError} when it fails; the error of `source` when that fails. */
export async function spawnInto(source: Readable, program: string, args: string[], options: SpawnOptions = {}) {
  await start(program, args, options, { input: source, stdout: 'ignore' }).ended;
}

/**
 * What a program prints on standard output when it reads `input`. @throws {ToolError} when it fails, with what it printed on
 * both of its streams, and when it prints more than a megabyte.
 */
export async function spawnWithInput(
  program: string,
  args: string[],
  input: string,
  options: SpawnOptions = {},
): Promise<string> {
  return (await start(program, args, options, { input, all: true, maxBuffer: 1 << 20 }).ended).stdout;
}

/** How long a program and what it has started may take to end after SIGINT, in milliseconds. */
const END_LIMIT_MS = 5000;

/**
 * What a program prints, and its exit code, whatever that is. Neither the program nor what it has started in its process group
 * outlives this call.
 *
 * @param limits `timeout` in milliseconds, `output` in bytes of both streams together.
 * @throws {ToolError} with the code `timed-out` or `program-failed`, when it cannot be started, does not keep to its limits or
 * is ended by a signal; the reason of `signal` after an interruption.
 */
export async function spawnLimited(
  program: string,
  args: string[],
  limits: { timeout: number; output: number },
  { signal, ...options }: Pick<SpawnOptions, 'cwd' | 'env' | 'signal'>,
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const limit = new AbortController();
  const name = basename(program);
  const stop = (message: string, code: ErrorCode) => limit.abort(new ToolError(`${name} ${message}`, { code }));
  const timer = setTimeout(stop, limits.timeout, `did not end within ${limits.timeout / 1000} s.`, 'timed-out');
  const either = AbortSignal.any(signal ? [signal, limit.signal] : [limit.signal]);
  // Execa repeats what it has read in its errors, with escapes: of a hundred megabytes, that ends Node.
  const io = { stdin: 'ignore', buffer: false } as const;
  const { child, ended } = start(program, args, { ...options, signal: either, interruptsGroup: true }, io);
  let killTimer: NodeJS.Timeout | undefined;
  const kill = () => {
    signalGroup(child, 'SIGKILL');
    // A process that has left the group is not killed, and may keep them open for ever.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const killLater = () => {
    killTimer ??= setTimeout(kill, END_LIMIT_MS);
  };
  either.addEventListener('abort', killLater);
  // What it has left behind may keep its output open.
  child.once('exit', killLater);
  let bytes = 0;
  const collect = (stream: Readable) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.output) chunks.push(chunk);
      else stop(`printed more than ${Math.round(limits.output / 1e6)} MB.`, 'program-failed');
    });
    return chunks;
  };
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  try {
    const { exitCode } = await child.catch((reason: ExecaError) => reason);
    if (either.aborted || exitCode === undefined) await ended;
    return { stdout: String(Buffer.concat(stdout)), stderr: String(Buffer.concat(stderr)), exitCode: exitCode ?? 0 };
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    // What is still there ignores SIGINT, or was left behind.
    signalGroup(child, 'SIGKILL');
  }
}

/** A program as a connection to whatever it connects to. It fails when the program does, and ends it when it is closed. */
export function spawnConnection(program: string, args: string[], options: SpawnOptions = {}): Duplex {
  const { child, ended } = start(program, args, options, { stdin: 'pipe', buffer: { stdout: false } });
  ended.catch(() => {}); // The stream has the error.
  return child.duplex().on('close', () => child.kill());
}

/** Starts a program that cannot outlive this process. `ended` fails with `last`, or with what the program printed. */
function start<T extends Options>(
  program: string,
  args: string[],
  { signal, detached = true, interruptsGroup = false, ...options }: SpawnOptions,
  io: T,
  last?: string[],
) {
  const settings = { extendEnv: false, cancelSignal: signal, killSignal: 'SIGINT' } as const;
  // By default, Execa kills a program five seconds after the signal. A group may need longer to clean up.
  const forceKillAfterDelay = interruptsGroup ? 30_000 : true;
  const child = execa(program, args, { ...options, ...settings, forceKillAfterDelay, detached, ...io });
  const interruptGroup = () => signalGroup(child, 'SIGINT');
  if (interruptsGroup && detached) signal?.addEventListener('abort', interruptGroup);
  const ended = child.catch((error: ExecaError) => {
    signal?.throwIfAborted();
    throw error.cause instanceof ToolError
      ? error.cause
      : describeFailure(program, args, error, { limitMs: options.timeout ?? 0, last });
  });
  const stopWatching = detached ? onExit(() => signalGroup(child, 'SIGKILL')) : () => {}; // Execa kills what is not detached.
  const stop = () => {
    stopWatching();
    signal?.removeEventListener('abort', interruptGroup);
  };
  ended.then(stop, stop);
  return { child, ended };
}

/** Signals a program and what it has started: the engine's command line starts plugins. */
function signalGroup(child: Pick<Subprocess, 'pid' | 'kill'>, signal: 'SIGINT' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // Windows has no process groups.
  }
}

function describeFailure(
  program: string,
  args: string[],
  error: ExecaError,
  { limitMs, last }: { limitMs: number; last: string[] | undefined },
): ToolError {
  const { all, stderr, stdout, timedOut, exitCode, signal, originalMessage, isMaxBuffer } = error;
  const isStarted = exitCode !== undefined || signal !== undefined || isMaxBuffer;
  if (!isStarted) return new ToolError(`Cannot start ${program}: ${originalMessage}`);
  const printed = String(all || stderr || stdout || '').match(/^.*\S.*$/gm) ?? [];
  const lines = last ?? printed.slice(-LAST_LINES);
  // Not Execa's message, which repeats all arguments: they may hold secrets.
  const command = `${basename(program)} ${args[0] ?? ''}`;
  if (timedOut)
    return new ToolError(`${command} did not end within ${limitMs / 1000} s.`, { code: 'timed-out', lines });
  if (isMaxBuffer) return new ToolError(`${command} printed too much.`, { code: 'program-failed' });
  if (lines.length === 0) lines.push(`It ended with ${exitCode ?? signal}.`);
  return new ToolError(`${command} failed:`, { code: 'program-failed', lines });
}
