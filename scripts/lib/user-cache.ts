import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The directory of a user's caches, by the conventions of the operating system. */
export function userCacheDirectory({ env, platform }: Pick<NodeJS.Process, 'env' | 'platform'> = process): string {
  if (platform === 'win32') return env.LOCALAPPDATA || join(homedir(), 'AppData/Local');
  if (platform === 'darwin') return join(homedir(), 'Library/Caches');
  // https://specifications.freedesktop.org/basedir/latest/: a relative path is invalid.
  const { XDG_CACHE_HOME: directory = '' } = env;
  return isAbsolute(directory) ? directory : join(homedir(), '.cache');
}
