import { styleText } from 'node:util';
import prettyBytes from 'pretty-bytes';
import { hide } from './hide.ts';

/** Adds escape codes to a text, or nothing where there is no colour. */
export const painter = (colour: boolean) => (format: Parameters<typeof styleText>[0], text: string) =>
  colour ? styleText(format, text, { validateStream: false }) : text;

export type Paint = ReturnType<typeof painter>;

/** Whether standard output shows colour: on a terminal, unless NO_COLOR is set (https://no-color.org). */
export const hasColour = () => process.stdout.isTTY && !process.env.NO_COLOR;

/** Three digits and decimal units, as Docker prints sizes. */
export const bytes = (count: number) => prettyBytes(count);

/** Milliseconds, or seconds with three digits. */
export const duration = (milliseconds: number) => unitOf('time', milliseconds).show(milliseconds);

const UNITS = { time: { ms: 1, s: 1000 }, bytes: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 } };

/** The unit that shows a value with three digits. The smallest unit has no digits after the point. */
function unitOf(kind: keyof typeof UNITS, value: number) {
  const units = Object.entries(UNITS[kind]);
  const [name, divisor] = units.findLast(([, one]) => value >= 0.9995 * one) ?? units[0] ?? ['', 1];
  const digits = divisor === 1 ? 0 : [9.995, 99.95].filter((limit) => value / divisor < limit).length;
  const show = (one: number) => (one / divisor).toFixed(digits);
  return { show: (one: number) => `${show(one)} ${name}`, showNumber: show };
}

/** A median with the lowest and the highest value, all in the median's unit: `410 ms (374–447)`. */
export function withRange(kind: keyof typeof UNITS, median: number, lowest: number, highest: number): string {
  const { show, showNumber } = unitOf(kind, median);
  return `${show(median)} (${showNumber(lowest)}–${showNumber(highest)})`;
}

/** A ratio in percent, with at most so many digits after the point. */
export const percent = (ratio: number, digits = 0) => `${Number((ratio * 100).toFixed(digits))} %`;

/** Several sizes as texts, in exact bytes where rounding would make two different ones look the same. */
export function distinctBytes(...counts: number[]): string[] {
  const texts = counts.map(bytes);
  const areDistinct = new Set(texts).size === new Set(counts).size;
  return areDistinct ? texts : counts.map((count) => `${count.toLocaleString('en')} B`);
}

/** A text on one line. Control characters and those that reorder text, which a terminal would obey, become escapes. */
export const printable = (text: string) =>
  text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) =>
    character === '\n' || character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A text of several lines, each as {@link printable} makes it. */
export const printableLines = (text: string) => text.split('\n').map(printable).join('\n');

/** The beginning of a text that is too long for a line. Values are hidden first: half of one would not be recognized. */
export function shorten(text: string, length: number): string {
  const line = printable(hide(text)).replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/**
 * A text as Markdown that shows it as it is and cannot mention, link or begin HTML. GitHub looks for mentions, issues and
 * addresses after it has removed backslashes: an invisible space between their characters prevents that. It also
 * shows what is between two dollar signs as a formula, unless one of them is an element of its own:
 * https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/writing-mathematical-expressions
 */
export const markdownText = (text: string) =>
  printable(text)
    .replace(/[\\`*_{}[\]<>|#@~&]/g, '\\$&')
    .replace(/@|#(?=\d)|\bGH-(?=\d)|:(?=\/\/)|\bwww(?=\.)/gi, '$&&#8203;')
    .replace(/\$(?=.*\$)/g, '<span>$$</span>');

/** A text of several lines as a code block. Its fence is longer than any run of backticks inside. */
export function markdownBlock(text: string): string {
  const backticks = text.match(/`+/g) ?? [];
  // https://spec.commonmark.org/0.31.2/#fenced-code-blocks
  const fence = '`'.repeat(Math.max(3, ...backticks.map(({ length }) => length + 1)));
  return [`${fence}text`, printableLines(text), fence].join('\n');
}
