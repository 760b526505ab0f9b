import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeProjectFiles } from '../dockerize/write/write-files.ts';

const FILES = { dockerfile: 'FROM node\n', ignoreFile: 'node_modules\ndist\n' };
let root = '';
let project = '';

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'write-files-'));
  project = join(root, 'project');
  await mkdir(project);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = (name: string, text: string, mode = 0o644) => writeFile(join(project, name), text, { mode });

/** The files below a directory and their texts; a link is `-> target`. */
async function readTree(directory = root): Promise<Record<string, string>> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = entry.isSymbolicLink() ? `-> ${await readlink(path)}` : await readFile(path, 'utf8');
      return [path.slice(directory.length + 1), text];
    });
  return Object.fromEntries(await Promise.all(files));
}

/** Writes, after a dry run that has to say the same and to write nothing. Actions by file; a backup's name after it. */
async function write({ force = false, files = FILES } = {}): Promise<string[]> {
  const before = await readTree();
  const planned = await writeProjectFiles(project, files, { force, dryRun: true });
  expect(await readTree()).toEqual(before);
  const results = await writeProjectFiles(project, files, { force, dryRun: false });
  expect(results).toEqual(planned);
  const nameOf = (path: string) => path.slice(project.length + 1);
  return Object.values(results).map(({ path, action, backup }) =>
    [nameOf(path), action, ...(backup ? [nameOf(backup)] : [])].join(' '),
  );
}

/** The error of both a dry run and a real one. Nothing may have been written. */
async function expectUsageError(message: RegExp, force = false): Promise<void> {
  const before = await readTree();
  for (const dryRun of [true, false]) {
    const wrong = { code: 'usage', message: expect.stringMatching(message) };
    await expect(writeProjectFiles(project, FILES, { force, dryRun })).rejects.toMatchObject(wrong);
  }
  expect(await readTree()).toEqual(before);
}

test('an empty project gets both, once', async () => {
  expect(await write()).toEqual(['Dockerfile written', '.dockerignore written']);
  expect(await readTree(project)).toEqual({ Dockerfile: 'FROM node\n', '.dockerignore': 'node_modules\ndist\n' });
  const { mtimeMs } = await stat(join(project, 'Dockerfile'));
  expect(await write()).toEqual(['Dockerfile unchanged', '.dockerignore unchanged']);
  expect(await write({ force: true })).toEqual(['Dockerfile unchanged', '.dockerignore unchanged']);
  expect((await stat(join(project, 'Dockerfile'))).mtimeMs).toBe(mtimeMs);
});

test('another Dockerfile stays, and an ignore file that begins with the old one needs no backup', async () => {
  await put('Dockerfile', 'FROM old\n');
  await put('.dockerignore', 'node_modules\n', 0o640);
  expect(await write()).toEqual(['Dockerfile.multi written', '.dockerignore merged']);
  const files = { Dockerfile: 'FROM old\n', 'Dockerfile.multi': FILES.dockerfile, '.dockerignore': FILES.ignoreFile };
  expect(await readTree(project)).toEqual(files);
  expect((await stat(join(project, '.dockerignore'))).mode & 0o777).toBe(0o640);
  expect(await write()).toEqual(['Dockerfile.multi unchanged', '.dockerignore unchanged']);
});

test('neither of two other Dockerfiles is overwritten', async () => {
  await put('Dockerfile', 'FROM old\n');
  await put('Dockerfile.multi', 'FROM older\n');
  await expectUsageError(/a Dockerfile and a Dockerfile\.multi/);
  await expect(write()).rejects.toMatchObject({ hint: expect.stringContaining('--force') });
});

