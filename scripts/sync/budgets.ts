import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, parseConfig } from '../compare/discover/config.ts';
import { type Budget, CONFIG_NAME } from '../compare/model/budgets.ts';
import { NAMED_IMAGES, REFERENCE, type Subject } from '../compare/model/subject.ts';
import { spawnText } from '../lib/spawn.ts';

/** The budget of a variant that has none yet: the reference is there to be improved on, the others are to be shipped. */
const firstBudget = (variant: string): Budget => ({ findings: [variant === REFERENCE ? 'error' : 'warning'] });

/**
 * Gives every chapter and variant without a budget its first one, and removes the budgets of those that no longer exist.
 * Returns whether it changed the file.
 *
 * @throws {ToolError} with code `usage` when the file is not a configuration.
 */
export async function syncBudgets(root: string, subjects: Pick<Subject, 'chapter' | 'variant'>[]): Promise<boolean> {
  const path = join(root, CONFIG_NAME);
  const text = await readFile(path, 'utf8');
  const { budgets, ...rest } = parseConfig(text, path);
  const listed: Config['budgets'] = {};
  for (const { chapter, variant } of subjects) {
    listed[chapter] = { ...listed[chapter], [variant]: budgets[chapter]?.[variant] ?? firstBudget(variant) };
  }
  const named = budgets[NAMED_IMAGES];
  const expected: Config = { ...rest, budgets: { ...listed, ...(named && { [NAMED_IMAGES]: named }) } };
  if (JSON.stringify(expected) === JSON.stringify(parseConfig(text, path))) return false;
  await writeFile(path, JSON.stringify(expected, null, 2));
  await spawnText('npx', ['--no-install', 'biome', 'format', '--write', path], { cwd: root });
  return true;
}
