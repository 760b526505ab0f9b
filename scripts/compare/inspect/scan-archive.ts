import { createReadStream, createWriteStream } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Engine } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { peek } from './read-archive.ts';
import type { Scanner } from './scanner.ts';
import type { ImageFile, StoredImage } from './stored-image.ts';
import { isCompressed, unpack } from './unpack.ts';

/**
 * Provides an image as a file that a scanner reads, at a path of ours: what the user calls an image may contain anything, and
 * scanners take what follows a colon or an at sign for a tag. An archive that the user has is linked, or unpacked when it is
 * compressed.
 *
 * @param source the image at its engine, or where else it is stored.
 * @param directory an empty one.
 * @throws {ToolError} when the scanner cannot read it, and when there is no space.
 */
export async function provideArchive(
  source: { engine: Engine | null; id: string; stored: StoredImage | undefined },
  scanner: Scanner,
  directory: string,
  signal: AbortSignal,
): Promise<ImageFile> {
  const path = join(directory, 'image');
  const write = async (content: AsyncIterable<Buffer>) => {
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    await pipeline(content, file, { signal }).catch((error: NodeJS.ErrnoException) => throwWriteError(error, signal));
  };
  const { engine, id, stored } = source;
  if (!stored) {
    if (!engine) throw new ToolError('The image was not read.');
    await write(engine.save([id]));
    return { path, form: 'docker-archive' };
  }
  if (!stored.file) {
    throw new ToolError(
      `${scanner.name} is only given images that are stored on this machine, and this one is in a registry.`,
    );
  }
  const { form } = stored.file;
  const way = scanner.unreadable[form];
  if (way !== undefined) throw new ToolError(`${scanner.name} does not read an OCI layout that is a tar. ${way}`);
  if (form !== 'oci-dir') {
    const { head, content } = await peek(createReadStream(stored.file.path));
    if (isCompressed(head)) {
      await write(unpack(content, head));
      return { path, form };
    }
  }
  await symlink(stored.file.path, path);
  return { path, form };
}

function throwWriteError(error: NodeJS.ErrnoException, signal: AbortSignal): never {
  signal.throwIfAborted();
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw error;
  throw new ToolError('There is no space for the archive of the image in the directory for temporary files.', {
    hint: 'The variable TMPDIR names another one.',
  });
}