test('--force keeps the old files and their modes, and no backup is overwritten', async () => {
  await put('Dockerfile', 'FROM old\n', 0o600);
  await put('Dockerfile.multi', 'FROM older\n');
  await put('.dockerignore', 'node_modules\n');
  await put('Dockerfile.bak', 'FROM oldest\n');
  await symlink('nowhere', join(project, 'Dockerfile.bak.1'));
  const expected = ['Dockerfile written Dockerfile.bak.2', '.dockerignore merged .dockerignore.bak'];
  expect(await write({ force: true })).toEqual(expected);
  expect(await readTree(project)).toEqual({
    Dockerfile: FILES.dockerfile,
    'Dockerfile.multi': 'FROM older\n',
    'Dockerfile.bak': 'FROM oldest\n',
    'Dockerfile.bak.1': '-> nowhere',
    'Dockerfile.bak.2': 'FROM old\n',
    '.dockerignore': FILES.ignoreFile,
    '.dockerignore.bak': 'node_modules\n',
  });
  expect((await stat(join(project, 'Dockerfile'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(project, 'Dockerfile.bak.2'))).mode & 0o777).toBe(0o600);
});

test('an ignore file that does not begin with the old one has a backup without --force as well', async () => {
  await put('.dockerignore', 'mine\n');
  expect(await write()).toEqual(['Dockerfile written', '.dockerignore written .dockerignore.bak']);
  expect(await readTree(project)).toMatchObject({ '.dockerignore.bak': 'mine\n' });
});

test('a link to a file of the project stays: that file counts', async () => {
  await symlink('Dockerfile.multi', join(project, 'Dockerfile'));
  await put('Dockerfile.multi', FILES.dockerfile);
  expect(await write()).toEqual(['Dockerfile unchanged', '.dockerignore written']);
  await put('Dockerfile.multi', 'FROM old\n');
  await expectUsageError(/a Dockerfile and a Dockerfile\.multi/);
  expect(await write({ force: true })).toEqual(['Dockerfile written Dockerfile.multi.bak', '.dockerignore unchanged']);
  expect(await readTree(project)).toMatchObject({
    Dockerfile: '-> Dockerfile.multi',
    'Dockerfile.multi': FILES.dockerfile,
    'Dockerfile.multi.bak': 'FROM old\n',
  });
});

test('nothing is written through a link that leads outside the project', async () => {
  // Its path begins with that of the project.
  await writeFile(join(root, 'project-file'), 'FROM old\n');
  await symlink('../project-file', join(project, 'Dockerfile'));
  await expectUsageError(/link to a file outside the project/, true);
  expect(await write()).toEqual(['Dockerfile.multi written', '.dockerignore written']);
  await rm(join(project, '.dockerignore'));
  await symlink('../project-file', join(project, '.dockerignore'));
  await expectUsageError(/\.dockerignore is a link to a file outside the project/);
  expect(await readTree()).toMatchObject({ 'project-file': 'FROM old\n' });
});

test('a .dockerignore outside the project is an error even with the same text: BuildKit does not read it', async () => {
  await writeFile(join(root, 'ignore'), FILES.ignoreFile);
  await symlink('../ignore', join(project, '.dockerignore'));
  await expectUsageError(/\.dockerignore is a link to a file outside the project/);
});

test('a project that is reached by a link is a project', async () => {
  await put('Dockerfile', 'FROM old\n');
  await symlink('project', join(root, 'link'));
  const { dockerfile } = await writeProjectFiles(join(root, 'link'), FILES, { force: true, dryRun: false });
  expect(dockerfile.action).toBe('written');
  expect(await readTree(project)).toMatchObject({ Dockerfile: FILES.dockerfile, 'Dockerfile.bak': 'FROM old\n' });
});

test.each(['Dockerfile', '.dockerignore'])('a %s that is not a readable file', async (name) => {
  const path = join(project, name);
  await mkdir(path);
  await expectUsageError(/^Cannot read .*: it is not a file$/);
  await rm(path, { recursive: true });
  await symlink('nowhere', path);
  await expectUsageError(/^Cannot read .*: ENOENT: no such file or directory$/);
  await rm(path);
  await writeFile(path, Buffer.from([0x61, 0xe4, 0x0a]));
  await expectUsageError(/^Cannot read .*: .*(utf-8|UTF-8)/);
});

test('a byte order mark is not a difference', async () => {
  await put('.dockerignore', `\uFEFF${FILES.ignoreFile}`);
  expect(await write()).toEqual(['Dockerfile written', '.dockerignore unchanged']);
});

test.skipIf(process.getuid?.() === 0)('a read-only directory, and a file that may not be read', async () => {
  await put('Dockerfile', 'FROM old\n', 0o200);
  const wrong = (message: string) => ({ code: 'usage', message: expect.stringContaining(message) });
  const options = { force: false, dryRun: false };
  await expect(writeProjectFiles(project, FILES, options)).rejects.toMatchObject(wrong('Cannot read'));
  await rm(join(project, 'Dockerfile'));
  await chmod(project, 0o555);
  await expect(writeProjectFiles(project, FILES, options)).rejects.toMatchObject(wrong('Cannot write'));
  expect(await readdir(project)).toEqual([]);
  await chmod(project, 0o755);
});
