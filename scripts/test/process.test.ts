import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { readStepName } from '../compare/build/build-steps.ts';
import { ToolError } from '../lib/errors.ts';
import { spawnInto, spawnLines, spawnStream, spawnText } from '../lib/spawn.ts';

const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];
const failing = node('console.log("out"); console.error("first\\n\\nlast"); process.exit(3)');

test('run returns what the program prints', async () => {
  expect(await spawnText(...node('console.log("yes")'))).toBe('yes');
});

test('a failure has the last lines of the program', async () => {
  await expect(spawnText(...failing)).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(spawnLines(...failing)).rejects.toMatchObject({ lines: expect.arrayContaining(['first', 'last']) });
  await expect(text(spawnStream(...failing))).rejects.toMatchObject({ lines: ['first', 'last'] });
  await expect(spawnInto(Readable.from(['x']), ...failing)).rejects.toBeInstanceOf(ToolError);
});

test('a program that does not exist is a clear error', async () => {
  for (const attempt of [
    spawnText('no-such-program', []),
    spawnLines('no-such-program', []),
    text(spawnStream('no-such-program', [])),
  ]) {
    await expect(attempt).rejects.toBeInstanceOf(ToolError);
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

test('a stream into a program arrives whole', async () => {
  const check = node('process.stdin.toArray().then((c) => process.exit(Buffer.concat(c).length === 300000 ? 0 : 1))');
  await spawnInto(Readable.from([Buffer.alloc(100_000), Buffer.alloc(200_000)]), ...check);
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
