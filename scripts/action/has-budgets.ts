import type { CompareOptions } from '../compare/cli.ts';
import { projectSchema, readConfig } from '../compare/discover/config.ts';
import { findProjects } from '../compare/discover/find-projects.ts';

/**
 * Whether a project that the options name has budgets, or `current` has budgets for the images that they name: compare
 * --check is an error without any. A configuration that is wrong has none here: compare reports it.
 *
 * @throws {ToolError} with the code `usage` for a directory that does not exist.
 */
export async function hasBudgets(options: CompareOptions, current: string): Promise<boolean> {
  const { names, given, images } = options;
  const read = (directory: string) => readConfig(directory, projectSchema).catch(() => undefined);
  const hasImages = images.length > 0;
  if (hasImages && (await read(current))?.config.imageBudgets) return true;
  const projects = await findProjects({ names, given, hasImages, check: false }, { root: null, current });
  const configs = await Promise.all(projects.map(({ directory }) => read(directory)));
  return configs.some((one) => one?.config.budgets !== undefined);
}
