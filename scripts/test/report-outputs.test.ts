import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openOutputs } from '../compare/report/outputs.ts';
import { readReport } from '../compare/report/read-report.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const report = await readReport('report.json', GOLDEN);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'outputs-'));
  vi.stubEnv('GITHUB_STEP_SUMMARY', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

test('each format is written to its file, and what failed is printed', async () => {
  const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const outputs = await openOutputs({ json: 'a.json', markdown: 'a.md', quiet: true }, directory);
  await outputs.write(report, {});
  expect((await readdir(directory)).sort()).toEqual(['a.json', 'a.md']);
  expect(await readFile(join(directory, 'a.json'), 'utf8')).toBe(await readFile(join(GOLDEN, 'report.json'), 'utf8'));
  await expect(await readFile(join(directory, 'a.md'), 'utf8')).toMatchFileSnapshot('golden/from.md');
  expect(printed.mock.calls.map(([text]) => String(text).split('\n')[0])).toEqual([
    'FAILED 02-multi-stage broken',
    'FAILED 02-multi-stage silent',
  ]);
});

test('a file that cannot be written is an error before anything is measured, and nothing is left behind', async () => {
  const outputs = openOutputs({ json: 'a.json', markdown: 'no-such/a.md', quiet: true }, directory);
  await expect(outputs).rejects.toMatchObject({ name: 'ToolError', code: 'usage' });
  expect(await readdir(directory)).toEqual([]);
});
