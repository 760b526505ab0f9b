import { randomUUID } from 'node:crypto';
import { open, realpath, rm, stat, writeFile } from 'node:fs/promises';
import writeFileAtomic from 'write-file-atomic';
import { ToolError, usageError } from './errors.ts';

/** A file to write at the end of an invocation: whole or not at all. */
export interface ReservedFile {
  write(text: string): Promise<void>;
}

/**
 * Finds out, before the long work begins, whether a file can be written where the user wants it.
 *
 * @throws {ToolError} with exit code 2 when it cannot.
 */
export async function reserveFile(path: string): Promise<ReservedFile> {
  const stats = await stat(path).catch(() => null);
  // A device or a pipe is written to. A new file in its place would break it for the whole machine.
  const isSpecial = stats !== null && !stats.isFile() && !stats.isDirectory();
  try {
    if (stats?.isDirectory()) throw new Error('it is a directory');
    if (!isSpecial) {
      // Beside the file that a link leads to.
      const probe = `${await realpath(path).catch(() => path)}.${randomUUID()}`;
      await (await open(probe, 'wx')).close();
      await rm(probe);
    }
  } catch (error) {
    throw usageError(describeProblem(path, error));
  }
  return {
    async write(text) {
      await (isSpecial ? writeFile(path, text) : writeFileAtomic(path, text)).catch((error) => {
        throw new ToolError(describeProblem(path, error));
      });
    },
  };
}

/** A system error in words about the file that the user named, not about a temporary one beside it. */
function describeProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
  return `Cannot write ${path}: ${isMissing ? 'its directory does not exist' : message.replace(/, \w+ '.*$/, '')}`;
}
