// Whether commands still print what a document says that they print.

/** Stands in a document for any lines that are left out, or for the beginning or the end of a line. */
const REST = '…';

/** Two sizes are the same for a reader when they differ by less than this part, or by less than so many bytes. */
const SIZE_TOLERANCE = 0.05;
const SIZE_FLOOR_BYTES = 200_000;

export interface Expected {
  lines: string[];
  /** Whether numbers, ids and times may be others: they differ from machine to machine. */
  varies: boolean;
  /** Whether sizes have to be about the same, because the base images are those that the document was written with. */
  sameBases: boolean;
}

/** The lines of an output as a document has them: without colours, npm's own lines, and empty lines around. */
export function tidyOutput(output: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away.
  const lines = output.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').split(/\r?\n/);
  const kept = lines
    .map((line) => line.trimEnd())
    .filter((line) => !/^npm (warn|notice)|^> \S+@\S+ |^> node /.test(line));
  const first = kept.findIndex((line) => line !== '');
  const last = kept.findLastIndex((line) => line !== '');
  return first === -1 ? [] : kept.slice(first, last + 1);
}

/**
 * What the lines of a document become with what was really printed: the same lines, with the numbers of now; what is left
 * out stays left out. Null where they do not match: then a person has to write them.
 */
export function refreshed(expected: Expected, actual: string[]): string[] | null {
  const parts = splitAt(expected.lines);
  const result: string[] = [];
  let position = 0;
  for (const [index, part] of parts.entries()) {
    if (index > 0) result.push(REST);
    const isLast = index === parts.length - 1;
    const found = part.length === 0 ? position : find(part, actual, position, expected, { fixed: index === 0 });
    if (found === null) return null;
    // The last part is the end of what was printed.
    const at = isLast && parts.length > 1 && part.length > 0 ? actual.length - part.length : found;
    if (at < position || !matchesAt(part, actual, at, expected)) return null;
    result.push(...part.map((line, offset) => kept(line, actual[at + offset] ?? '')));
    position = at + part.length;
  }
  const open = expected.lines.at(-1) === REST;
  return open || position === actual.length ? result : null;
}

/** Whether what was printed is what the document says. Null when it is, or else the first lines that are not. */
export function difference(expected: Expected, actual: string[]): string | null {
  if (refreshed(expected, actual) !== null) return null;
  const missing = expected.lines.find(
    (line) => line !== REST && !actual.some((one) => lineMatches(line, one, expected)),
  );
  return [
    missing === undefined
      ? 'The lines are there, but others are between them.'
      : `This line was not printed: ${missing}`,
    'What was printed:',
    ...actual.map((line) => `  | ${line}`),
  ].join('\n');
}

/** Parts of a text with any lines between them. */
function splitAt(lines: string[]): string[][] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (line.trim() === REST) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts;
}

function find(
  part: string[],
  actual: string[],
  from: number,
  expected: Expected,
  { fixed }: { fixed: boolean },
): number | null {
  for (let at = from; at + part.length <= actual.length; at += 1) {
    if (matchesAt(part, actual, at, expected)) return at;
    if (fixed) return null;
  }
  return null;
}

const matchesAt = (part: string[], actual: string[], at: number, expected: Expected) =>
  part.every((line, offset) => lineMatches(line, actual[at + offset], expected));

/** A line that is cut off stays so. */
function kept(line: string, actual: string): string {
  if (line.startsWith(REST)) return line;
  // Docker itself ends a long line so.
  if (actual.endsWith(REST)) return actual;
  if (!line.endsWith(REST)) return actual;
  const words = line.slice(0, -1).trimEnd().split(/\s+/).length;
  return `${/^\s*/.exec(actual)?.[0] ?? ''}${actual.trim().split(/\s+/).slice(0, words).join(' ')} ${REST}`;
}

function lineMatches(line: string, actual: string | undefined, { varies, sameBases }: Expected): boolean {
  if (actual === undefined) return false;
  const plain = (text: string) => (varies ? masked(text) : text.trim());
  const [begins, ends] = [!line.startsWith(REST), !line.endsWith(REST)];
  const [ours, theirs] = [plain(line.replace(/^…|…$/g, '')), plain(actual)];
  const at = theirs.indexOf(ours);
  const matches = at !== -1 && (!begins || at === 0) && (!ends || theirs.endsWith(ours));
  return matches && (!varies || !sameBases || sizesAgree(line, actual));
}

/** A line without what differs from one machine to the next. */
function masked(line: string): string {
  return line
    .replace(/sha256:[0-9a-f]+/g, '#')
    .replace(/\b[0-9a-f]{12,64}\b/g, '#')
    .replace(/\b\d{4}-\d\d-\d\d[T ][\d:.]+(Z| ?[+-]\d\d:?\d\d)?( [A-Z]{3,4})?/g, '#')
    .replace(/\d+(?:[.,]\d+)*/g, '#')
    .replace(/(?:about|less than) an? (?:second|minute|hour)|# (?:seconds?|minutes?|hours?)/gi, '# s')
    .replace(/# ?m?s\b/g, '# s')
    .replace(/# ?[kMG]?i?B\b/g, '# B')
    .replace(/<(?=# %)/g, '')
    .replace(/[█▏▎▍▌▋▊▉]+/g, '▇')
    .replace(/─+/g, '─')
    .replace(/\s+/g, ' ')
    .trim();
}

function sizesAgree(one: string, other: string): boolean {
  const ours = sizesIn(one);
  return sizesIn(other)
    .slice(0, ours.length)
    .every((size, index) => {
      const expected = ours[index] ?? 0;
      return Math.abs(size - expected) <= Math.max(SIZE_FLOOR_BYTES, SIZE_TOLERANCE * expected);
    });
}

function sizesIn(line: string): number[] {
  const units: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
  return [...line.matchAll(/(\d+(?:\.\d+)?) ?(B|kB|MB|GB)\b/g)].map(
    ([, number, unit = 'B']) => Number(number) * (units[unit] ?? 1),
  );
}
