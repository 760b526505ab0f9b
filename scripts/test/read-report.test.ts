import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readReport } from '../compare/report/read-report.ts';
import { describeError } from '../lib/errors.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'read-report-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function errorOf(content: string): Promise<string> {
  await writeFile(join(directory, 'x.json'), content);
  const error: unknown = await readReport('x.json', directory).catch((reason) => reason);
  expect(error).toMatchObject({ name: 'ToolError', code: 'usage' });
  return describeError(error);
}

test('a report of a later version says what to do', async () => {
  expect(await errorOf('{"schemaVersion": 3, "images": []}')).toBe(
    [
      'Cannot read the report x.json: it is not a report of this version: schemaVersion: this tool reads versions 1 and 2, and this is 3',
      'A report is what --json FILE writes. For one of a later version, update this tool.',
    ].join('\n'),
  );
});

test.each([
  ['{"name": "x"}', /it is not a report of this version: schemaVersion: /],
  ['null', /it is not a report of this version: /],
  ['{"schemaVersion": 2}', /it is not a report of this version: createdAt: /],
  ['{"schemaVersion": 1, "images": [{"contents": 7}]}', /it is not a report of this version: /],
  ['{', /it is not JSON/],
])('%s is not a report', async (content, message) => {
  const text = await errorOf(content);
  expect(text).toMatch(message);
  expect(text).toContain('A report is what --json FILE writes.');
});

test('what is nested without end, or has a value without end, is not a report', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  expect(await errorOf(`{"schemaVersion": 1, "images": ${deep}}`)).toContain('it is nested too deeply');
  expect((await errorOf(`{"schemaVersion": "${'3'.repeat(9999)}"}`)).length).toBeLessThan(600);
});

test('a file that does not exist, and a directory', async () => {
  await expect(readReport('no-such.json', directory)).rejects.toThrow('there is no such file');
  await expect(readReport('.', directory)).rejects.toThrow('it is a directory');
});
