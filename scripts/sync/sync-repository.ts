import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { findChapters } from '../compare/discover/chapters.ts';
import { configSchema, projectSchema, readConfig } from '../compare/discover/config.ts';
import { type Budgets, CONFIG_NAME } from '../compare/model/budgets.ts';
import { reportSchema } from '../compare/model/report-schema.ts';
import { NAMED_IMAGES, REFERENCE, type SubjectName } from '../compare/model/subject.ts';
import { spawnText } from '../lib/spawn.ts';
import { writeChanged } from '../lib/write-changed.ts';
import { syncCopies, syncLockfiles } from './chapter-copies.ts';

/** The published schemas, by their paths. */
export const SCHEMAS = {
  'scripts/compare/model/config.schema.json': configSchema,
  'scripts/compare/model/project.schema.json': projectSchema,
  'scripts/compare/model/report.schema.json': reportSchema,
};

export const toJsonSchema = (schema: z.ZodType) => `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`;

/** Updates everything in the repository that is a copy of something else. Returns the paths of what changed. */
export async function syncRepository(root: string, signal: AbortSignal): Promise<string[]> {
  // Twice, because the workspace's lockfile also has the dependencies of the copies' package.json.
  const copies = await syncCopies(root);
  const lockfiles = await syncLockfiles(root, signal);
  const changed = new Set([...copies, ...lockfiles, ...(await syncCopies(root))]);
  if (await syncBudgets(root, signal)) changed.add(CONFIG_NAME);
  const schemas = Object.entries(SCHEMAS).map(([path, schema]): [string, string] => [path, toJsonSchema(schema)]);
  return [...changed, ...(await writeChanged(root, schemas))];
}

/** The budgets with a first one for each new variant, without those of variants that are gone. */
export function expectedBudgets(budgets: Budgets, subjects: SubjectName[]): Budgets {
  const { [NAMED_IMAGES]: named } = budgets;
  const expected: Budgets = named ? { [NAMED_IMAGES]: named } : {};
  for (const { chapter, variant } of subjects) {
    // `single` may have warnings: it is there to be improved on.
    const first = { findings: [variant === REFERENCE ? 'error' : 'warning'] } satisfies Budgets[string][string];
    expected[chapter] = { ...expected[chapter], [variant]: budgets[chapter]?.[variant] ?? first };
  }
  return expected;
}

/** Writes the budgets. Returns whether any changed. */
async function syncBudgets(root: string, signal: AbortSignal): Promise<boolean> {
  const { budgets, ...config } = (await readConfig(root, configSchema))?.config ?? { budgets: {} };
  const expected = expectedBudgets(budgets, await findChapters(root));
  if (isDeepStrictEqual(expected, budgets)) return false;
  const path = join(root, CONFIG_NAME);
  await writeFile(path, JSON.stringify({ ...config, budgets: expected }, null, 2));
  await spawnText('npx', ['--no-install', 'biome', 'format', '--write', path], { cwd: root, signal });
  return true;
}
