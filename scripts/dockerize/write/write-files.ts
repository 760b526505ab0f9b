import { join } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import { type OldFile, planReplacement, readOldFile } from '../../lib/replace-file.ts';

/**
 * Writes a Dockerfile and a .dockerignore. Beside another Dockerfile it writes Dockerfile.multi; `force` replaces the
 * Dockerfile and keeps the old files as `.bak`. `dryRun` decides the same and writes nothing. Returns what became of each
 * file, or would; `backup` is where the old one is.
 *
 * @throws {ToolError} before anything is written, when one of the two cannot be.
 */
export async function writeProjectFiles(
  directory: string,
  files: { dockerfile: string; ignoreFile: string },
  { force, dryRun }: { force: boolean; dryRun: boolean },
) {
  const isTaken = ({ text }: OldFile) => !force && text !== null && text !== files.dockerfile;
  let old = await readOldFile(join(directory, 'Dockerfile'));
  if (isTaken(old)) old = await readOldFile(join(directory, 'Dockerfile.multi'));
  if (isTaken(old)) {
    const hint = 'Remove Dockerfile.multi, or replace Dockerfile with --force: a backup of it is kept.';
    throw usageError(`${directory} has a Dockerfile and a Dockerfile.multi, and neither is overwritten.`, hint);
  }
  const oldIgnore = await readOldFile(join(directory, '.dockerignore'));
  const isMerged = oldIgnore.text !== null && files.ignoreFile.startsWith(oldIgnore.text);
  const ignoreFile = await planReplacement(oldIgnore, files.ignoreFile, force || !isMerged);
  const dockerfile = await planReplacement(old, files.dockerfile, true);
  const writes = dryRun ? [] : await Promise.all([ignoreFile.reserve(), dockerfile.reserve()]);
  for (const write of writes) await write();
  const resultOf = ({ path, isChanged, backup }: typeof dockerfile, action: string) => {
    return { path, backup, action: isChanged ? action : 'unchanged' };
  };
  return {
    dockerfile: resultOf(dockerfile, 'written'),
    ignoreFile: resultOf(ignoreFile, isMerged ? 'merged' : 'written'),
  };
}
