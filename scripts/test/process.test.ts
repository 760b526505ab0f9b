import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { readStepName } from '../compare/build/build-steps.ts';
import { ToolError } from '../lib/errors.ts';
import {
  spawnBeginning,
  spawnInto,
  spawnLimited,
  spawnLines,
  spawnOutput,
  spawnStream,
  spawnSucceeds,
  spawnText,
} from '../lib/spawn.ts';

const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];
const failing = node('console.log("out"); console.error("first\\n\\nlast"); process.exit(3)');

test('what a program prints', async () => {
  expect(await spawnText(...node('console.log("yes")'))).toBe('yes');
  const both = await spawnOutput(...node('console.log("out"); console.error("error")'));
  expect(both).toMatchObject({ stdout: 'out', stderr: 'error' });
  expect(await spawnSucceeds(...node(''))).toBe(true);
  expect(await spawnSucceeds(...failing)).toBe(false);
});

test('a program has the environment that it is given, and no other variable', async () => {
  const names = node('console.log(Object.keys(process.env).filter((name) => /^(A|PATH)$/.test(name)).join())');
  expect(await spawnText(...names, { env: { A: '1' } })).toBe('A');
  expect(await spawnText(...names)).toBe('PATH');
});

test('a failure has the last lines of the program, or else how it ended', async () => {
  await expect(spawnText(...failing)).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(spawnLines(...failing)).rejects.toMatchObject({ lines: expect.arrayContaining(['first', 'last']) });
  await expect(text(spawnStream(...failing))).rejects.toMatchObject({ lines: ['first', 'last'] });
  // More than a pipe holds: the program ends while it is still being written to.
  const source = Readable.from([Buffer.alloc(5_000_000)]);
  await expect(spawnInto(source, ...failing)).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(spawnText(...node('process.exit(3)'))).rejects.toMatchObject({ lines: ['It ended with 3.'] });
});

test('a program that does not end in time is an error of its own kind, with the last lines', async () => {
  const waiting = node('console.error("waiting"); setInterval(() => {}, 1000)');
  await expect(spawnText(...waiting, { timeout: 1000 })).rejects.toMatchObject({
    code: 'timed-out',
    message: expect.stringMatching(/ -e did not end within 1 s\.$/),
    lines: ['waiting'],
  });
});

test('a program with limits: what it prints and its exit code, or the limit that it did not keep to', async () => {
  const limits = { timeout: 10_000, output: 1_000_000 };
  expect(await spawnLimited(...failing, limits, {})).toEqual({
    ...{ stdout: 'out\n', stderr: 'first\n\nlast\n', exitCode: 3 },
  });
  expect(await spawnLimited(...node('console.log(1)'), limits, {})).toMatchObject({ stdout: '1\n', exitCode: 0 });
  const endless = node(
    'process.on("SIGINT", () => {}); for (;;) require("fs").writeSync(2, "0123456789\\n".repeat(1000))',
  );
  // In a process group of its own, with the output of the program.
  const leaving = node(`const { spawn } = require('node:child_process');
    const sleep = spawn('sleep', ['60'], { detached: true, stdio: 'inherit' });
    console.log(sleep.pid); sleep.unref()`);
  const [left] = await Promise.all([
    spawnLimited(...leaving, limits, {}),
    expect(spawnLimited(...endless, limits, {})).rejects.toMatchObject({
      ...{ code: 'program-failed', message: 'node printed more than 1 MB.' },
    }),
  ]);
  expect(left.exitCode).toBe(0);
  process.kill(Number(left.stdout));
  await expect(spawnLimited('no-such-program', [], limits, {})).rejects.toThrow('Cannot start no-such-program');
});

test('of a program that prints without end only the beginning is read, in whole lines', async () => {
  // It prints an error when its output is closed, as `docker logs` does.
  const endless = node('for (;;) require("fs").writeSync(1, "0123456789\\n".repeat(1000))');
  expect(await spawnBeginning(...endless, 25)).toEqual({ stdout: '0123456789\n0123456789\n', stderr: '' });
  expect(await spawnBeginning(...endless, 5)).toEqual({ stdout: '01234', stderr: '' });
  expect(await spawnBeginning(...node('console.log("all")'), 25)).toMatchObject({ stdout: 'all\n', stderr: '' });
  // The stream that is not cut off keeps its last line.
  const alsoErrors = node('console.error("a\\nb"); for (;;) require("fs").writeSync(1, "0123456789\\n".repeat(1000))');
  expect(await spawnBeginning(...alsoErrors, 25)).toEqual({ stdout: '0123456789\n0123456789\n', stderr: 'a\nb\n' });
  await expect(spawnBeginning(...failing, 25)).rejects.toMatchObject({ lines: ['first', 'last'] });
});

test('only the last 30 lines of a program are repeated', async () => {
  const many = node('for (let i = 1; i <= 100; i += 1) console.log(i); process.exitCode = 1');
  const lines = Array.from({ length: 30 }, (_, index) => String(71 + index));
  await expect(spawnLines(...many)).rejects.toMatchObject({ lines });
  await expect(spawnText(...many)).rejects.toMatchObject({ lines });
});

test('what fails while a program reads it is the error', async () => {
  const source = spawnStream(...failing);
  await expect(spawnInto(source, ...node('process.stdin.resume()'))).rejects.toMatchObject({
    lines: ['first', 'last'],
  });
});

test('a program that does not exist is a clear error', async () => {
  for (const attempt of [
    spawnText('no-such-program', []),
    spawnLines('no-such-program', []),
    text(spawnStream('no-such-program', [])),
  ]) {
    await expect(attempt).rejects.toThrow(ToolError);
    await expect(attempt).rejects.toThrow('Cannot start no-such-program: ');
  }
});

