import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { findChapters } from '../compare/discover/chapters.ts';
import { configSchema, projectSchema, readConfig } from '../compare/discover/config.ts';
import { type Budgets, CONFIG_NAME } from '../compare/model/budgets.ts';
import { reportSchema } from '../compare/model/report-schema.ts';
import { NAMED_IMAGES, REFERENCE } from '../compare/model/subject.ts';
import { spawnText } from '../lib/spawn.ts';
import { syncCopies, syncLockfiles } from './chapter-copies.ts';

/** The published schemas, by their paths. */
export const SCHEMAS = {
  'scripts/compare/model/config.schema.json': configSchema,
  'scripts/compare/model/project.schema.json': projectSchema,
  'scripts/compare/model/report.schema.json': reportSchema,
};

export const toJsonSchema = (schema: z.ZodType) => `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`;

/** Updates everything in the repository that is a copy of something else. Returns the paths of what changed. */
export async function syncRepository(root: string): Promise<string[]> {
  // Twice, because the workspace's lockfile also has the dependencies of the copies' package.json.
  const first = await syncCopies(root);
  await syncLockfiles(root);
  const changed = new Set([...first, ...(await syncCopies(root))]);
  if (await syncBudgets(root)) changed.add(CONFIG_NAME);
  for (const [path, schema] of Object.entries(SCHEMAS)) await writeFile(join(root, path), toJsonSchema(schema));
  return [...changed];
}

/** Adds a first budget for each new variant and removes those of variants that are gone. Returns whether any changed. */
async function syncBudgets(root: string): Promise<boolean> {
  const { budgets, ...config } = (await readConfig(root, configSchema)) ?? { budgets: {} };
  const { [NAMED_IMAGES]: named } = budgets;
  const expected: Budgets = named ? { [NAMED_IMAGES]: named } : {};
  for (const { chapter, variant } of await findChapters(root)) {
    // The reference may have warnings: the other variants improve on it.
    const first = { findings: [variant === REFERENCE ? 'error' : 'warning'] } satisfies Budgets[string][string];
    expected[chapter] = { ...expected[chapter], [variant]: budgets[chapter]?.[variant] ?? first };
  }
  if (isDeepStrictEqual(expected, budgets)) return false;
  const path = join(root, CONFIG_NAME);
  await writeFile(path, JSON.stringify({ ...config, budgets: expected }, null, 2));
  await spawnText('npx', ['--no-install', 'biome', 'format', '--write', path], { cwd: root });
  return true;
}
