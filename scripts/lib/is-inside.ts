import { isAbsolute, relative, sep } from 'node:path';

/** Whether a path is a directory, or below it. Both are absolute; links are not followed. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  // On Windows, the way to another drive is absolute.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
