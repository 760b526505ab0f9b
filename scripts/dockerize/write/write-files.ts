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
  const ignoreFile = await planWrite(oldIgnore, files.ignoreFile, isMerged ? 'merged' : 'written', isMerged && !force);
  const dockerfile = await planWrite(old, files.dockerfile, 'written', false);
  if (oldIgnore.isOutside) throw outsideError(oldIgnore.path);

  const plans = [ignoreFile, dockerfile].filter(({ result }) => !dryRun && result.action !== 'unchanged');
  const writes = await Promise.all(plans.map(async (plan) => ({ ...plan, file: await reserveFile(plan.result.path) })));
  for (const { result, real, text, file } of writes) {
    if (result.backup !== null) await copyFile(real, result.backup, constants.COPYFILE_EXCL);
    await file.write(text);
  }
  return { dockerfile: dockerfile.result, ignoreFile: ignoreFile.result };
}

/** A file as it is before: `real` is where a link leads, `text` is null when there is none. */
interface OldFile {
  path: string;
  real: string;
  text: string | null;
  isOutside: boolean;
}

/** @throws {ToolError} with the code `usage` when it is not a file with text that can be read. */
async function readOldFile(directory: string, name: string): Promise<OldFile> {
  const path = join(directory, name);
  try {
    const root = await realpath(directory);
    const isThere = (await readdir(directory)).includes(name);
    if (!isThere) return { path, real: path, text: null, isOutside: false };
    const real = await realpath(path);
    if (!(await stat(real)).isFile()) throw new Error('it is not a file');
    // As text that is not UTF-8 it would come back changed.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(real));
    return { path, real, text, isOutside: !real.startsWith(join(root, sep)) };
  } catch (error) {
    throw usageError(`Cannot read ${path}: ${(error as Error).message.replace(/, \w+ '.*$/, '')}`);
  }
}

const outsideError = (path: string) =>
  usageError(`${path} is a link to a file outside the project.`, 'Replace it with a copy of that file.');

async function planWrite(old: OldFile, text: string, action: WrittenFile['action'], keepsOld: boolean) {
  const { path, real } = old;
  const isChanged = old.text !== text;
  if (isChanged && old.isOutside) throw outsideError(path);
  const backup = isChanged && old.text !== null && !keepsOld ? await findFreePath(`${real}.bak`) : null;
  const result: WrittenFile = { path, action: isChanged ? action : 'unchanged', backup };
  return { result, real, text };
}

/** The path, or else the first of `path.1`, `path.2`, … that nothing has. */
async function findFreePath(path: string): Promise<string> {
  let candidate = path;
  for (let number = 1; await lstat(candidate).catch(() => null); number++) candidate = `${path}.${number}`;
  return candidate;
}
