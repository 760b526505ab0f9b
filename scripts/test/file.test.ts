import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reserveFile } from '../lib/reserve-file.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('is written whole', async () => {
  const path = join(folder, 'report.json');
  await writeFile(path, 'old');
  const file = await reserveFile(path);
  expect(await readFile(path, 'utf8')).toBe('old');
  await file.write('new');
  await file.release();
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(folder)).toEqual(['report.json']);
});

test('leaves nothing when nothing is written', async () => {
  const file = await reserveFile(join(folder, 'report.json'));
  await file.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a place that cannot be written to is known at once', async () => {
  const wrong = {
    exitCode: 2,
    message: expect.stringMatching(/^Cannot write .*(its folder does not exist|it is a folder)/),
  };
  await expect(reserveFile(join(folder, 'no/report.json'))).rejects.toMatchObject(wrong);
  await expect(reserveFile(folder)).rejects.toMatchObject(wrong);
});
