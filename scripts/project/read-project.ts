import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { z } from 'zod';
import { usageError } from '../lib/errors.ts';

/** What is read of a file at most, in bytes. A lockfile may be large. */
const FILE_LIMIT_BYTES = 32 << 20;
/** How many files are listed at most: enough for large workspaces. */
const FILES_LIMIT = 50_000;
/** Directories that are never the project's own source code. */
const SKIPPED = new Set(['node_modules', '.git', '.turbo', '.next', '.nuxt', '.output', '.svelte-kit', '.pnpm-store']);

const names = z.record(z.string(), z.string()).catch({});

/** The parts of a package.json that are read here. Whatever does not have the right type is left out. */
const manifestSchema = z.object({
  name: z.string().optional().catch(undefined),
  type: z.string().optional().catch(undefined),
  main: z.string().optional().catch(undefined),
  bin: z
    .union([z.string(), z.record(z.string(), z.string())])
    .optional()
    .catch(undefined),
  exports: z.unknown().optional(),
  scripts: names.default({}),
  dependencies: names.default({}),
  devDependencies: names.default({}),
  optionalDependencies: names.default({}),
  peerDependencies: names.default({}),
  engines: names.default({}),
  volta: names.default({}),
  packageManager: z.string().optional().catch(undefined),
  devEngines: z.unknown().optional(),
  workspaces: z.unknown().optional(),
  prisma: z.unknown().optional(),
  pnpm: z.unknown().optional(),
  allowScripts: z.unknown().optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** A project, read and never run. All paths are relative to its directory, with forward slashes. */
export interface Project {
  /** The build context: the directory of the project, or of its workspace. Absolute. */
  directory: string;
  /** The app's directory in it; empty when it is the project itself. */
  app: string;
  /** The package.json of the app, and the one at the root. They are the same outside a workspace. */
  manifest: Manifest;
  rootManifest: Manifest;
  /** The files of the project, without node_modules and what tools make, and without symbolic links. Sorted. */
  files: string[];
  has(path: string): boolean;
  /** The text of a file; null when there is none that can be read. */
  read(path: string): string | null;
}

/**
 * Reads a project.
 *
 * @throws {ToolError} with the code `usage` when it has no package.json that can be read.
 */
export function readProject(directory: string): Project {
  const files = listFiles(directory);
  const known = new Set(files);
  const has = (path: string) => known.has(path);
  const read = (path: string) => {
    try {
      if (!has(path) || statSync(join(directory, path)).size > FILE_LIMIT_BYTES) return null;
      return readFileSync(join(directory, path), 'utf8').replace(/^\uFEFF/, '');
    } catch {
      return null; // It may not be read, or has been removed.
    }
  };
  const manifest = readManifest({ directory, read }, '');
  if (manifest === null) {
    throw usageError(
      `There is no package.json in ${directory}.`,
      'dockerize expects the directory of a Node.js project. It reads no links, and no files of more than 32 MB.',
    );
  }
  return { directory, app: '', manifest, rootManifest: manifest, files, has, read };
}

/** The package.json in a directory of a project; null when there is none. @throws {ToolError} when it is not JSON. */
export function readManifest({ directory, read }: Pick<Project, 'directory' | 'read'>, path: string): Manifest | null {
  const file = posix.join(path, 'package.json');
  const text = read(file);
  if (text === null) return null;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    const [reason] = error instanceof z.ZodError ? ['it is not an object'] : (error as Error).message.split('\n');
    throw usageError(`${join(directory, file)} cannot be read: ${reason}`);
  }
}

/** Whether a path of a project is a directory, or below it. Everything is below the project itself, whose path is empty. */
export const isIn = (path: string, directory: string) => directory === '' || `${path}/`.startsWith(`${directory}/`);

/** The same project, seen from one of its workspace's packages. */
export function withApp(project: Project, app: string, manifest: Manifest): Project {
  return { ...project, app, manifest };
}

/** What is in a directory: nothing if it may not be read, as with the files of a database. */
function readEntries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

/**
 * The same project without what a build on this machine has left. Only directories with the usual names: a tool may also write
 * to one that holds source code, such as `public`.
 */
export function withoutOutputs(project: Project, outputs: string[]): Project {
  const made = outputs
    .filter((path) => /^\.?(dist|build|out|output)$/.test(posix.basename(path)))
    .map((path) => `${posix.join(project.app, path)}/`);
  const files = project.files.filter((file) => !made.some((directory) => file.startsWith(directory)));
  const known = new Set(files);
  return { ...project, files, has: (path) => known.has(path) };
}

/** Lists files level by level, so that a limit leaves out the deepest. */
function listFiles(directory: string): string[] {
  const found: string[] = [];
  const directories = [''];
  for (const below of directories) {
    for (const entry of readEntries(join(directory, below))) {
      const path = posix.join(below, entry.name);
      if (entry.isFile()) found.push(path);
      const isSkipped = SKIPPED.has(entry.name) || /^\.yarn\/(cache|unplugged)$/.test(path);
      if (entry.isDirectory() && !isSkipped) directories.push(path);
    }
    if (found.length > FILES_LIMIT) break;
  }
  return found.sort();
}
