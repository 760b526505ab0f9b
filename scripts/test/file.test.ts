import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reserveFile } from '../lib/reserve-file.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('is written whole', async () => {
  const path = join(directory, 'report.json');
  await writeFile(path, 'old');
  const file = await reserveFile(path);
  expect(await readFile(path, 'utf8')).toBe('old');
  await file.write('new');
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(directory)).toEqual(['report.json']);
});

test('leaves nothing when nothing is written', async () => {
  await reserveFile(join(directory, 'report.json'));
  expect(await readdir(directory)).toEqual([]);
});

test('a path that cannot be written to is an error at once', async () => {
  const wrong = {
    exitCode: 2,
    message: expect.stringMatching(/^Cannot write .*(its directory does not exist|it is a directory)/),
  };
  await expect(reserveFile(join(directory, 'no/report.json'))).rejects.toMatchObject(wrong);
  await expect(reserveFile(directory)).rejects.toMatchObject(wrong);
});

test('nothing is left beside the file while the work goes on, nor by a failure to write', async () => {
  const path = join(directory, 'report.json');
  const file = await reserveFile(path);
  expect(await readdir(directory)).toEqual([]);
  await mkdir(path);
  await expect(file.write('new')).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^Cannot write \/.*report\.json: [^']*directory$/),
  });
  expect(await readdir(directory)).toEqual(['report.json']);
  expect(await readdir(path)).toEqual([]);
});

test('a link stays, and the file that it leads to is written', async () => {
  await writeFile(join(directory, 'real.json'), 'old', { mode: 0o640 });
  await symlink('real.json', join(directory, 'link.json'));
  await (await reserveFile(join(directory, 'link.json'))).write('new');
  expect(await readFile(join(directory, 'real.json'), 'utf8')).toBe('new');
  expect(await readlink(join(directory, 'link.json'))).toBe('real.json');
  expect((await stat(join(directory, 'real.json'))).mode & 0o777).toBe(0o640);
});

test.skipIf(process.platform === 'win32')('a pipe stays, and is written to; a device is the same', async () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const file = await reserveFile(path);
  const [text] = await Promise.all([readFile(path, 'utf8'), file.write('new')]);
  expect(text).toBe('new');
  expect((await stat(path)).isFIFO()).toBe(true);
  expect(await readdir(directory)).toEqual(['pipe']);
});
