import { stripVTControlCharacters } from 'node:util';

// Whether commands still print what a document shows. The text of the document becomes one regular expression; what its
// groups match is the text of the document with the numbers of now.

/** Stands in a document for lines that are left out, or for the beginning or the end of a line. */
const REST = '…';

/** Two sizes are the same for a reader when they differ by less than this part, or by less than so many bytes. */
const SIZE_TOLERANCE = 0.05;
const SIZE_FLOOR_BYTES = 200_000;

interface Options {
  /** Whether numbers, ids and times may differ, because they differ from machine to machine. */
  varies?: boolean;
  /** Whether sizes have to be about the same nevertheless: the base images are those that the document was written with. */
  sameBases?: boolean;
}

/** The lines of an output as a document shows them: without colours, npm's own lines, and empty lines around. */
export function tidyOutput(output: string): string[] {
  const lines = stripVTControlCharacters(output).split(/\r?\n/);
  const kept = lines
    .map((line) => line.trimEnd())
    .filter((line) => !/^npm (warn|notice)|^> \S+@\S+ |^> node /.test(line));
  const text = kept.join('\n').replace(/^\n+|\n+$/g, '');
  return text === '' ? [] : text.split('\n');
}

/**
 * The lines of a document with what was really printed: the same lines, with the numbers of now; what is left out stays
 * left out. Null where they do not match: then a person has to write them.
 */
export function refreshed(lines: string[], actual: string[], { varies, sameBases }: Options = {}): string[] | null {
  const toGroup = (text: string) => `(${varies ? varyingPattern(text) : escapeRegExp(text)})`;
  const toPattern = (line: string) => (isGap(line) ? '(?:.*\n)*?' : `${line.split(REST).map(toGroup).join('.*?')}\n`);
  const pattern = new RegExp(`^${lines.map(toPattern).join('')}$`);
  const printed = pattern.exec(actual.map((line) => `${line}\n`).join(''))?.slice(1);
  if (!printed) return null;
  const texts = lines.filter((line) => !isGap(line)).flatMap((line) => line.split(REST));
  if (varies && sameBases && !texts.every((text, index) => sizesAgree(text, printed[index]))) return null;
  return lines.map((line) => (isGap(line) ? line : printed.splice(0, line.split(REST).length).join(REST)));
}

const isGap = (line: string) => line.trim() === REST;
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

const varyingPattern = (text: string) =>
  text.replace(TOKEN, (token) => VARYING.find((one) => one.test(token))?.source ?? escapeRegExp(token));

function sizesAgree(shown: string, printed = ''): boolean {
  const actual = sizesIn(printed);
  return sizesIn(shown).every((expected, index) => {
    const tolerance = Math.max(SIZE_FLOOR_BYTES, SIZE_TOLERANCE * expected);
    return Math.abs((actual[index] ?? 0) - expected) <= tolerance;
  });
}

const sizesIn = (line: string) =>
  [...line.matchAll(/(\d+(?:\.\d+)?) ?([kMG]?)B\b/g)].map(
    ([, number, unit = '']) => Number(number) * 1000 ** ' kMG'.indexOf(unit || ' '),
  );
