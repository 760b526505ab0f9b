import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EngineFault, type EngineProxy, startEngineProxy } from './engine-proxy.ts';
import { type Expectations, findProblems, LIMIT_S } from './find-problems.ts';
import { findProcesses } from './leftovers.ts';

/** A command that does not end by itself is killed this long after its limit, in seconds: it may be interrupted only late. */
const KILL_AFTER_S = 90;

/** One fault, and what the tool has to do about it. `npm run test:faults -- text` tries the rows whose name has the text. */
export interface Row extends Expectations {
  name: string;
  /**
   * A line for bash, in the project's directory. `compare`, `setup` and `dockerize` are the programs; `$ROOT` is this repository.
   * Default: `compare .`
   */
  command?: string;
  env?: Record<string, string>;
  /** Whatever else the command requires. */
  prepare?: (trial: Trial) => unknown;
  /** What happens while the command runs. An error is a problem of the row. */
  during?: (trial: Trial) => unknown;
  /** What is left behind where that cannot be avoided, because the engine died. */
  leaves?: RegExp;
  /** It must not share the machine: its time counts, or it changes what other invocations see. */
  alone?: boolean;
  /** It only waits: others run beside it, and where it must be alone, those that must be alone and wait as well. */
  waits?: boolean;
}

/** What all trials share. */
export interface TrialPaths {
  /** The repository whose programs are tried. */
  root: string;
  /** A directory with `compare`, `setup` and `dockerize`, which start them. */
  programs: string;
  engineSocket: string;
  /** Where tsx keeps what it has compiled. */
  compiled: string;
}

/** A row while it is tried, in a directory of its own. */
export class Trial {
  readonly row: Row;
  readonly places: TrialPaths;
  readonly directory: string;
  readonly project: string;
  readonly temporary: string;
  readonly env: NodeJS.ProcessEnv;
  /** Set by {@link useProxy}. */
  proxy: EngineProxy | undefined;
  /** Called when the trial is over. */
  readonly cleaners: (() => unknown)[] = [];
  #command: ReturnType<Trial['start']> | undefined;
  #firstSignalAt = 0;

  constructor(row: Row, places: TrialPaths, directory: string) {
    this.row = row;
    this.places = places;
    this.directory = directory;
    this.project = join(directory, 'app');
    this.temporary = join(directory, 'tmp');
    const { INIT_CWD, GITHUB_STEP_SUMMARY, NO_COLOR, FORCE_COLOR, CI, ...inherited } = process.env;
    const env = Object.fromEntries(Object.entries(inherited).filter(([name]) => !/^npm_/i.test(name)));
    this.env = { ...env, TMPDIR: this.temporary, FAULT_ROW: directory, ROOT: places.root, ...row.env };
    this.env.PATH = `${places.programs}:${this.env.PATH}`;
  }

  /** Lets the command reach the engine through a proxy, with a fault at the requests that fit. */
  async useProxy(at?: RegExp, fault?: EngineFault): Promise<void> {
    const path = join(this.directory, 'engine');
    this.proxy = await startEngineProxy(path, this.places.engineSocket, at, fault);
    this.cleaners.push(this.proxy.close);
    this.env.DOCKER_HOST = `unix://${path}`;
  }

  /** Starts a line of bash as a user would, in the project's directory. */
  start(line: string): { child: ChildProcess; output: { stdout: string; stderr: string }; ended: Promise<number> } {
    const { project: cwd, env } = this;
    const child = spawn('/bin/bash', ['-o', 'pipefail', '-c', line], { cwd, env, detached: true });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk) => {
        output[name] += chunk;
      });
    }
    child.stdin.on('error', () => {}).end();
    const closed = once(child, 'close');
    const ended = once(child, 'exit').then(async ([code, signal]) => {
      // A process that is left may keep the pipes open.
      await Promise.race([closed, sleep(1000)]);
      return code ?? 128 + constants.signals[signal as NodeJS.Signals];
    });
    return { child, output, ended };
  }

  /** Waits until something is true, or the command has ended. */
  async until(isTrue: () => unknown): Promise<void> {
    while (this.#isRunning() && !(await isTrue())) await sleep(20);
  }

  /** Sends a signal to the command and what it has started, as Ctrl-C in a terminal does, or to the command alone. */
  signal(name: NodeJS.Signals, to: 'all' | 'command' = 'all'): void {
    const pid = this.#command?.child.pid;
    if (!this.#isRunning() || pid === undefined) return;
    this.#firstSignalAt ||= performance.now();
    process.kill(to === 'all' ? -pid : pid, name);
  }

  #isRunning(): boolean {
    const { exitCode, signalCode } = this.#command?.child ?? {};
    return exitCode === null && signalCode === null;
  }

  /** Prepares the files, runs the command, and judges what it did. Returns the processes that are left as well. */
  async run() {
    const { row } = this;
    await this.#prepare();
    const begin = performance.now();
    const command = this.start(row.command ?? 'compare .');
    this.#command = command;
    const timer = setTimeout(() => this.signal('SIGKILL'), ((row.within ?? LIMIT_S) + KILL_AFTER_S) * 1000);
    const during = (async () => row.during?.(this))().catch((error: Error) => error.message);
    const code = await command.ended;
    const seconds = (performance.now() - (this.#firstSignalAt || begin)) / 1000;
    clearTimeout(timer);
    const problem = await during;
    const processes = await findProcesses(`FAULT_ROW=${this.directory}`);
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    const { stdout, stderr } = command.output;
    const problems = await findProblems(row, this.project, { code, seconds, stdout, stderr });
    if (typeof problem === 'string') problems.push(problem);
    return { code, seconds, problems, output: stdout + stderr, processes };
  }

  async #prepare(): Promise<void> {
    for (const path of [this.temporary, this.project]) await mkdir(path, { recursive: true });
    await symlink(this.places.compiled, join(this.temporary, `tsx-${process.getuid?.()}`));
    for (const [name, content] of Object.entries(this.row.files ?? {})) {
      const path = join(this.project, name);
      await mkdir(dirname(path), { recursive: true });
      await (typeof content === 'string' ? writeFile(path, content) : symlink(content.link, path));
    }
    await this.row.prepare?.(this);
  }

  /** The temporary files that are left. */
  async temporaryFiles(): Promise<string[]> {
    const names = await readdir(this.temporary).catch(() => []);
    return names.filter((name) => !name.startsWith('tsx-'));
  }

  async close(): Promise<void> {
    for (const clean of this.cleaners) await clean();
    await rm(this.directory, { recursive: true, force: true });
  }
}
