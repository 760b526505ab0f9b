import { EXIT } from '../../lib/errors.ts';
import { levelColour, painter } from '../../lib/format.ts';
import { CATALOG, CODES, type Code, type Explanation } from '../model/finding-catalog.ts';

/** What a finding means and how to mend it, as a person reads it. */
export function renderExplanation(code: Code, colour: boolean): string {
  const paint = painter(colour);
  const { level, message, why, fix }: Explanation = CATALOG[code];
  return [
    `${paint('bold', code)} ${paint(levelColour[level], `(${level})`)}`,
    message,
    '',
    paint('bold', 'Why it matters'),
    why,
    '',
    paint('bold', 'What to do'),
    fix,
  ].join('\n');
}

/** All findings that there are, a line each. */
export function renderFindingList(colour: boolean): string {
  const paint = painter(colour);
  const width = Math.max(...CODES.map((code) => code.length));
  return CODES.map((code) => {
    const { level, message }: Explanation = CATALOG[code];
    return `${paint(levelColour[level], level.padEnd(7))}  ${code.padEnd(width)}  ${message}`;
  }).join('\n');
}

/** Prints what a finding means, or the list of all findings. Returns the exit code. */
export function explain(code: Code | true): number {
  const colour = process.stdout.isTTY && !process.env.NO_COLOR;
  process.stdout.write(`${code === true ? renderFindingList(colour) : renderExplanation(code, colour)}\n`);
  return EXIT.ok;
}
