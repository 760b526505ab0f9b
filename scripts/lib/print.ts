import { hasColour, printable } from './format.ts';

const ESCAPE = '\u001b';
/** An escape code that sets a colour: the only one that we print. */
const COLOUR = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);

/**
 * How a workflow command begins for the runner of GitHub Actions: with `::` after spaces, or with `##[` anywhere in a line.
 * Characters without a width between them do not count, because the runner compares texts as .NET does.
 */
const COMMAND = /^[\s\p{C}\p{M}]*:(?=[\p{C}\p{M}]*:)|#(?=[\p{C}\p{M}]*#[\p{C}\p{M}]*\[)/gu;

/**
 * A line that the runner of GitHub Actions does not take for a command: the first character of `::` and `##[` becomes an
 * escape, which means the same in the strings of JSON. File names, builders and containers may contain commands.
 */
export function withoutCommands(line: string): string {
  if (process.env.GITHUB_ACTIONS !== 'true') return line;
  return line.replace(
    COMMAND,
    (begin) => `${begin.slice(0, -1)}\\u00${begin.charCodeAt(begin.length - 1).toString(16)}`,
  );
}

/**
 * A text as it may be printed: control characters become visible escapes, except line breaks and, with `colour`, colours.
 * File names, builders and containers may contain any of them, and a terminal would obey. So would a runner of GitHub
 * Actions: see {@link withoutCommands}.
 */
export function cleanOutput(text: string, colour: boolean): string {
  const cleanLine = (line: string) =>
    line.split(COLOUR).map((part, index) => (colour && index % 2 === 1 ? part : printable(part)));
  return text
    .split('\n')
    .map((line) => withoutCommands(cleanLine(line).join('')))
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

/** Prints workflow commands, a line each: for the runner of GitHub Actions, which reads both streams. */
export function printCommands(lines: string[], stream: NodeJS.WriteStream): void {
  if (lines.length > 0) stream.write(`${lines.join('\n')}\n`);
}

/** Ends the program when standard error has taken what was printed. */
export const exitWhenPrinted = () => void process.stderr.write('', () => process.exit());
