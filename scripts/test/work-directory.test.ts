import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createWorkDirectory, isAbandoned, removeAbandonedDirectories } from '../lib/work-directory.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'work-'));
  vi.stubEnv('TMPDIR', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

/** The id of a process that has ended. */
const endedProcess = () => spawnSync(process.execPath, ['-e', '']).pid;

test('a directory is abandoned when its process has ended', async () => {
  const path = await createWorkDirectory();
  expect(isAbandoned(path)).toBe(false);
  const abandoned = path.replace(`-${process.pid}-`, `-${endedProcess()}-`);
  expect(isAbandoned(abandoned)).toBe(true);
});

test('a directory of another machine, or of something else, is not abandoned', async () => {
  const name = basename(await createWorkDirectory()).replace(`-${process.pid}-`, `-${endedProcess()}-`);
  expect(isAbandoned(name.replace(/-[0-9a-f]{8}-/, '-00000000-'))).toBe(false);
  for (const other of ['', 'multi-stage-node-x', `my-${name}`, `${name}-x`]) expect(isAbandoned(other)).toBe(false);
});

test('abandoned directories are removed, and nothing else', async () => {
  const own = basename(await createWorkDirectory());
  const abandoned = own.replace(`-${process.pid}-`, `-${endedProcess()}-`);
  await mkdir(join(directory, abandoned, 'bench'), { recursive: true });
  await mkdir(join(directory, 'victim'));
  await symlink(join(directory, 'victim'), join(directory, `${abandoned}1`));
  await writeFile(join(directory, `${abandoned}2`), '');
  expect(await removeAbandonedDirectories()).toBe(1);
  expect((await readdir(directory)).sort()).toEqual([own, `${abandoned}1`, `${abandoned}2`, 'victim'].sort());
});

test('without a place for temporary files, the error says what to do', async () => {
  vi.stubEnv('TMPDIR', join(directory, 'no-such'));
  await expect(createWorkDirectory()).rejects.toMatchObject({
    name: 'ToolError',
    hint: expect.stringMatching(/TMPDIR/),
  });
});
