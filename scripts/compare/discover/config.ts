import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, usageError } from '../../lib/errors.ts';
import { type Budgets, budgetSchema, CONFIG_NAME, parseLimit } from '../model/budgets.ts';
import { settingsShape } from '../model/settings.ts';
import { NAMED_IMAGES, type SubjectName, subjectName } from '../model/subject.ts';

/** The configuration of the repository. */
export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  budgets: z
    .record(z.string(), z.record(z.string(), budgetSchema))
    .describe('By chapter and variant. Images that are given by name are in the chapter "image"'),
});

/** The configuration of a project. */
export const projectSchema = z.strictObject({
  $schema: z.string().optional(),
  ...settingsShape,
  budgets: z.record(z.string(), budgetSchema).optional().describe('By variant'),
});

/**
 * Reads the configuration file of a directory. Undefined when there is none.
 *
 * @throws {ToolError} with the code `usage` when the file does not match the schema.
 */
export async function readConfig<T>(directory: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const path = join(directory, CONFIG_NAME);
  try {
    const stats = await stat(path);
    // A pipe or a device may never end.
    if (!stats.isFile()) throw new Error('it is not a file');
    // Some editors begin a file with a byte order mark.
    return schema.parse(JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, '')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw usageError(`${path}: ${error instanceof z.ZodError ? z.prettifyError(error) : describeError(error)}`);
  }
}

export const BUDGETS_EXAMPLE = '{ "multi": { "unpacked": "60% of single", "download": "70 MB" } }';

/**
 * Reads the budgets of the repository for these subjects.
 *
 * @throws {ToolError} with the code `usage` when there are none, or when they name something that does not exist.
 */
export async function readBudgets(root: string, subjects: SubjectName[]): Promise<Budgets> {
  const config = await readConfig(root, configSchema);
  const problem = `${join(root, CONFIG_NAME)}: there is no such file, and --check requires budgets`;
  if (!config) throw usageError(problem, `An example: { "budgets": { "02-multi-stage": ${BUDGETS_EXAMPLE} } }`);
  checkBudgetNames(root, config.budgets, subjects);
  return config.budgets;
}

/**
 * Makes sure that budgets name only what exists: the limits of a misspelt name would never fail. Images that are given by
 * name may have any name.
 *
 * @param directory where the configuration file is.
 * @throws {ToolError} with the code `usage`.
 */
export function checkBudgetNames(directory: string, budgets: Budgets, subjects: SubjectName[]): void {
  const known = [...new Set(subjects.map(subjectName))];
  const problems = Object.entries(budgets).flatMap(([chapter, variants]) => {
    if (chapter === NAMED_IMAGES) return [];
    if (!subjects.some((subject) => subject.chapter === chapter)) return `there is no chapter ${chapter}`;
    return Object.entries(variants).flatMap(([variant, { unpacked = [], download = [] }]) => {
      const name = subjectName({ chapter, variant });
      if (!known.includes(name)) return `there is no ${name}`;
      return [unpacked, download].flat().flatMap((text) => {
        const limit = parseLimit(text);
        if ('bytes' in limit) return [];
        if (limit.of === variant) return `${name} has a limit that is a part of itself`;
        const isKnown = known.includes(subjectName({ chapter, variant: limit.of }));
        return isKnown ? [] : `${name} has a limit "of ${limit.of}", which does not exist`;
      });
    });
  });
  if (problems.length === 0) return;
  throw usageError(`${join(directory, CONFIG_NAME)}: ${problems.join('; ')}`, `Known: ${known.join(', ')}`);
}
