import { constants, copyFile, lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { usageError } from './errors.ts';
import { isInside } from './is-inside.ts';
import { reserveFile } from './reserve-file.ts';

/** A text file as it is before: `real` is where a link leads, `text` is null when there is none. */
export interface OldFile {
  path: string;
  real: string;
  text: string | null;
}

/** @throws {ToolError} with the code `usage` when it is not a file with text that can be read. */
export async function readOldFile(path: string): Promise<OldFile> {
  try {
    if (!(await readdir(dirname(path))).includes(basename(path))) return { path, real: path, text: null };
    const real = await realpath(path);
    if (!(await stat(real)).isFile()) throw new Error('it is not a file');
    // As text that is not UTF-8 it would come back changed.
    return { path, real, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(real)) };
  } catch (error) {
    throw usageError(`Cannot read ${path}: ${(error as Error).message.replace(/, \w+ '.*$/, '')}`);
  }
}

/**
 * Prepares to replace a file.
 *
 * @returns the path of a backup that is made if `keepsOld`, and a function that makes it and writes.
 * @throws {ToolError} with the code `usage` when it is a link that leads out of its directory.
 */
export async function planReplacement({ path, real, text: before }: OldFile, text: string, keepsOld: boolean) {
  if (before !== null && !isInside(real, await realpath(dirname(path)))) {
    throw usageError(`${path} is a link to a file outside the project.`, 'Replace it with a copy of that file.');
  }
  const isChanged = before !== text;
  let backup = keepsOld && isChanged && before !== null ? `${real}.bak` : null;
  for (let number = 1; backup !== null && (await lstat(backup).catch(() => null)); number++) {
    backup = `${real}.bak.${number}`;
  }
  /** Finds out whether it can be written, and returns what writes it. */
  const reserve = async () => {
    const file = isChanged ? await reserveFile(path) : null;
    return async () => {
      if (backup !== null) await copyFile(real, backup, constants.COPYFILE_EXCL);
      await file?.write(text);
    };
  };
  return { path, backup, isChanged, reserve };
}
