import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeError, usageError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { type Budgets, budgetSchema, CONFIG_NAME, PACKAGE_NAME, parseLimit } from '../model/budgets.ts';
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
  imageBudgets: z
    .record(z.string(), budgetSchema)
    .optional()
    .describe('By the name of an image, as --image has it. Only where compare-dockerfiles runs in this directory'),
});

/** The names of a directory's configuration file. The configuration may also be a key of its package.json. */
const FILE_NAMES = [CONFIG_NAME, `${PACKAGE_NAME}.config.json`];

/** A configuration, and the name of its origin in messages. */
interface Config<T> {
  config: T;
  source: string;
}

/**
 * Reads the configuration of a directory. Undefined when there is none.
 *
 * @throws {ToolError} with the code `usage` when there are two, or when it does not match the schema.
 */
export async function readConfig<T>(directory: string, schema: z.ZodType<T>): Promise<Config<T> | undefined> {
  const found: { source: string; text: string }[] = [];
  for (const path of FILE_NAMES.map((name) => join(directory, name))) {
    const text = await readFileText(path);
    if (text !== undefined) found.push({ source: path, text });
  }
  const path = join(directory, 'package.json');
  const text = await readPackageKey(path, found.length > 0);
  if (text !== undefined) found.push({ source: `${path}, "${PACKAGE_NAME}"`, text });
  const [first, second] = found;
  if (!first) return undefined;
  const { source } = first;
  if (second) throw usageError(`There are two configurations: ${source} and ${second.source}`, 'Keep one of them.');
  try {
    return { config: schema.parse(JSON.parse(first.text)), source };
  } catch (error) {
    throw usageError(`${source}: ${error instanceof z.ZodError ? z.prettifyError(error) : describeError(error)}`);
  }
}

/** The text of a file; undefined when there is none. */
async function readFileText(path: string): Promise<string | undefined> {
  try {
    // A pipe or a device may never end.
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    // Some editors begin a file with a byte order mark.
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw usageError(`${path}: ${describeError(error)}`);
  }
}

const packageJson = z.object({ [PACKAGE_NAME]: z.unknown() }).partial();

/**
 * The configuration in a package.json, as JSON. Other tools report a package.json that cannot be read; it is an error here
 * only if it seems to have the only configuration.
 */
async function readPackageKey(path: string, isConfigured: boolean): Promise<string | undefined> {
  const text = await readFileText(path).catch(() => undefined);
  if (!text?.includes(`"${PACKAGE_NAME}"`)) return undefined;
  const document = parseJson(text);
  if (document === undefined && !isConfigured) {
    throw usageError(`${path}: it is not JSON, and "${PACKAGE_NAME}" in it may be a configuration`);
  }
  const config = packageJson.safeParse(document).data?.[PACKAGE_NAME];
  try {
    return config === undefined ? undefined : JSON.stringify(config);
  } catch {
    throw usageError(`${path}, "${PACKAGE_NAME}": it is nested too deeply`);
  }
}

export const BUDGETS_EXAMPLE = '{ "multi": { "unpacked": "60% of single", "download": "70 MB" } }';

/**
 * Reads the budgets of the repository for these subjects.
 *
 * @throws {ToolError} with the code `usage` when there are none, or when they name something that does not exist.
 */
export async function readBudgets(root: string, subjects: SubjectName[]): Promise<Budgets> {
  const read = await readConfig(root, configSchema);
  const problem = `${join(root, CONFIG_NAME)}: there is no such file, and --check requires budgets`;
  if (!read) throw usageError(problem, `An example: { "budgets": { "02-multi-stage": ${BUDGETS_EXAMPLE} } }`);
  checkBudgetNames(read.source, read.config.budgets, subjects);
  return read.config.budgets;
}

/**
 * Makes sure that budgets name only what exists: the limits of a misspelt name would never fail. Images that are given by
 * name may have any name.
 *
 * @param source where the budgets were read.
 * @throws {ToolError} with the code `usage`.
 */
export function checkBudgetNames(source: string, budgets: Budgets, subjects: SubjectName[]): void {
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
  throw usageError(`${source}: ${problems.join('; ')}`, `Known: ${known.join(', ')}`);
}
