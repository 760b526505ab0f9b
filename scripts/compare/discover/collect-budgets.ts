import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import { type Budgets, CONFIG_NAME } from '../model/budgets.ts';
import { NAMED_IMAGES } from '../model/subject.ts';
import { findChapters } from './chapters.ts';
import { BUDGETS_EXAMPLE, projectSchema, readBudgets, readConfig } from './config.ts';
import { type Directories, nameProjects, type Project } from './find-projects.ts';

/** A project that was selected, its budgets by variant, and where its configuration is or would be. */
interface ProjectBudgets extends Project {
  budgets?: Budgets[string];
  source: string;
}

/** The name of a chapter or project, and its budgets by variant if it has some. */
type NamedBudgets = [name: string, budgets: Budgets[string] | undefined];

/**
 * The budgets of each project, of the chapters, and of images that are given by name. Those of chapters and images are in
 * the repository; without one, those of images are in the current directory.
 *
 * @throws {ToolError} with the code `usage` when there are none.
 */
export async function collectBudgets(
  projects: ProjectBudgets[],
  hasImages: boolean,
  { root, current }: Directories,
): Promise<Budgets> {
  const ofProjects = projects.map(({ name, budgets }): NamedBudgets => [name, budgets]);
  const source = projects[0]?.source ?? join(current, CONFIG_NAME);
  if (!hasImages && !projects.some(({ isChapter }) => isChapter)) return requireBudgets(ofProjects, source);
  if (root !== null) return { ...(await readRepositoryBudgets(root)), ...withoutAbsent(ofProjects) };
  const ofImages = (await readConfig(current, projectSchema))?.config.imageBudgets;
  return requireBudgets([[NAMED_IMAGES, ofImages], ...ofProjects], source);
}

/**
 * The budgets for a report that is only shown: those of the repository, or else of the current directory and of images.
 *
 * @throws {ToolError} with the code `usage` when there are none.
 */
export async function readBudgetsForReport({ root, current }: Directories): Promise<Budgets> {
  if (root !== null) return readRepositoryBudgets(root);
  const { config, source = join(current, CONFIG_NAME) } = (await readConfig(current, projectSchema)) ?? {};
  const [project] = nameProjects([await realpath(current)]);
  const ofProject: NamedBudgets = [project?.name ?? '', config?.budgets];
  return requireBudgets([ofProject, [NAMED_IMAGES, config?.imageBudgets]], source);
}

const readRepositoryBudgets = async (root: string) => readBudgets(root, await findChapters(root));

/** @throws {ToolError} when all are absent. `source` is where the first of them would be. */
function requireBudgets(named: NamedBudgets[], source: string): Budgets {
  const budgets = withoutAbsent(named);
  if (Object.keys(budgets).length > 0) return budgets;
  const images = '"imageBudgets": { "my/app:1.2": { "download": "70 MB" } }';
  const hint = `An example: { "budgets": ${BUDGETS_EXAMPLE} }. For images that are given by name: { ${images} }`;
  throw usageError(`${source}: there are no budgets, and --check requires some`, hint);
}

const withoutAbsent = (named: NamedBudgets[]): Budgets =>
  Object.fromEntries(named.flatMap(([name, budgets]) => (budgets ? [[name, budgets]] : [])));
