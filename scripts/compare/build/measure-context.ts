import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type IgnoreFile, ignorePatterns } from '../../lib/dockerignore.ts';
import type { BuildContext, ContextPart } from '../model/report-schema.ts';

/** What hardly any image needs from the machine that it is built on, in many languages. */
const USUALLY_IGNORED = ignorePatterns(
  ['node_modules', '.git', 'coverage', '.turbo', '.cache', '*.log', '.venv', '__pycache__']
    .map((name) => `**/${name}`)
    .join('\n'),
);

/** How many of the largest parts are listed. */
const LISTED = 5;
/** A directory is listed as its parts where one of its subdirectories has more than this share of it. */
const SPLIT_SHARE = 0.6;
/** Directories that everybody knows by name: listing their parts would not explain more. */
const NEVER_SPLIT = /(^|\/)(node_modules|\.git)\/$/;

/** A file, or a directory with what is in it. */
interface ContextNode extends ContextPart {
  parts: ContextNode[];
}

/**
 * Measures a build context: the files that the ignore file lets through. The legacy builder sends them all, as Podman does
 * to another machine; BuildKit sends those that the Dockerfile's COPY, ADD and bind mounts name, and of these what has
 * changed since the last build (https://docs.docker.com/build/concepts/context/). Links are not followed, as Docker does not.
 *
 * @throws the file system's error for a directory that cannot be read: Docker cannot send it either.
 */
export async function measureContext(context: string, ignore: IgnoreFile, signal: AbortSignal): Promise<BuildContext> {
  const ignorable: ContextNode[] = [];
  /** @param isListed whether the directory belongs to a part that is in `ignorable` already. */
  async function measureDirectory(path: string, isListed: boolean): Promise<ContextNode> {
    signal.throwIfAborted();
    const directory: ContextNode = { path, bytes: 0, files: 0, parts: [] };
    for (const entry of await readdir(join(context, path), { withFileTypes: true })) {
      const entryPath = `${path}${entry.name}`;
      if (ignore.skips(entryPath, entry.isDirectory())) continue;
      const isIgnorable = !isListed && USUALLY_IGNORED.skips(entryPath, entry.isDirectory());
      const part = entry.isDirectory()
        ? await measureDirectory(`${entryPath}/`, isListed || isIgnorable)
        : { path: entryPath, parts: [], ...(await measureFile(join(context, entryPath))) };
      if (isIgnorable && part.files > 0) ignorable.push(part);
      directory.bytes += part.bytes;
      directory.files += part.files;
      directory.parts.push(part);
    }
    return directory;
  }
  // With an ignore file, nothing is listed as ignorable.
  const { bytes, files, parts } = await measureDirectory('', ignore.name !== null);
  const largest = largestFirst(parts.flatMap(splitPart)).slice(0, LISTED);
  return { bytes, files, ignoreFile: ignore.name, largest, ignorable: largestFirst(ignorable) };
}

/** Links and devices count as nothing. */
async function measureFile(path: string) {
  const stats = await lstat(path);
  return stats.isFile() ? { bytes: stats.size, files: 1 } : { bytes: 0, files: 0 };
}

/** The parts of a directory that consists mostly of one subdirectory, or else the directory itself. */
function splitPart(part: ContextNode): ContextNode[] {
  const subdirectories = part.parts.filter(({ path }) => path.endsWith('/'));
  const isSplit = subdirectories.some(({ bytes }) => bytes > SPLIT_SHARE * part.bytes);
  return isSplit && !NEVER_SPLIT.test(part.path) ? part.parts.flatMap(splitPart) : [part];
}

/** The largest first, each without its own parts: a report has them once. */
const largestFirst = (nodes: ContextNode[]): ContextPart[] =>
  nodes.map(({ path, bytes, files }) => ({ path, bytes, files })).sort((a, b) => b.bytes - a.bytes);
