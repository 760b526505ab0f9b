import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import dockerignore from '@balena/dockerignore';

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
 * (https://docs.docker.com/build/concepts/context/#filename-and-location).
 */
export async function readIgnoreFile(context: string, dockerfile: string): Promise<IgnoreFile> {
  for (const path of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text !== null) return { name: relative(context, path), text, ...ignorePatterns(text) };
  }
  return { name: null, text: null, ...ignorePatterns('') };
}

/** Reads patterns as Docker does. */
export function ignorePatterns(text: string): Pick<IgnoreFile, 'skips'> {
  // Docker ignores a byte order mark, and takes these characters literally. The library does not.
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => (line.startsWith('#') ? '' : line.replace(/[+(){}|]/g, '\\$&')));
  const matcher = dockerignore.default({ ignorecase: false }).add(lines);
  const hasExceptions = lines.some((line) => line.trim().startsWith('!'));
  return { skips: (path, isDirectory) => matcher.ignores(path) && !(isDirectory && hasExceptions) };
}
