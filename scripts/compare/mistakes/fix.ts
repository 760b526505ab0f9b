import { diffArrays } from 'diff';

/** More lines in a row that stay are not told. */
const MOST_KEPT = 2;

/**
 * What turns the first text into the second, as the lines of a diff: each begins with `+`, `-`, or a space where it stays.
 * Lines that stay are told only between changes. Empty lines and comments do not count, as in a Dockerfile.
 */
export function fixingLines(mistake: string, mended: string): string[] {
  const changes = diffArrays(linesOf(mistake), linesOf(mended));
  return changes.flatMap(({ added, removed, value }, index) => {
    if (added || removed) return value.map((line) => `${added ? '+' : '-'} ${line}`);
    if (index === 0 || index === changes.length - 1) return [];
    return value.length > MOST_KEPT ? ['  …'] : value.map((line) => `  ${line}`);
  });
}

const linesOf = (text: string) => text.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
