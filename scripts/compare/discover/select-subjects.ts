import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { EXIT, ToolError } from '../../lib/errors.ts';
import { type Budgets, CONFIG_NAME } from '../model/budgets.ts';
import {
  type Layout,
  mergeSettings,
  type PartialSettings,
  resolvePaths,
  type Settings,
  secretFile,
} from '../model/settings.ts';
import { NAMED_IMAGES, type Subject, subjectName } from '../model/subject.ts';
import { findChapterDirectories, findChapters } from './chapters.ts';
import { type ProjectConfig, readBudgets, readProjectConfig, wrongBudget } from './config.ts';
import { findSubjects } from './project.ts';
import { dockerfilesBelow } from './variants.ts';

/** What the user asks for. */
export interface SelectionRequest {
  /** Chapters by name or number, and folders of projects by path. */
  names: string[];
  /** Whether images are named as well: without `names` they are all that is measured. */
  images: boolean;
  /** Settings of the command line. Their paths are relative to where the user stands. */
  given: PartialSettings;
  /** Whether the budgets are wanted. */
  check: boolean;
}

/** The repository, and where the user stands. */
export interface Directories {
  root: string;
  current: string;
}

export interface Selection {
  subjects: Subject[];
  /** The budgets of what was selected, when they are wanted. */
  budgets?: Budgets;
}

/** A folder with Dockerfiles: a chapter, or a project that nobody here wrote. */
interface Place {
  name: string;
  folder: string;
  isChapter: boolean;
}

/**
 * Finds what is to be measured. A project brings its own settings, in its compare.config.json; those of the command line
 * come before them.
 *
 * @throws {ToolError} with exit code 2 for what is not there or not understood.
 */
export async function selectSubjects(wish: SelectionRequest, folders: Directories): Promise<Selection> {
  const places = await findPlaces(wish, folders);
  const own = resolvePaths(wish.given, folders.current);
  if ((own.context !== undefined || own.dockerfiles) && places.length !== 1) {
    throw new ToolError('--dockerfile and --context belong to one folder, but there are several.', {
      code: 'usage',
      hint: `Write them into the ${CONFIG_NAME} of each, as "dockerfiles" and "context".`,
    });
  }
  const found = await Promise.all(places.map((place) => inPlace(place, own, wish, folders)));
  const subjects = found.flatMap((one) => one.subjects);
  return { subjects, ...(wish.check && { budgets: await allBudgets(found, wish, folders) }) };
}

interface Found {
  place: Place;
  subjects: Subject[];
  /** The project's own, by variant. */
  budgets?: ProjectConfig['budgets'];
}

async function inPlace(
  place: Place,
  own: PartialSettings,
  { given }: SelectionRequest,
  { current: here }: Directories,
): Promise<Found> {
  const config: ProjectConfig = place.isChapter ? {} : await readProjectConfig(place.folder);
  const { $schema, budgets, ...said } = config;
  const theirs = resolvePaths(said, place.folder);
  const settings = await withFiles(mergeSettings(theirs, own));
  const layout: Layout = {
    context: own.context ?? theirs.context,
    dockerfiles: given.dockerfiles && (await findFiles(given.dockerfiles, [here, place.folder])),
    targets: own.targets ?? theirs.targets,
  };
  layout.dockerfiles ??= theirs.dockerfiles;
  const subjects = await findSubjects(place.name, place.folder, layout, settings);
  if (subjects.length === 0) throw await noDockerfile(place.folder, here);
  if (budgets) {
    const all = await findSubjects(place.name, place.folder, theirs, settings);
    const wrong = wrongBudget({ [place.name]: budgets }, [...all, ...subjects]);
    if (wrong) {
      throw new ToolError(`${join(place.folder, CONFIG_NAME)}: ${wrong}`, {
        code: 'usage',
        hint: `There are: ${all.map(subjectName).join(', ')}`,
      });
    }
  }
  return { place, subjects, ...(budgets && { budgets }) };
}

/** Paths as the user typed them: relative to the first folder that has them. */
function findFiles(paths: string[], folders: string[]): Promise<string[]> {
  return Promise.all(
    paths.map(async (path) => {
      for (const folder of folders) {
        const whole = resolve(folder, path);
        if (await stat(whole).catch(() => null)) return whole;
      }
      return resolve(folders[0] ?? '', path);
    }),
  );
}

/**
 * The settings with what a file of environment variables says of the port.
 *
 * @throws {ToolError} when a file that the settings name is not there: the engine would say so only after a while.
 */
