import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT, ToolError } from '../errors.ts';
import { CODES, type Code, LEVELS, type Level } from '../inspect/catalog.ts';
import { NAMED_IMAGES, type Subject, subjectName } from '../subjects/chapters.ts';

/** Where the JSON Schema of the configuration is published: beside this file. `npm run sync` writes it. */
export const CONFIG_SCHEMA_FILE = join(import.meta.dirname, 'config.schema.json');
export const CONFIG_NAME = 'compare.config.json';

const UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const LIMIT = /^(\d+(?:\.\d+)?) ?(?:(B|kB|MB|GB|KiB|MiB|GiB)|% of ([A-Za-z0-9_.-]+))$/;

const EXPECTED = 'a limit is a size, such as "60 MB", or a part of another variant, such as "60% of single"';
const limit = z.string({ error: EXPECTED }).regex(LIMIT, EXPECTED);
const limits = z.union([limit, z.array(limit).min(1)], { error: `${EXPECTED}; or a list of both` });

const budget = z.strictObject({
  onDisk: limits
    .optional()
    .describe('The most that the image may unpack to: "200 MB", "60% of single", or a list of both'),
  pull: limits.optional().describe('The most that a registry may have to send'),
  findings: z
    .array(z.enum([...LEVELS, ...CODES] as [Level | Code, ...(Level | Code)[]]))
    .min(1)
    .optional()
    .describe('The findings that fail: codes, or a level, which stands for itself and all that are worse'),
});

const config = z.strictObject({
  $schema: z.string().optional(),
  budgets: z
    .record(z.string(), z.record(z.string(), budget))
    .describe('By chapter and variant. An image that was given by name is in the chapter "image"'),
});

export type Config = z.infer<typeof config>;
export type Budget = z.infer<typeof budget>;

/** A limit that was written as text. */
export type Limit = { bytes: number } | { ratio: number; of: string };

export function parseLimit(text: string): Limit {
  const [, number, unit, of] = LIMIT.exec(text) ?? [];
  return of === undefined
    ? { bytes: Number(number) * UNITS[unit as keyof typeof UNITS] }
    : { ratio: Number(number) / 100, of };
}

/**
 * Reads the configuration in a folder. A name that is wrong would otherwise switch its limits off.
 *
 * @param subjects what there is to have a budget.
 * @throws {ToolError} with exit code 2 when it is not there, says what we do not understand, or names what is not there.
 */
export async function readConfig(folder: string, subjects: SubjectName[]): Promise<Config> {
  const path = join(folder, CONFIG_NAME);
  const fail = (problem: string, hint?: string) =>
    new ToolError(`${path}: ${problem}`, { exitCode: EXIT.usage, ...(hint && { hint }) });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw fail(
      error.code === 'ENOENT' ? 'there is no such file, and --check needs its budgets' : error.message,
      'An example: { "budgets": { "02-multi-stage": { "multi": { "onDisk": "60% of single", "pull": "70 MB" } } } }',
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw fail((error as Error).message);
  }
  const parsed = config.safeParse(json);
  if (!parsed.success) throw fail(z.prettifyError(parsed.error));
  const wrong = wrongName(parsed.data, subjects);
  if (wrong) throw fail(wrong, `There are: ${subjects.map(subjectName).join(', ')}`);
  return parsed.data;
}

type SubjectName = Pick<Subject, 'chapter' | 'variant'>;

/** The first chapter or variant in a configuration that is not there, as a sentence; images by name may be any. */
function wrongName({ budgets }: Config, subjects: SubjectName[]): string | undefined {
  for (const [chapter, variants] of Object.entries(budgets)) {
    if (chapter === NAMED_IMAGES) continue;
    const known = subjects.filter((subject) => subject.chapter === chapter).map(({ variant }) => variant);
    for (const [variant, { onDisk = [], pull = [] }] of Object.entries(variants)) {
      if (!known.includes(variant)) return `there is no ${subjectName({ chapter, variant })}`;
      for (const limit of [onDisk, pull].flat().map(parseLimit)) {
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

/** The JSON Schema of the configuration, as text. */
export function configJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(config), null, 2)}\n`;
}
