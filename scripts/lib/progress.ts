import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';

/** How often a line that is not on a terminal may say what it is doing, in milliseconds. */
const PLAIN_INTERVAL_MS = 10_000;

/** One thing that takes time. */
export interface Task {
  update(text: string): void;
  done(text: string): void;
  fail(text: string): void;
}

export interface Progress {
  task(name: string): Task;
  /** A line that stays. */
  note(text: string): void;
  /** Takes the live lines away. Tasks that have not ended are forgotten. */
  close(): void;
}

/**
 * Shows what is being done, on standard error so that the result can be piped: live lines with the time on a terminal,
 * elsewhere a line when something begins, ends, and now and then in between.
 */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  // Some terminals, such as those of build services, do not say how large they are.
  return stream.isTTY && stream.rows > 0 ? liveProgress(stream) : plainProgress(stream);
}

/** Says nothing, for who wants only the result. */
export function quietProgress(): Progress {
  const nothing = () => {};
  return { task: () => ({ update: nothing, done: nothing, fail: nothing }), note: nothing, close: nothing };
}

function liveProgress(stream: NodeJS.WriteStream): Progress {
  const live = createLogUpdate(stream);
  const active = new Map<Task, { name: string; text: string; since: number }>();
  const draw = () => {
    const width = stream.columns || 80;
    const lines = [...active.values()].map(({ name, text, since }) => {
      const line = `  ${seconds(since)} ${name}: ${text}`;
      return line.length > width ? `${line.slice(0, width - 1)}…` : line;
    });
    if (lines.length > 0) live(lines.join('\n'));
    else live.clear();
  };
  const keep = (line: string) => {
    live.persist(line);
    draw();
  };
  const timer = setInterval(draw, 200).unref();
  return {
    task(name) {
      const state = { name, text: '', since: Date.now() };
      const end = (mark: string) => (text: string) => {
        active.delete(task);
        keep(`${mark} ${name}: ${text} ${styleText('dim', `(${seconds(state.since).trim()})`, { stream })}`);
      };
      const task: Task = {
        update: (text) => {
          state.text = text;
        },
        done: end(styleText('green', '✓', { stream })),
        fail: end(styleText('red', '✗', { stream })),
      };
      active.set(task, state);
      draw();
      return task;
    },
    note: keep,
    close() {
      clearInterval(timer);
      active.clear();
      live.clear();
      live.done();
    },
  };
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const say = (line: string) => stream.write(`${line}\n`);
  const timers = new Set<NodeJS.Timeout>();
  return {
    task(name) {
      const since = Date.now();
      let latest = '';
      const told = (text: string) => say(`${name}: ${text} (${seconds(since).trim()})`);
      // Also when nothing new is to be told: silence looks like a program that hangs.
      const timer = setInterval(() => latest && told(latest), PLAIN_INTERVAL_MS).unref();
      timers.add(timer);
      const end = (text: string) => {
        clearInterval(timer);
        timers.delete(timer);
        told(text);
      };
      return {
        update(text) {
          latest = text;
        },
        done: end,
        fail: end,
      };
    },
    note: say,
    close() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`.padStart(7);
}

/** Does one thing as a task: its live text comes from `say`, its last line is `done` or that it failed. */
export async function step<T>(
  progress: Progress,
  name: string,
  done: string,
  work: (say: (text: string) => void) => Promise<T>,
): Promise<T> {
  const task = progress.task(name);
  try {
    const result = await work(task.update);
    task.done(done);
    return result;
  } catch (error) {
    task.fail('failed');
    throw error;
  }
}
