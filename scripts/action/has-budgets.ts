import { resolve } from 'node:path';
import { projectSchema, readConfig } from '../compare/discover/config.ts';

/**
 * Whether there are budgets to check: those of one of the directories or, where options name images, those that the
 * workspace has for images. Compare reports a configuration that is wrong.
 */
export async function hasBudgets(directories: string[], options: string[]): Promise<boolean> {
  const read = (path: string) => readConfig(resolve(path), projectSchema).catch(() => undefined);
  const hasImages = options.some((option) => /^--image(=|$)/.test(option));
  if (hasImages && (await read('.'))?.config.imageBudgets) return true;
  return (await Promise.all(directories.map(read))).some((one) => one?.config.budgets !== undefined);
}
