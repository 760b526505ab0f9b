import { readFile, stat } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import { compilePattern } from './compile-pattern.ts';

/** An ignore file: what it leaves out of a build context. */
export interface IgnoreFile {
  /** Its path relative to the build context; null when there is none. */
  name: string | null;
  /** Its text; null when there is none. */
  text: string | null;
  /**
   * Whether a path in the context, with forward slashes, is left out; a directory with everything below it. A pattern that
   * begins with `!` may let through files of a directory that matches another pattern.
   */
  skips(path: string, isDirectory: boolean): boolean;
}

/**
 * Reads the ignore file of a Dockerfile: one that is named after it, or else the `.dockerignore` of the context
 * (https://docs.docker.com/build/concepts/context/#filename-and-location). Buildah prefers a `.containerignore`
 * (https://docs.podman.io/en/latest/markdown/podman-build.1.html#containerignore-dockerignore).
 */
export async function readIgnoreFile(
  context: string,
  dockerfile: string,
  builder: 'buildkit' | 'buildah' = 'buildkit',
): Promise<IgnoreFile> {
  const paths = [`${dockerfile}.dockerignore`, join(context, '.dockerignore')];
  if (builder === 'buildah') paths.splice(1, 0, `${dockerfile}.containerignore`, join(context, '.containerignore'));
  for (const path of paths) {
    // Reading what is not a file, such as a link to /dev/zero, might never end.
    const isFile = (await stat(path).catch(() => null))?.isFile();
    const text = isFile ? await readFile(path, 'utf8').catch(() => null) : null;
    if (text !== null) return { name: relative(context, path), text, ...ignorePatterns(text) };
  }
  return { name: null, text: null, ...ignorePatterns('') };
}

/**
 * Reads patterns as Docker does. The last pattern that matches a path, or a directory above it, decides
 * (https://docs.docker.com/build/concepts/context/#negating-matches).
 */
export function ignorePatterns(text: string): Pick<IgnoreFile, 'skips'> {
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const negates = line.startsWith('!');
      const path = posix.normalize(negates ? line.slice(1).trim() : line);
      return { negates, matches: compilePattern(path.replace(/^\/(?=.)/s, '').replace(/(.)\/$/s, '$1')) };
    });

  /** What is known of a directory: whether each pattern matches it or a directory above it, and whether it is ignored. */
  const known = new Map<string, { matched: boolean[]; ignored: boolean }>();
  const readPath = (path: string): { matched: boolean[]; ignored: boolean } => {
    const slash = path.lastIndexOf('/');
    const parent = slash > 0 ? readDirectory(path.slice(0, slash)) : { matched: [] };
    let ignored = false;
    const matched = patterns.map(({ negates, matches }, index) => {
      // As in Docker: a pattern that would change nothing is not tried.
      const matchesPath = parent.matched[index] || (negates === ignored && matches(path));
      if (matchesPath) ignored = !negates;
      return matchesPath;
    });
    return { matched, ignored };
  };
  const readDirectory = (path: string) => {
    const result = known.get(path) ?? readPath(path);
    known.set(path, result);
    return result;
  };
  const hasExceptions = patterns.some(({ negates }) => negates);
  return { skips: (path, isDirectory) => readPath(path.replace(/\/$/, '')).ignored && !(isDirectory && hasExceptions) };
}
