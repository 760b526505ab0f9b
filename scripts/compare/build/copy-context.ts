import { cp, lstat, realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { IgnoreFile } from '../../lib/dockerignore.ts';

/**
 * Copies a build context to `directory`, without what its ignore file leaves out. Links in it stay links; the context itself
 * may be one. FIFOs, sockets and devices are not copied: reading them could wait for ever.
 */
export async function copyContext(context: string, ignore: IgnoreFile, directory: string): Promise<void> {
  // As a link, the copy would be a link to the original, which would then be edited.
  const root = await realpath(context);
  await cp(root, directory, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (source) => {
      const path = relative(root, source).split(sep).join('/');
      const stats = await lstat(source);
      const isCopied = stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
      return isCopied && (path === '' || !ignore.skips(path, stats.isDirectory()));
    },
  });
}
