import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type IgnoreFile, ignorePatterns } from '../../lib/dockerignore.ts';

/** What a build context has for the builder. */
export interface ContextFacts {
  /** All regular files that the ignore file lets through. */
  bytes: number;
  files: number;
  /** The ignore file, relative to the context; null when there is none. */
  ignoreFile: string | null;
  /** The largest of what is at the top, in order; a folder with a slash at its end, and a part of it where that is most of it. */
  largest: ContextPart[];
  /** What a usual ignore file would leave out, the largest first. Empty where there is one. */
  ignorable: ContextPart[];
}

export interface ContextPart {
  path: string;
  bytes: number;
  files: number;
}

/** What hardly any image needs from the machine that it is built on, in many languages. */
const USUALLY_IGNORED = ignorePatterns(
  [
    '**/node_modules',
    '**/.git',
    '**/coverage',
    '**/.turbo',
    '**/.cache',
    '**/*.log',
    '**/.venv',
    '**/__pycache__',
  ].join('\n'),
);

const SHOWN = 5;
/** A folder is told by its parts where one of them is more than this part of it. */
const MOST = 0.6;
/** Directories that are known by their names: nobody wants them in parts. */
const WHOLE = /(^|\/)(node_modules|\.git)\/$/;

/**
 * Measures a build context: the files that the ignore file lets through. The legacy builder and Podman send them all;
 * BuildKit sends those that the Dockerfile's COPY, ADD and bind mounts name, and of these what has changed since the last
 * build (https://docs.docker.com/build/concepts/context/). Links are not followed, as Docker does not.
 *
 * @throws the file system's error for a folder that cannot be read: Docker cannot send it either.
 */
export async function measureContext(context: string, ignore: IgnoreFile, signal: AbortSignal): Promise<ContextFacts> {
  const root: Node = { path: '', bytes: 0, files: 0, parts: [] };
  const ignorable: ContextPart[] = [];
  await walk(context, root, { ignore, ignorable: ignore.name === null ? ignorable : null, signal });
  return {
    bytes: root.bytes,
    files: root.files,
    ignoreFile: ignore.name,
    largest: largestParts(root),
    ignorable: largestFirst(ignorable.filter(({ files }) => files > 0)),
  };
}

interface Node extends ContextPart {
  parts: Node[];
}

interface Walk {
  ignore: IgnoreFile;
  /** Where to note what a usual ignore file would leave out; null within such a part, and where there is one. */
  ignorable: ContextPart[] | null;
  signal: AbortSignal;
}

/** Adds up what is in a folder of the context, depth first. */
async function walk(context: string, folder: Node, options: Walk): Promise<void> {
  const { ignore, ignorable, signal } = options;
  signal.throwIfAborted();
  for (const entry of await readdir(join(context, folder.path), { withFileTypes: true })) {
    const path = `${folder.path}${entry.name}`;
    const ignored = ignore.ignores(path);
    if (ignored && (!entry.isDirectory() || ignore.wholeFolders)) continue;
    const isFolder = entry.isDirectory();
    const part: Node = { path: isFolder ? `${path}/` : path, bytes: 0, files: 0, parts: [] };
    const unusual = ignorable !== null && USUALLY_IGNORED.ignores(path);
    if (isFolder) {
      await walk(context, part, { ...options, ignorable: unusual ? null : ignorable });
    } else if (entry.isFile()) {
      part.bytes = (await lstat(join(context, path))).size;
      part.files = 1;
    }
    if (unusual) ignorable.push(part);
    folder.bytes += part.bytes;
    folder.files += part.files;
    folder.parts.push(part);
  }
}

/** The largest parts. A folder that is mostly one of its own parts is told by those. */
function largestParts({ parts }: Node): ContextPart[] {
  const told = parts.flatMap(function split(part): Node[] {
    const most = Math.max(0, ...part.parts.filter(({ path }) => path.endsWith('/')).map(({ bytes }) => bytes));
    return most > MOST * part.bytes && !WHOLE.test(part.path) ? part.parts.flatMap(split) : [part];
  });
  return largestFirst(told).slice(0, SHOWN);
}

/** Without the parts of the parts: a report has them once. */
const largestFirst = (parts: ContextPart[]): ContextPart[] =>
  parts.map(({ path, bytes, files }) => ({ path, bytes, files })).sort((a, b) => b.bytes - a.bytes);
