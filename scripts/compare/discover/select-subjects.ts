import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type ToolError, usageError } from '../../lib/errors.ts';
import { CONFIG_NAME } from '../model/budgets.ts';
import { mergeSettings, type PartialSettings, resolvePaths, type Settings, secretFile } from '../model/settings.ts';
import { collectBudgets } from './collect-budgets.ts';
import { checkBudgetNames, projectSchema, readConfig } from './config.ts';
import { type Directories, findProjects, type Project, type SelectionRequest } from './find-projects.ts';
import { findSubjects, searchDockerfiles } from './project.ts';
import { refuseOutsidePaths } from './project-boundary.ts';

/**
 * Selects the subjects of a request, and reads the budgets of their chapters and projects when they are requested. The
 * settings of the command line replace those of a project's configuration file.
 *
 * @throws {ToolError} with the code `usage` for names, files and settings that are wrong.
 */
export async function selectSubjects(request: SelectionRequest, directories: Directories) {
  const { given, check } = request;
  const projects = await findProjects(request, directories);
  if ((given.context !== undefined || given.dockerfiles) && projects.length !== 1) {
    const hint = `Write them to the ${CONFIG_NAME} of each, as "dockerfiles" and "context".`;
    throw usageError('--dockerfile and --context belong to one directory, but there are several.', hint);
  }
  const selected = await Promise.all(projects.map((project) => selectProject(project, given, directories)));
  const subjects = selected.flatMap((project) => project.subjects);
  return { subjects, budgets: check ? await collectBudgets(selected, request.hasImages, directories) : undefined };
}

/** The subjects of a project, and its budgets by variant. The repository's configuration has those of chapters. */
async function selectProject(project: Project, given: PartialSettings, { root, current }: Directories) {
  const { name, directory, isChapter } = project;
  const read = isChapter ? undefined : await readConfig(directory, projectSchema);
  const source = read?.source ?? join(directory, CONFIG_NAME);
  const { $schema, budgets, imageBudgets, ...configured } = read?.config ?? {};
  const fromFile = resolvePaths(configured, directory);
  const typed = resolvePaths(given, current);
  await refuseOutsidePaths(fromFile, typed, { source, directory, root });
  // Only the Dockerfiles of the command line may be relative to the project as well.
  const findDockerfile = (path: string) => resolve(existsSync(resolve(current, path)) ? current : directory, path);
  if (given.dockerfiles) typed.dockerfiles = given.dockerfiles.map(findDockerfile);
  const settings = await addPort(mergeSettings(fromFile, typed));
  await requireFiles(settings);
  const subjects = await findSubjects(name, directory, { ...fromFile, ...typed }, settings);
  if (subjects.length === 0) throw await missingDockerfile(directory, current);
  if (budgets) {
    // Also those that the command line does not select.
    const configuredSubjects = await findSubjects(name, directory, fromFile, settings);
    checkBudgetNames(source, { [name]: budgets }, [...configuredSubjects, ...subjects]);
  }
  return { ...project, subjects, budgets, source };
}

/** @throws {ToolError} with the code `usage` for a file that does not exist: the engine would fail only later. */
async function requireFiles({ secrets, envFile }: Settings): Promise<void> {
  const files = [...secrets.map((secret) => ['secret', secretFile(secret)]), ['environment file', envFile]];
  for (const [what, path] of files) {
    const isFile = path === undefined || (await stat(path).catch(() => null))?.isFile();
    if (!isFile) throw usageError(`There is no file ${path} for the ${what}.`);
  }
}

/** The port to request is PORT of the file with environment variables, where nothing else says which. */
async function addPort(settings: Settings): Promise<Settings> {
  const { port, env, envFile } = settings;
  if (envFile === undefined || port !== undefined || env.PORT !== undefined) return settings;
  const text = await readFile(envFile, 'utf8').catch(() => '');
  // As docker run reads the file: quotes and comments after a value are part of the value.
  const [, value] = [...text.matchAll(/^[ \t]*PORT=(\d+)\r?$/gm)].at(-1) ?? [];
  return value === undefined ? settings : { ...settings, port: Number(value) };
}

async function missingDockerfile(directory: string, current: string): Promise<ToolError> {
  const below = (await searchDockerfiles(directory)).map((path) => relative(current, path));
  const option = `--dockerfile ${below[0] ?? '<file>'}, with --context if its build context is another directory.`;
  const names = 'Every Dockerfile, Dockerfile.* and *.Dockerfile in a directory is measured.';
  const hint = `${below.length === 0 ? names : `Below it there are: ${below.join(', ')}.`} To measure another file: ${option}`;
  return usageError(`There is no Dockerfile in ${directory}.`, hint);
}
