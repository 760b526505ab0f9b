import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT, ToolError } from '../../lib/errors.ts';
import { type Budgets, budgetSchema, CONFIG_NAME, parseLimit } from '../model/budgets.ts';
import { settingsShape } from '../model/settings.ts';
import { NAMED_IMAGES, type Subject, subjectName } from '../model/subject.ts';

/** Where the JSON Schemas of the configuration are published: beside this file. `npm run sync` writes them. */
export const CONFIG_SCHEMA_FILE = join(import.meta.dirname, '../model/config.schema.json');
export const PROJECT_SCHEMA_FILE = join(import.meta.dirname, '../model/project.schema.json');
const config = z.strictObject({
  $schema: z.string().optional(),
  budgets: z
    .record(z.string(), z.record(z.string(), budgetSchema))
    .describe('By chapter and variant. An image that was given by name is in the chapter "image"'),
});

const project = z.strictObject({
  $schema: z.string().optional(),
  ...settingsShape,
  budgets: z.record(z.string(), budgetSchema).optional().describe('By variant'),
});

export type Config = z.infer<typeof config>;
/** What a project says of itself, in the {@link CONFIG_NAME} of its folder. */
export type ProjectConfig = z.infer<typeof project>;

/**
 * Reads the budgets of the repository. A name that is wrong would otherwise switch its limits off.
 *
 * @param subjects what there is to have a budget.
 * @throws {ToolError} with exit code 2 when it is not there, says what we do not understand, or names what is not there.
 */
export async function readBudgets(folder: string, subjects: SubjectName[]): Promise<Budgets> {
  const path = join(folder, CONFIG_NAME);
  const json = await readJson(path);
  if (json === undefined) {
    throw new ToolError(`${path}: there is no such file, and --check needs its budgets`, {
      code: 'usage',
      hint: 'An example: { "budgets": { "02-multi-stage": { "multi": { "onDisk": "60% of single", "pull": "70 MB" } } } }',
    });
  }
  const found = parse(config, json, path);
  const wrong = wrongBudget(found.budgets, subjects);
  if (wrong) {
    const hint = `There are: ${subjects.map(subjectName).join(', ')}`;
    throw new ToolError(`${path}: ${wrong}`, { code: 'usage', hint });
  }
  return found.budgets;
}

/**
 * Reads what a project says of itself; nothing where it has no such file.
 *
 * @throws {ToolError} with exit code 2 when it says what we do not understand.
 */
export async function readProjectConfig(folder: string): Promise<ProjectConfig> {
  const path = join(folder, CONFIG_NAME);
  const json = await readJson(path);
  return json === undefined ? {} : parse(project, json, path);
}

/**
 * The budgets of the repository, from the text of their file.
 *
 * @throws {ToolError} with exit code 2 when it says what we do not understand.
 */
export function parseConfig(text: string, path: string): Config {
  return parse(config, parseJson(text, path), path);
}

/** What is in a JSON file; undefined when there is none. */
async function readJson(path: string): Promise<unknown> {
  try {
    return parseJson(await readFile(path, 'utf8'), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof ToolError) throw error;
    throw new ToolError(`${path}: ${(error as Error).message}`, { code: 'usage' });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ToolError(`${path}: ${(error as Error).message}`, { code: 'usage' });
  }
}

function parse<T>(schema: z.ZodType<T>, json: unknown, path: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ToolError(`${path}: ${z.prettifyError(parsed.error)}`, { code: 'usage' });
}

type SubjectName = Pick<Subject, 'chapter' | 'variant'>;

/** The first chapter or variant in budgets that is not there, as a sentence; images by name may be any. */
export function wrongBudget(budgets: Budgets, subjects: SubjectName[]): string | undefined {
  for (const [chapter, variants] of Object.entries(budgets)) {
    if (chapter === NAMED_IMAGES) continue;
    const known = subjects.filter((subject) => subject.chapter === chapter).map(({ variant }) => variant);
    for (const [variant, { unpacked = [], download = [] }] of Object.entries(variants)) {
      if (!known.includes(variant)) return `there is no ${subjectName({ chapter, variant })}`;
      for (const limit of [unpacked, download].flat().map(parseLimit)) {
        if (!('of' in limit)) continue;
        if (!known.includes(limit.of))
          return `${subjectName({ chapter, variant })} has a limit "of ${limit.of}", which is not there`;
        if (limit.of === variant) return `${subjectName({ chapter, variant })} has a limit that is a part of itself`;
      }
    }
    if (known.length === 0) return `there is no chapter ${chapter}`;
  }
  return undefined;
}

/** The JSON Schema of the repository's budgets, as text. */
export function configJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(config), null, 2)}\n`;
}

/** The JSON Schema of a project's configuration, as text. */
export function projectJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(project), null, 2)}\n`;
}
