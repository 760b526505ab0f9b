import { getBorderCharacters, table } from 'table';
import { type Paint, painter, printable, printableLines } from '../../lib/format.ts';
import type { Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { behaviourSection } from './behaviour-table.ts';
import { type Changes, changesSection } from './changes.ts';
import type { CheckResult } from './check-budgets.ts';
import { contextHints, contextSection } from './context-table.ts';
import { diffSections } from './diff-table.ts';
import { LEVEL_COLOURS } from './explain.ts';
import { insideSections } from './inside.ts';
import { scanSection } from './scan-table.ts';
import { alignmentOf, LARGER, type Section } from './section.ts';
import { sizeSection } from './size-table.ts';
import { timeSections } from './time-tables.ts';

/** How many packages and files of a diff are shown. */
const SHOWN_DIFFERENCES = 20;

/** What may be shown in addition to the report. */
export interface Extras {
  inside?: boolean;
  changes?: Changes;
  check?: CheckResult[];
  /** The version of this tool. */
  version?: string;
  /** The directory where compare runs, relative to the repository. The report's Dockerfiles are relative to it. */
  below?: string;
}

/** The report as a person reads it. `colour` adds escape codes. */
export function renderTerminal(report: Report, colour: boolean, { inside, changes, check }: Extras = {}): string {
  const paint = painter(colour);
  const renderAll = (all: Section[]) => all.map((section) => renderSection(section, paint));
  const measured = [...timeSections(report), ...behaviourSection(report), ...scanSection(report)];
  const sections = [...measured, ...(inside ? contextSection(report) : [])];
  return [
    renderSizes(report, paint),
    [...renderNotes(sizeSection(report), paint), ...contextHints(report).map(printable)].join('\n'),
    ...renderAll(diffSections(report, SHOWN_DIFFERENCES)),
    ...renderAll(sections),
    // Everything below the title of the first list is indented.
    ...(inside ? insideSections(report) : []).map((lists) => renderAll(lists).join('\n').replaceAll('\n', '\n  ')),
    ...renderAll(changes ? [changesSection(changes)] : []),
    ...(check ? [renderCheck(check, paint)] : []),
    ...failures(report),
  ].join('\n\n');
}

/** The table of sizes without its title and notes. */
export const renderSizes = (report: Report, paint: Paint) => renderTable(sizeSection(report), paint);

export function renderSection(section: Section, paint: Paint): string {
  return [
    paint('bold', printable(section.title)),
    ...(section.rows.length === 0 ? [] : [renderTable(section, paint)]),
    ...renderNotes(section, paint),
  ].join('\n');
}

const renderNotes = ({ notes }: Section, paint: Paint) =>
  notes.map((note) => paint(colourOf(note) ?? 'dim', printable(note)));

function renderTable(section: Section, paint: Paint): string {
  const { header, rows } = section;
  const cells = rows.map((row, index) =>
    row.map((cell, column) => {
      // A chapter or image that has several rows is named once.
      if (header.length > 0 && column === 0 && rows[index - 1]?.[0] === cell) return '';
      const colour = colourOf(cell);
      return colour ? paint(colour, printable(cell)) : printable(cell);
    }),
  );
  const lines = header.length === 0 ? cells : [header.map((name) => paint('bold', name)), ...cells];
  return table(lines, {
    border: { ...getBorderCharacters('void'), bodyJoin: ' ', joinBody: '─', joinJoin: '─' },
    columns: lines[0]?.map((_cell, column) => ({
      alignment: alignmentOf(section, column) === 'l' ? 'left' : 'right',
      paddingLeft: Math.min(column, 1),
      paddingRight: 0,
    })),
    drawHorizontalLine: (index) => index === 1 && header.length > 0,
  })
    .replace(/ +$/gm, '')
    .trimEnd();
}

const STATUS_COLOURS = { PASS: 'green', FAIL: 'red', SKIP: 'yellow' } as const;
const WORD_COLOURS = new Map(Object.entries({ ...LEVEL_COLOURS, FAILED: 'red', MISS: 'red' } as const));

/** What is worse is red and what is better is green, in cells and notes. */
function colourOf(text: string) {
  if (/^(MISS:|new finding:|\+\d)/.test(text) || text.endsWith(` % ${LARGER}`)) return 'red';
  return /^(fixed:|−\d)/.test(text) ? 'green' : WORD_COLOURS.get(text);
}

/** What `--check` found, a line for each limit or only for those that failed, and how many there are of each. */
export function renderCheck(results: CheckResult[], paint: Paint, onlyFailed = false): string {
  const count = (expected: CheckResult['status']) => results.filter(({ status }) => status === expected).length;
  const shown = results.filter(({ status }) => !onlyFailed || status === 'FAIL');
  const lines = shown.flatMap(({ status, image, what, text, advice }) => [
    `${paint(STATUS_COLOURS[status], status)}  ${printable(`${image}, ${what}: ${text}`)}`,
    ...(advice ? [`      ${printable(advice)}`] : []),
  ]);
  return [...lines, `Budgets: ${count('PASS')} passed, ${count('FAIL')} failed, ${count('SKIP')} skipped.`].join('\n');
}

/** What failed, and why. The builder or the container may have printed anything. */
export function failures({ images }: Report): string[] {
  return images
    .filter(({ ok }) => !ok)
    .map((image) => printableLines(`FAILED ${subjectName(image)}\n${image.error ?? 'n/a'}`));
}
