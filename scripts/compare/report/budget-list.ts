import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Budget, CONFIG_NAME, type Config, parseConfig } from '../discover/config.ts';
import { NAMED_IMAGES, REFERENCE, type Subject } from '../model/subject.ts';

// The budgets of the repository list every chapter and variant, so that nobody forgets to guard a new one.

/** Of a variant that nobody has set limits for yet: the reference is there to be improved on, the others are to ship. */
const firstBudget = (variant: string): Budget => ({ findings: [variant === REFERENCE ? 'error' : 'warning'] });

/**
 * Gives every chapter and variant without a budget its first one, and takes the budgets of those away that are not there
 * any more. Returns whether it changed the file.
 *
 * @throws {ToolError} with exit code 2 when the file says what we do not understand.
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
  const expected = render({ ...rest, budgets: { ...listed, ...(named && { [NAMED_IMAGES]: named }) } });
  if (text === expected) return false;
  await writeFile(path, expected);
  return true;
}

/** The file as Biome leaves it, with a budget of one line on one line. */
function render({ budgets, ...rest }: Config): string {
  const inline = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(inline).join(', ')}]` : JSON.stringify(value);
  const budgetText = (budget: Budget) => {
    const limits = Object.entries(budget).map(([name, value]) => `"${name}": ${inline(value)}`);
    return limits.length === 1 ? `{ ${limits[0]} }` : object(limits, 3);
  };
  const chapters = Object.entries(budgets).map(([chapter, variants]) => {
    const lines = Object.entries(variants).map(([variant, budget]) => `${inline(variant)}: ${budgetText(budget)}`);
    return `${inline(chapter)}: ${object(lines, 2)}`;
  });
  const top = Object.entries(rest).map(([name, value]) => `${inline(name)}: ${inline(value)}`);
  return `${object([...top, `"budgets": ${object(chapters, 1)}`], 0)}\n`;
}

/** The entries of an object, a line each. */
function object(entries: string[], depth: number): string {
  const indent = '  '.repeat(depth);
  return entries.length === 0 ? '{}' : `{\n${entries.map((entry) => `${indent}  ${entry}`).join(',\n')}\n${indent}}`;
}
