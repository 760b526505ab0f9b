import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import { printable } from './format.ts';
import { cleanOutput, withoutCommands } from './print.ts';

/** How often the live lines on a terminal are drawn, and the active tasks printed elsewhere, in milliseconds. */
const LIVE_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 10_000;

/** Something that takes time. */
interface Task {
  /** Sets what it does now. A task without a text is not shown. */
  update(text: string): void;
  done(text: string): void;
  fail(text: string): void;
}

export interface Progress {
  task(name: string): Task;
  /** Prints a line that stays. */
  note(text: string): void;
  /** Removes the live lines. Tasks that have not ended print nothing more. */
  close(): void;
}

/** Prints nothing, for users who want only the result. */
export function quietProgress(): Progress {
  const nothing = () => {};
  return { task: () => ({ update: nothing, done: nothing, fail: nothing }), note: nothing, close: nothing };
}

/**
 * Shows what is being done, on standard error so that the result can be piped. On a terminal: a live line for each active
 * task. Elsewhere: a line when a task ends, and now and then before, because silence looks like a program that hangs.
 */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  // Some terminals, such as those of build services, do not say how large they are.
  const live = stream.isTTY && stream.rows > 0 ? createLogUpdate(stream) : null;
  const active = new Set<{ name: string; text: string; begin: number }>();

  const shown = () => [...active].filter(({ text }) => text !== '');
  const draw = () => {
    const lines = shown().map(({ name, text, begin }) => `  ${seconds(begin).padStart(7)} ${name}: ${text}`);
    const width = stream.columns || 80;
    if (lines.length === 0) live?.clear();
    else live?.(lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line)).join('\n'));
  };
  const print = (line: string) => {
    if (!live) return void stream.write(`${line.split('\n').map(withoutCommands).join('\n')}\n`);
    live.persist(line);
    draw();
  };
  const printActive = () => {
    for (const { name, text, begin } of shown()) print(`${name}: ${text} (${seconds(begin)})`);
  };
  const timer = live ? setInterval(draw, LIVE_INTERVAL_MS) : setInterval(printActive, PLAIN_INTERVAL_MS);
  timer.unref();

  return {
    task(name) {
      const task = { name: printable(name), text: '', begin: Date.now() };
      active.add(task);
      const end = (colour: 'green' | 'red', mark: string) => (text: string) => {
        active.delete(task);
        const time = styleText('dim', `(${seconds(task.begin)})`, { stream });
        print(`${live ? `${styleText(colour, mark, { stream })} ` : ''}${task.name}: ${printable(text)} ${time}`);
      };
      const update = (text: string) => {
        task.text = printable(text);
      };
      return { update, done: end('green', '✓'), fail: end('red', '✗') };
    },
    note: (text) => print(cleanOutput(text, false)),
    close() {
      clearInterval(timer);
      active.clear();
      live?.clear();
      live?.done();
    },
  };
}

const seconds = (begin: number) => `${((Date.now() - begin) / 1000).toFixed(1)} s`;

/** Shows `work` as a task. */
export async function showTask<T>(
  progress: Progress,
  name: string,
  work: (report: Task['update']) => Promise<T>,
): Promise<T> {
  const task = progress.task(name);
  task.update('in progress');
  try {
    const result = await work(task.update);
    task.done('done');
    return result;
  } catch (error) {
    task.fail('failed');
    throw error;
  }
}
