import { styleText } from 'node:util';
import prettyBytes from 'pretty-bytes';

/** Adds escape codes to a text, or on a plain stream nothing. */
export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

export const painter =
  (colour: boolean): Paint =>
  (format, text) =>
    colour ? styleText(format, text, { validateStream: false }) : text;

/** Three digits and decimal units, as Docker prints sizes. */
export const bytes = (count: number) => prettyBytes(count);

/** Milliseconds, or seconds with three digits. */
export const duration = (milliseconds: number) => inUnit(milliseconds, timeUnit(milliseconds), true);

/** A number of one unit: what to divide by, how the unit is called, and how many digits there are after the point. */
interface Unit {
  divisor: number;
  name: string;
  digits: number;
}

function timeUnit(milliseconds: number): Unit {
  if (milliseconds < 999.5) return { divisor: 1, name: 'ms', digits: 0 };
  return { divisor: 1000, name: 's', digits: milliseconds < 9995 ? 2 : milliseconds < 99_950 ? 1 : 0 };
}

function byteUnit(count: number): Unit {
  const power = Math.max(0, Math.min(4, Math.floor(Math.log10(Math.max(1, count)) / 3)));
  const divisor = 1000 ** power;
  return { divisor, name: ['B', 'kB', 'MB', 'GB', 'TB'][power] ?? 'B', digits: count / divisor < 99.95 ? 1 : 0 };
}

const inUnit = (value: number, { divisor, name, digits }: Unit, named: boolean) =>
  `${(value / divisor).toFixed(digits)}${named ? ` ${name}` : ''}`;

/** A median with the least and the most, all in the median's unit: `410 ms (374–447)`. */
export function withRange(kind: 'time' | 'bytes', median: number, least: number, most: number): string {
  const unit = kind === 'time' ? timeUnit(median) : byteUnit(median);
  return `${inUnit(median, unit, true)} (${inUnit(least, unit, false)}–${inUnit(most, unit, false)})`;
}

/** A part of a whole in percent. */
export const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;

/** Several sizes as texts, in exact bytes where rounding would make two different ones look the same. */
export function distinctBytes(...counts: number[]): string[] {
  const texts = counts.map(bytes);
  return new Set(texts).size === new Set(counts).size
    ? texts
    : counts.map((count) => `${count.toLocaleString('en')} B`);
}

/** A text from an image, which may hold anything, without what a terminal would take for commands. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) =>
    character === '\n' || character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same for a text of several lines. */
export const printableLines = (text: string) => text.split('\n').map(printable).join('\n');

/** The beginning of a text that is too long for a line. */
export function shorten(text: string, length: number): string {
  const line = printable(text).replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/** A text as Markdown that shows it as it is, also in a table. */
export function markdownCode(text: string): string {
  const line = printable(text).replaceAll('|', '\\|');
  // A fence must be longer than any run of backticks inside: https://spec.commonmark.org/0.31.2/#code-spans
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** A text as Markdown that shows it as it is and cannot mention, link or begin HTML. */
export const markdownText = (text: string) => printable(text).replace(/[\\`*_{}[\]<>|#@~]/g, '\\$&');

export const levelColour = { error: 'red', warning: 'yellow', info: 'dim' } as const;
