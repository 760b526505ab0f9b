/**
 * What turns the first text into the second, as the lines of a diff: each begins with `+`, `-`, or a space where it stays.
 * Lines that stay are told only between changes. Empty lines and comments do not count, as in a Dockerfile.
 */
export function fixingLines(mistake: string, mended: string): string[] {
  const [from, to] = [mistake, mended].map(linesOf) as [string[], string[]];
  const lines: string[] = [];
  let [a, b] = [0, 0];
  const common = commonLengths(from, to);
  while (a < from.length || b < to.length) {
    if (a < from.length && from[a] === to[b]) {
      lines.push(`  ${from[a]}`);
      [a, b] = [a + 1, b + 1];
    } else if (a < from.length && (common[a + 1]?.[b] ?? 0) >= (common[a]?.[b + 1] ?? 0)) {
      lines.push(`- ${from[a]}`);
      a += 1;
    } else {
      lines.push(`+ ${to[b]}`);
      b += 1;
    }
  }
  const changed = lines.flatMap((line, index) => (line.startsWith(' ') ? [] : [index]));
  return shortened(lines.slice(changed[0] ?? lines.length, (changed.at(-1) ?? 0) + 1));
}

const linesOf = (text: string) => text.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^\s*#/.test(line));

/** How many lines two texts have in common, in order, from these places on. */
function commonLengths(from: string[], to: string[]): number[][] {
  const lengths = Array.from({ length: from.length + 1 }, () => new Array<number>(to.length + 1).fill(0));
  for (let a = from.length - 1; a >= 0; a -= 1) {
    for (let b = to.length - 1; b >= 0; b -= 1) {
      const [row, next] = [lengths[a], lengths[a + 1]] as [number[], number[]];
      row[b] = from[a] === to[b] ? (next[b + 1] ?? 0) + 1 : Math.max(next[b] ?? 0, row[b + 1] ?? 0);
    }
  }
  return lengths;
}

/** More lines in a row that stay are not told. */
const MOST_KEPT = 2;

function shortened(lines: string[]): string[] {
  const isKept = (line: string | undefined) => line?.startsWith(' ') ?? false;
  const isLong = (index: number) => {
    let [first, last] = [index, index];
    while (isKept(lines[first - 1])) first -= 1;
    while (isKept(lines[last + 1])) last += 1;
    return last - first >= MOST_KEPT;
  };
  return lines.flatMap((line, index) => {
    if (!isKept(line) || !isLong(index)) return [line];
    return isKept(lines[index - 1]) ? [] : ['  …'];
  });
}
