import { constants, copyFile, lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import { reserveFile } from '../../lib/reserve-file.ts';

/** What became of a file, or would. `backup` is where the old one is. */
export interface WrittenFile {
  path: string;
  action: 'written' | 'unchanged' | 'merged';
  backup: string | null;
}

/** A file as it is before: `real` is where a link leads, `text` is null when there is none. */
interface OldFile {
  path: string;
  real: string;
  text: string | null;
}

/**
 * Writes a Dockerfile and a .dockerignore. Beside another Dockerfile it writes Dockerfile.multi; `force` replaces the
 * Dockerfile and keeps the old files as `.bak`. `dryRun` decides the same and writes nothing.
 *
 * @throws {ToolError} before anything is written, when one of the two cannot be.
 */
export async function writeProjectFiles(
  directory: string,
  files: { dockerfile: string; ignoreFile: string },
  { force, dryRun }: { force: boolean; dryRun: boolean },
): Promise<{ dockerfile: WrittenFile; ignoreFile: WrittenFile }> {
  const isTaken = ({ text }: OldFile) => !force && text !== null && text !== files.dockerfile;
  let old = await readOldFile(directory, 'Dockerfile');
  if (isTaken(old)) old = await readOldFile(directory, 'Dockerfile.multi');
  if (isTaken(old)) {
    const hint = 'Remove Dockerfile.multi, or replace Dockerfile with --force: a backup of it is kept.';
    throw usageError(`${directory} has a Dockerfile and a Dockerfile.multi, and neither is overwritten.`, hint);
  }
  const oldIgnore = await readOldFile(directory, '.dockerignore');
  const isMerged = oldIgnore.text !== null && files.ignoreFile.startsWith(oldIgnore.text);
  const root = join(await realpath(directory), sep);
  const plan = async ({ path, real, text: before }: OldFile, text: string, kind: 'merged' | 'written') => {
    if (before !== null && !real.startsWith(root)) {
      throw usageError(`${path} is a link to a file outside the project.`, 'Replace it with a copy of that file.');
    }
    const keepsOld = before === null || before === text || (kind === 'merged' && !force);
    const backup = keepsOld ? null : await findFreePath(`${real}.bak`);
    const result: WrittenFile = { path, action: before === text ? 'unchanged' : kind, backup };
    return { result, real, text };
  };
  const ignoreFile = await plan(oldIgnore, files.ignoreFile, isMerged ? 'merged' : 'written');
  const dockerfile = await plan(old, files.dockerfile, 'written');
  const changed = [ignoreFile, dockerfile].filter(({ result }) => !dryRun && result.action !== 'unchanged');
  const writes = await Promise.all(changed.map(async (one) => ({ ...one, file: await reserveFile(one.result.path) })));
  for (const { result, real, text, file } of writes) {
    if (result.backup !== null) await copyFile(real, result.backup, constants.COPYFILE_EXCL);
    await file.write(text);
  }
  return { dockerfile: dockerfile.result, ignoreFile: ignoreFile.result };
}

/** @throws {ToolError} with the code `usage` when it is not a file with text that can be read. */
async function readOldFile(directory: string, name: string): Promise<OldFile> {
  const path = join(directory, name);
  try {
    if (!(await readdir(directory)).includes(name)) return { path, real: path, text: null };
    const real = await realpath(path);
    if (!(await stat(real)).isFile()) throw new Error('it is not a file');
    // As text that is not UTF-8 it would come back changed.
    return { path, real, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(real)) };
  } catch (error) {
    throw usageError(`Cannot read ${path}: ${(error as Error).message.replace(/, \w+ '.*$/, '')}`);
  }
}

/** The path, or else the first of `path.1`, `path.2`, … that nothing has. */
async function findFreePath(path: string): Promise<string> {
  let candidate = path;
  for (let number = 1; await lstat(candidate).catch(() => null); number++) candidate = `${path}.${number}`;
  return candidate;
}