test('spawnLines hands over both streams line by line', async () => {
  const lines: string[] = [];
  await spawnLines(...node('console.log("a\\nb"); console.error("c")'), { onLine: (line) => lines.push(line) });
  expect(lines.sort()).toEqual(['a', 'b', 'c']);
});

test('an abort ends the program and is thrown as itself', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const waiting = spawnLines(...node('console.log("up"); setInterval(() => {}, 1000)'), {
    signal: controller.signal,
    onLine: () => controller.abort(reason),
  });
  await expect(waiting).rejects.toBe(reason);
});

test('an interruption of a group reaches what a program has spawned', async () => {
  // As mmdebstrap does: it ignores the signal and cleans up when the program that it has spawned ends.
  const waiting = node(`process.on('SIGINT', () => {});
    const child = ['-e', 'console.log("up"); setInterval(() => {}, 1000)'];
    require('child_process').spawn(process.execPath, child, { stdio: 'inherit' }).on('exit', () => process.exit());`);
  const controller = new AbortController();
  const reason = new Error('stop');
  const begin = Date.now();
  const onLine = () => controller.abort(reason);
  const ended = spawnLines(...waiting, { signal: controller.signal, interruptsGroup: true, onLine });
  await expect(ended).rejects.toBe(reason);
  expect(Date.now() - begin).toBeLessThan(4000); // Execa kills after five seconds.
});

test('a stream of bytes is not changed, and destroying it ends the program', async () => {
  const bytes = node('process.stdout.write(Buffer.from([0, 255, 10, 13, 10])); setInterval(() => {}, 1000)');
  const stream = spawnStream(...bytes);
  for await (const chunk of stream) {
    expect([...chunk]).toEqual([0, 255, 10, 13, 10]);
    break;
  }
  expect(stream.destroyed).toBe(true);
});

test('a stream into a program arrives whole', async () => {
  const check = node('process.stdin.toArray().then((c) => process.exit(Buffer.concat(c).length === 300000 ? 0 : 1))');
  await spawnInto(Readable.from([Buffer.alloc(100_000), Buffer.alloc(200_000)]), ...check);
});

/** A program that spawns another, which prints its process id. */
const parent = (main: string, afterStart: string) => `
  import { spawnLines } from '${join(import.meta.dirname, '../lib/spawn.ts')}';
  import { startProgram } from '${join(import.meta.dirname, '../lib/program.ts')}';
  const wait = () => spawnLines(process.execPath, ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'], {
    onLine: (line) => {
      console.log(line);
      ${afterStart}
    },
  });
  ${main}`;

/** Whether a process has not ended. A zombie has. */
function isAlive(id: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(id)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return false;
  }
}

async function startParent(script: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: join(import.meta.dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [chunk] = await once(child.stdout, 'data');
  return { child, ended, grandchild: Number.parseInt(String(chunk), 10) };
}

test.each([
  ['SIGTERM', ''],
  ['SIGINT', ''],
  ['SIGHUP', ''],
  ['an uncaught error', 'setTimeout(() => { throw new Error("x"); }, 500)'],
  ['process.exit()', 'setTimeout(() => process.exit(), 500)'],
])('no program outlives this process: %s', async (how, then) => {
  const { child, ended, grandchild } = await startParent(parent('await wait();', then));
  expect(isAlive(grandchild)).toBe(true);
  if (then === '') child.kill(how as NodeJS.Signals);
  const [, signal] = await ended;
  expect(signal).toBe(then === '' ? how : null);
  await expect.poll(() => isAlive(grandchild), { timeout: 5000 }).toBe(false);
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s kills no program before the clean-up has ended', async (signal) => {
  const script = `
    await startProgram(async (signal) => {
      const waiting = wait();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      console.log('cleaned up');
      setTimeout(() => process.exit(), 500);
      await waiting;
    });`;
  const { child, ended, grandchild } = await startParent(parent(script, ''));
  child.kill(signal);
  const [chunk] = await once(child.stdout, 'data');
  expect(String(chunk)).toBe('cleaned up\n');
  expect(isAlive(grandchild)).toBe(true);
  await ended;
  await expect.poll(() => isAlive(grandchild), { timeout: 5000 }).toBe(false);
});

test('many programs at a time listen to one interruption without a warning, and none does once it has ended', async () => {
  const script = `
    import { getEventListeners } from 'node:events';
    await startProgram(async (signal) => {
      const one = () => spawnLines(process.execPath, ['-e', ''], { signal });
      await Promise.all(Array.from({ length: 12 }, one));
      console.log(getEventListeners(signal, 'abort').length, 'listen');
      return 0;
    });`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', parent(script, '')];
  const printed = await spawnOutput(process.execPath, args, { cwd: join(import.meta.dirname, '..') });
  expect(printed).toMatchObject({ stdout: '0 listen', stderr: '' });
});

test.each([
  ['#12 [build 4/6] RUN npm ci', '[build 4/6] RUN npm ci'],
  ['#5 [2/4] RUN a   &&   b', '[2/4] RUN a && b'],
  ['#7 [2/4] RUN echo "//x/:_authToken=abc123" > .npmrc', '[2/4] RUN echo "//x/:_authToken=***" > .npmrc'],
  ['#1 [internal] load build definition from Dockerfile', null],
  ['#12 0.345 added 65 packages', null],
])('the step of %j', (line, step) => {
  expect(readStepName(line)).toBe(step);
});
