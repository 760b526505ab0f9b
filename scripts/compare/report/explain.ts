import { EXIT } from '../../lib/errors.ts';
import { hasColour, painter } from '../../lib/format.ts';
import { print } from '../../lib/print.ts';
import { CATALOG, CODES, type Code } from '../model/finding-catalog.ts';

export const LEVEL_COLOURS = { error: 'red', warning: 'yellow', info: 'dim' } as const;

export function renderExplanation(code: Code, colour: boolean): string {
  const paint = painter(colour);
  const { level, message, why, fix } = CATALOG[code];
  const title = `${paint('bold', code)} ${paint(LEVEL_COLOURS[level], `(${level})`)}`;
  return [title, message, '', paint('bold', 'Why it matters'), why, '', paint('bold', 'What to do'), fix].join('\n');
}

/** Prints what a finding means, or a line for each of all findings. Returns the exit code. */
export function explain(code: Code | true): number {
  const paint = painter(hasColour());
  const width = Math.max(...CODES.map(({ length }) => length));
  const lines = CODES.map((one) => {
    const { level, message } = CATALOG[one];
    return `${paint(LEVEL_COLOURS[level], level.padEnd(7))}  ${one.padEnd(width)}  ${message}`;
  });
  print(code === true ? lines.join('\n') : renderExplanation(code, hasColour()));
  return EXIT.ok;
}
