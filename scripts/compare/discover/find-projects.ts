import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import type { PartialSettings } from '../model/settings.ts';
import { NAMED_IMAGES } from '../model/subject.ts';
import { findChapterDirectories } from './chapters.ts';

/** What the user asks for. */
export interface SelectionRequest {
  /**
   * Chapters by name or number, and directories of projects by path. Empty: all chapters, or for the package the current
   * directory.
   */
  names: string[];
  /** Whether images are given by name. Then empty `names` select nothing. */
  hasImages: boolean;
  /** Settings of the command line. Their paths are relative to the directory where the user runs the command. */
  given: PartialSettings;
  /** Whether to read the budgets. */
  check: boolean;
}

export interface Directories {
  /** This repository with its chapters; null for the package compare-dockerfiles. */
  root: string | null;
  /** Where the user runs the command. */
  current: string;
}

/** A directory with Dockerfiles. A project may have a configuration file, a chapter has none. */
export interface Project {
  name: string;
  /** An absolute path without symbolic links. */
  directory: string;
  isChapter: boolean;
}

/**
 * Finds the chapters and projects of a request: the chapters in their order, then the projects as they were named. The
 * repository itself stands for all chapters.
 *
 * @throws {ToolError} with the code `usage` for a name that is neither.
 */
export async function findProjects(request: SelectionRequest, { root, current }: Directories): Promise<Project[]> {
  const repository = root && (await realpath(root));
  const chapters = repository ? await listChapters(repository) : [];
  const directories = chapters.map(({ directory }) => directory);
  const paths = requestedPaths(request, current) ?? [repository ?? current];
  const found = await Promise.all(paths.map((path) => findDirectory(path, chapters, current)));
  const requested = new Set(found.flatMap((path) => (path === repository ? directories : path)));
  const others = [...requested].filter((path) => !directories.includes(path));
  const selected = chapters.filter(({ directory }) => requested.has(directory));
  return [
    ...selected,
    ...nameProjects(
      others,
      chapters.map(({ name }) => name),
    ),
  ];
}

async function listChapters(repository: string): Promise<Project[]> {
  const names = await findChapterDirectories(repository);
  return names.map((name) => ({ name, directory: join(repository, name), isChapter: true }));
}

/** The names of a request, or else the directory that --context or --dockerfile implies. Undefined when there is neither. */
function requestedPaths({ names, hasImages, given }: SelectionRequest, current: string): string[] | undefined {
  const implied = given.context ?? (given.dockerfiles?.[0] && dirname(given.dockerfiles[0]));
  if (names.length > 0) return names;
  if (implied !== undefined) return [resolve(current, implied)];
  return hasImages ? [] : undefined;
}

/** The directory that a name such as `02`, `02-multi-stage`, `02/mistakes/chown-layer` or `../my-app` stands for. */
async function findDirectory(name: string, chapters: Project[], current: string): Promise<string> {
  const [first = '', ...rest] = name.split('/');
  const prefix = /^\d{1,2}$/.test(first) ? `${first.padStart(2, '0')}-` : `${first}/`;
  const chapter = chapters.find((one) => `${one.name}/`.startsWith(prefix));
  const path = [...(chapter ? [join(chapter.directory, ...rest)] : []), resolve(current, name)].find(existsSync);
  if (path === undefined) {
    const known = chapters.map((one) => one.name).join(', ');
    const hint = `${known && `The chapters are: ${known}. `}Directories are searched for in ${current}.`;
    throw usageError(`There is no ${known && 'chapter and no '}directory "${name}".`, hint);
  }
  if ((await stat(path)).isDirectory()) return realpath(path);
  const archive = /^[./]/.test(name) ? name : `./${name}`;
  const hint = `To measure a Dockerfile: --dockerfile ${name}. To measure the archive of an image: --image ${archive}`;
  throw usageError(`"${name}" is a file, not a directory.`, hint);
}

/**
 * Names projects by the last part of their path, and by as many more parts as it takes to make the name unique. None gets
 * the name of images that are given by name.
 */
export function nameProjects(directories: string[], chapters: string[] = []): Project[] {
  const taken = [NAMED_IMAGES, ...chapters];
  return directories.map((directory) => {
    const parts = directory.split(sep).filter(Boolean);
    const names = parts.map((_, index) => parts.slice(-1 - index).join('/'));
    const isUnique = (name: string) =>
      !taken.includes(name) && directories.filter((other) => other.endsWith(join(sep, name))).length === 1;
    return { name: names.find(isUnique) ?? directory, directory, isChapter: false };
  });
}