async function withFiles(settings: Settings): Promise<Settings> {
  const files = [
    ...settings.secrets.map((secret) => ['secret', secretFile(secret)] as const),
    ['environment file', settings.envFile] as const,
  ];
  for (const [what, path] of files) {
    const isFile = path === undefined || (await stat(path).catch(() => null))?.isFile();
    if (!isFile) throw new ToolError(`There is no file ${path} for the ${what}.`, { code: 'usage' });
  }
  const text = settings.envFile === undefined ? '' : await readFile(settings.envFile, 'utf8');
  const [, port] = /^PORT=(\d+)\s*$/m.exec(text) ?? [];
  return port === undefined ? settings : { ...settings, env: { PORT: port, ...settings.env } };
}

async function findPlaces(
  { names, images, given }: SelectionRequest,
  { root, current: here }: Directories,
): Promise<Place[]> {
  const chapters = await findChapterDirectories(root);
  const asChapter = (name: string): Place => ({ name, folder: join(root, name), isChapter: true });
  const implied = given.context ?? (given.dockerfiles?.[0] && dirname(given.dockerfiles[0]));
  if (names.length === 0 && implied === undefined) return images ? [] : chapters.map(asChapter);
  const asked = names.length === 0 ? [resolve(here, implied ?? '')] : names;
  const places = await Promise.all(
    asked.map(async (name) => {
      const chapter = chapters.find((one) =>
        /^\d{1,2}$/.test(name) ? one.startsWith(`${name.padStart(2, '0')}-`) : one === name,
      );
      if (chapter) return asChapter(chapter);
      const folder = await realpath(resolve(here, name)).catch(() => null);
      const isFolder = folder !== null && (await stat(folder)).isDirectory();
      const whole = await realpath(root);
      // The repository itself stands for all of its chapters.
      if (folder === whole) return chapters.map(asChapter);
      const same = chapters.find((one) => folder === join(whole, one));
      if (same) return asChapter(same);
      // Called by its own name, not by that of a link to it: the same project has the same name everywhere.
      if (isFolder) return folder;
      throw new ToolError(
        folder === null ? `There is no chapter and no folder "${name}".` : `"${name}" is a file, not a folder.`,
        {
          code: 'usage',
          hint:
            folder === null
              ? `The chapters are: ${chapters.join(', ')}. A folder is looked for in ${here}.`
              : `A Dockerfile is named like this: npm run compare -- --dockerfile ${name}`,
        },
      );
    }),
  );
  const chosen = places.flat().filter((place) => typeof place === 'object');
  // Chapters in their own order, then the projects as they were named.
  const ordered = chapters.flatMap((name) => chosen.find((place) => place.name === name) ?? []);
  return [
    ...ordered,
    ...nameAll(
      places.filter((place) => typeof place === 'string'),
      chapters,
    ),
  ];
}

/** Names for the folders of projects: the last part of the path, and as much more as it takes to tell them apart. */
function nameAll(folders: string[], taken: string[]): Place[] {
  const different = [...new Set(folders)];
  const partsOf = (folder: string, count: number) =>
    folder.split(/[/\\]/).filter(Boolean).slice(-count).join('/') || '/';
  return different.map((folder) => {
    const isTaken = (name: string, count: number) =>
      [...taken, NAMED_IMAGES].includes(name) ||
      different.some((other) => other !== folder && partsOf(other, count) === name);
    let count = 1;
    while (isTaken(partsOf(folder, count), count) && partsOf(folder, count) !== partsOf(folder, count + 1)) count += 1;
    return { name: partsOf(folder, count), folder, isChapter: false };
  });
}

async function noDockerfile(folder: string, here: string): Promise<ToolError> {
  const below = (await dockerfilesBelow(folder)).map((path) => relative(here, path));
  return new ToolError(`There is no Dockerfile in ${folder}.`, {
    code: 'usage',
    hint:
      below.length === 0
        ? 'Every Dockerfile, Dockerfile.* and *.Dockerfile in a folder is measured. Another one: --dockerfile <file>'
        : `Below it there are: ${below.join(', ')}. To measure one: --dockerfile ${below[0]}, with --context if its context is another folder than the one you named.`,
  });
}

/** The budgets of the repository for its chapters and of each project for itself. */
async function allBudgets(found: Found[], { images }: SelectionRequest, { root }: Directories): Promise<Budgets> {
  const projects = found.filter(({ place }) => !place.isChapter);
  const ours = images || projects.length < found.length ? await readBudgets(root, await findChapters(root)) : null;
  const theirs = projects.flatMap(({ place, budgets }) => (budgets ? [[place.name, budgets] as const] : []));
  const [first] = projects;
  if (!ours && theirs.length === 0 && first) {
    throw new ToolError(`${join(first.place.folder, CONFIG_NAME)}: there are no budgets, and --check needs some`, {
      code: 'usage',
      hint: 'An example: { "budgets": { "multi": { "onDisk": "60% of single", "pull": "70 MB" } } }',
    });
  }
  return { ...ours, ...Object.fromEntries(theirs) };
}
