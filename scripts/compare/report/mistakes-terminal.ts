import { levelColour, type Paint, printable } from '../../lib/format.ts';
import type { Report } from '../model/report-schema.ts';
import { type MistakeCosts, mistakeCosts, mistakeNotes, mistakeTitle } from './mistakes.ts';

/** How wide the names of figures are, in characters. */
const NAME_WIDTH = 14;

/** Each mistake: what it is, what it costs, and the lines that mend it. */
export function renderMistakes(report: Report, paint: Paint): string[] {
  return [
    ...mistakeCosts(report).map((one) => renderMistake(one, paint)),
    mistakeNotes(report)
      .map((line) => paint('dim', line))
      .join('\n'),
  ];
}

function renderMistake(one: MistakeCosts, paint: Paint): string {
  const { figures, findings, misses, noStart, problem } = one;
  const width = Math.max(0, ...figures.map((figure) => figure.difference.length));
  const line = (name: string, text: string) => `    ${name.padEnd(NAME_WIDTH)} ${text}`;
  return [
    paint('bold', mistakeTitle(one)),
    `  ${printable(one.what)}`,
    paint('bold', '  What it costs'),
    ...figures.map(({ name, difference, mistake, mended, worse }) =>
      line(name, `${paint(worse ? 'red' : 'green', difference.padEnd(width))}  ${mistake} instead of ${mended}`),
    ),
    ...findings.map(({ level, text }) => line('finding', `${paint(levelColour[level], level)} ${text}`)),
    ...misses.map((text) => line('behaviour', text)),
    ...(noStart === null ? [] : [line('start', `${paint('red', 'It does not start.')} ${noStart}`)]),
    ...(problem === null ? [] : [`    n/a, ${problem}`]),
    `${paint('bold', `  What mends it, in ${one.fix.file}`)}`,
    `  ${printable(one.instead)}`,
    ...one.fix.lines.map((text) => `    ${paintChange(printable(text), paint)}`),
  ].join('\n');
}

function paintChange(text: string, paint: Paint): string {
  if (text.startsWith('+')) return paint('green', text);
  return text.startsWith('-') ? paint('red', text) : text;
}
