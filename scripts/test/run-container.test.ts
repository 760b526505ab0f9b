import { expect, test } from 'vitest';
import { isCutOff, selectLines } from '../compare/run/run-container.ts';

const ERROR = `node:fs:435
Error: ENOENT: no such file or directory, open 'config.js'
    at Object.openSync (node:internal/fs/utils:435:11)
    at start (/app/server.js:17:21)
    at Module.load (node:internal/modules/cjs/loader:1678:32) {
  errno: -2,
  code: 'ENOENT',
  path: 'config.js'
}
Node.js v26.10.0`;

test('the message of the last error is shown, however long its stack is', () => {
  const before = Array.from({ length: 30 }, (_, at) => `line ${at}`);
  const frames = Array.from({ length: 30 }, (_, at) => `    at f (node:internal/x:${at})`);
  const lines = [...before, ...ERROR.split('\n').toSpliced(3, 0, ...frames)];
  expect(selectLines(lines).slice(0, 2)).toEqual([ERROR.split('\n')[1], '    at start (/app/server.js:17:21)']);
  expect(selectLines(lines).at(-1)).toBe('Node.js v26.10.0');
});

test('without an error, the last lines', () => {
  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`);
  expect(selectLines(lines).at(-1)).toBe('line 29');
  expect(selectLines(lines).length).toBeLessThan(20);
});

test('what was printed long after an error is not lost', () => {
  const lines = ['Error: no connection, trying again', ...Array.from({ length: 30 }, (_, at) => `line ${at}`)];
  expect(selectLines(lines).at(0)).toBe('Error: no connection, trying again');
  expect(selectLines(lines).at(-1)).toBe('line 29');
});

test.each([
  ['silent', 4000, true],
  ['endless-body', 4, true],
  ['endless-body', 30_000, false],
  ['closed', 4, false],
  ['not-http', 4, false],
] as const)('%s with %d ms left: cut off by the end of the time is %s', (failure, limitMs, expected) => {
  expect(isCutOff({ failure, bytes: 107, beginning: '' }, limitMs)).toBe(expected);
});

test('a complete response is never cut off', () => {
  expect(isCutOff({ status: 503, headers: {}, body: '', digest: '' }, 4)).toBe(false);
});
