import { randomUUID } from 'node:crypto';
import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EXIT, ToolError } from './errors.ts';

/** A file to be written at the end of a run: whole or not at all. */
export interface ReservedFile {
  write(text: string): Promise<void>;
  /** Takes away what was reserved, if nothing was written. */
  release(): Promise<void>;
}

/**
 * Finds out, before the long work begins, that a file can be written where the user wants it.
 *
 * @throws {ToolError} with exit code 2 when it cannot.
 */
export async function reserveFile(path: string): Promise<ReservedFile> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    if ((await stat(path).catch(() => null))?.isDirectory()) throw new Error('it is a folder');
    await (await open(temporary, 'wx')).close();
  } catch (error) {
    throw new ToolError(`Cannot write ${path}: ${reason(error)}`, { code: 'usage' });
  }
  const release = () => rm(temporary, { force: true });
  return {
    async write(text) {
      try {
        await writeFile(temporary, text);
        await rename(temporary, path);
      } catch (error) {
        await release();
        throw new ToolError(`Cannot write ${path}: ${reason(error)}`);
      }
    },
    release,
  };
}

/** A system error in words about the file that the user named, not about our temporary one. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'its folder does not exist';
  return message.replace(/, \w+ '.*$/, '');
}
