import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ToolError } from '../lib/errors.ts';
import { buildStep } from '../lib/progress.ts';
import { run, runInto, runLines, runStream } from '../lib/spawn.ts';

const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];
const failing = node('console.log("out"); console.error("first\\n\\nlast"); process.exit(3)');

test('run returns what the program prints', async () => {
  expect(await run(...node('console.log("yes")'))).toBe('yes');
});

test('a failure has the last lines of the program', async () => {
  await expect(run(...failing)).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(runLines(...failing)).rejects.toMatchObject({ lines: expect.arrayContaining(['first', 'last']) });
  await expect(text(runStream(...failing))).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(runInto(Readable.from(['x']), ...failing)).rejects.toBeInstanceOf(ToolError);
});

test('a program that does not exist is a clear error', async () => {
  for (const attempt of [
    run('no-such-program', []),
    runLines('no-such-program', []),
    text(runStream('no-such-program', [])),
  ]) {
    await expect(attempt).rejects.toBeInstanceOf(ToolError);
  }
});

test('runLines hands over both streams line by line', async () => {
  const lines: string[] = [];
  await runLines(...node('console.log("a\\nb"); console.error("c")'), { onLine: (line) => lines.push(line) });
  expect(lines.sort()).toEqual(['a', 'b', 'c']);
});

test('an abort ends the program and is thrown as itself', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const waiting = runLines(...node('console.log("up"); setInterval(() => {}, 1000)'), {
    signal: controller.signal,
    onLine: () => controller.abort(reason),
  });
  await expect(waiting).rejects.toBe(reason);
});

test('a stream into a program arrives whole', async () => {
  const check = node('process.stdin.toArray().then((c) => process.exit(Buffer.concat(c).length === 300000 ? 0 : 1))');
  await runInto(Readable.from([Buffer.alloc(100_000), Buffer.alloc(200_000)]), ...check);
});

test.each([
  ['#12 [build 4/6] RUN npm ci', '[build 4/6] RUN npm ci'],
  ['#5 [2/4] RUN a   &&   b', '[2/4] RUN a && b'],
  ['#7 [2/4] RUN echo "//x/:_authToken=abc123" > .npmrc', '[2/4] RUN echo "//x/:_authToken=***" > .npmrc'],
  ['#1 [internal] load build definition from Dockerfile', null],
  ['#12 0.345 added 65 packages', null],
])('the step of %j', (line, step) => {
  expect(buildStep(line)).toBe(step);
});
