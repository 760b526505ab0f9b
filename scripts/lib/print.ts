import { hasColour, printable } from './format.ts';

const ESCAPE = '\u001b';
/** An escape code that sets a colour: the only one that we print. */
const COLOUR = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);

/**
 * A text as it may be printed: control characters become visible escapes, except line breaks and, with `colour`, colours.
 * File names, builders and containers may contain any of them, and a terminal would obey.
 */
export function cleanOutput(text: string, colour: boolean): string {
  const cleanLine = (line: string) =>
    line.split(COLOUR).map((part, index) => (colour && index % 2 === 1 ? part : printable(part)));
  return text
    .split('\n')
    .map((line) => cleanLine(line).join(''))
    .join('\n');
}

/** Prints a result on standard output, with a line break at its end. */
export function print(text: string): void {
  process.stdout.write(`${cleanOutput(text, hasColour())}\n`);
}

/** Prints a message on standard error, with a line break at its end. */
export function printError(text: string): void {
  process.stderr.write(`${cleanOutput(text, false)}\n`);
}
