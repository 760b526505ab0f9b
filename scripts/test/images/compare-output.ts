import { stripVTControlCharacters } from 'node:util';

// Whether commands still print what a document shows. The text of the document becomes one regular expression; what its
// groups match is the text of the document with the numbers of now.

/** Stands in a document for lines that are left out, or for the beginning or the end of a line. */
const REST = '…';

/** Two sizes are the same for a reader when they differ by less than this part, or by less than so many bytes. */
const SIZE_TOLERANCE = 0.05;
const SIZE_FLOOR_BYTES = 200_000;

export interface Expected {
  lines: string[];
  /** Whether numbers, ids and times may differ, because they differ from machine to machine. */
  varies: boolean;
  /** Whether sizes have to be about the same, because the base images are those that the document was written with. */
  sameBases: boolean;
}

/** The lines of an output as a document shows them: without colours, npm's own lines, and empty lines around. */
export function tidyOutput(output: string): string[] {
  const lines = stripVTControlCharacters(output).split(/\r?\n/);
  const kept = lines
    .map((line) => line.replace(/\s+$/, ''))
    .filter((line) => !/^npm (warn|notice)|^> \S+@\S+ |^> node /.test(line));
  const text = kept.join('\n').replace(/^\n+|\n+$/g, '');
  return text === '' ? [] : text.split('\n');
}

/**
 * The lines of a document with what was really printed: the same lines, with the numbers of now; what is left out stays
 * left out. Null where they do not match: then a person has to write them.
 */
export function refreshed({ lines, varies, sameBases }: Expected, actual: string[]): string[] | null {
  const match = pattern(lines, varies).exec(actual.map((line) => `${line}\n`).join(''));
  if (!match) return null;
  const printed = match.slice(1);
  const shown = lines.filter((line) => !isGap(line)).flatMap((line) => line.split(REST));
  if (varies && sameBases && !shown.every((text, index) => sizesAgree(text, printed[index] ?? ''))) return null;
  return lines.map((line) => {
    if (isGap(line)) return line;
    return printed.splice(0, line.split(REST).length).join(REST);
  });
}

const isGap = (line: string) => line.trim() === REST;

/** What differs between an output and what the document shows, for a person; null when nothing does. */
export function difference(expected: Expected, actual: string[]): string | null {
  if (refreshed(expected, actual) !== null) return null;
  const isPrinted = (line: string) => actual.some((one) => refreshed({ ...expected, lines: [line] }, [one]));
  const missing = expected.lines.find((line) => !isGap(line) && !isPrinted(line));
  const problem = missing === undefined ? 'Other lines are between these.' : `This line was not printed: ${missing}`;
  return [problem, 'What was printed:', ...actual.map((line) => `  | ${line}`)].join('\n');
}

function pattern(lines: string[], varies: boolean): RegExp {
  const groups = (line: string) =>
    line.split(REST).map((text) => `(${varies ? varyingPattern(text) : escapeRegExp(text)})`);
  const patterns = lines.map((line) => (isGap(line) ? '(?:.*\\n)*?' : `${groups(line).join('.*?')}\\n`));
  return new RegExp(`^${patterns.join('')}$`);
}

const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** What differs from one machine to the next: the first that matches counts. */
const VARYING = [
  /sha256:[0-9a-f]+/,
  /\b[0-9a-f]{12,64}\b/,
  /\d+(?:\.\d+)? ?m?s\b/,
  /\d+(?:\.\d+)? ?[kMG]?i?B\b/,
  /<?\d+(?:[.,]\d+)*/,
  /[█▏▎▍▌▋▊▉]+/,
  /─+/,
  / +/,
];
const TOKEN = new RegExp([...VARYING.map(({ source }) => source), '.'].join('|'), 'gu');

function varyingPattern(text: string): string {
  const tokens = text.match(TOKEN) ?? [];
  return tokens.map((token) => VARYING.find((one) => one.test(token))?.source ?? escapeRegExp(token)).join('');
}

function sizesAgree(shown: string, printed: string): boolean {
  const actual = sizesIn(printed);
  return sizesIn(shown).every((expected, index) => {
    const tolerance = Math.max(SIZE_FLOOR_BYTES, SIZE_TOLERANCE * expected);
    return Math.abs((actual[index] ?? 0) - expected) <= tolerance;
  });
}

function sizesIn(line: string): number[] {
  const units: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
  return [...line.matchAll(/(\d+(?:\.\d+)?) ?(B|kB|MB|GB)\b/g)].map(
    ([, number, unit = 'B']) => Number(number) * (units[unit] ?? 1),
  );
}
