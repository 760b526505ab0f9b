import { table } from 'table';
import { type Paint, painter, printable, printableLines } from '../../lib/format.ts';
import type { Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { type Changes, difference, type ImageChanges, OTHER_ZLIB, since, WITHIN_SPREAD } from './changes.ts';
import type { CheckResult } from './check-budgets.ts';
import { contextHints, contextSection } from './context-table.ts';
import { renderInside } from './inside.ts';
import { rightAligned, type Section, sections } from './sections.ts';
import { header, RIGHT_ALIGNED, tableNotes, tableRow } from './size-table.ts';

/** What may be shown beside the table. */
export interface Extras {
  inside?: boolean;
  changes?: Changes;
  check?: CheckResult[];
}

/** The report as a person reads it. `colour` adds escape codes. */
export function renderTerminal(report: Report, colour: boolean, extras: Extras = {}): string {
  const paint = painter(colour);
  return [
    ...renderImages(report, paint),
    ...(extras.inside ? contextSection(report).map((section) => renderSection(section, paint)) : []),
    ...(extras.inside ? renderInside(report, paint) : []),
    ...(extras.changes ? [renderChanges(extras.changes, paint)] : []),
    ...(extras.check ? [renderCheck(extras.check, paint)] : []),
    ...failures(report),
  ].join('\n\n');
}

function renderImages(report: Report, paint: Paint): string[] {
  return [
    renderSizes(report, paint),
    [...tableNotes(report).map((line) => paint('dim', line)), ...contextHints(report)].join('\n'),
    ...sections(report).map((section) => renderSection(section, paint)),
  ];
}

export function renderSizes(report: Report, paint: Paint): string {
  const rows = report.images.map((image) =>
    image.ok ? tableRow(report, image) : tableRow(report, image).map((cell) => paint('red', cell)),
  );
  const chapters = report.images.map(({ chapter }) => chapter);
  return renderTable(header(report), onceEach(chapters, rows), RIGHT_ALIGNED, paint);
}

export function renderSection({ title, header: columns, rows, notes, left = [] }: Section, paint: Paint): string {
  const coloured = rows.map((row) => row.map((cell) => (cell === 'MISS' ? paint('red', cell) : cell)));
  const chapters = rows.map(([chapter = '']) => chapter);
  return [
    paint('bold', title),
    renderTable(columns, onceEach(chapters, coloured), rightAligned(columns, left), paint),
    ...notes.map((line) => paint(line.startsWith('MISS') ? 'red' : 'dim', line)),
  ].join('\n');
}

/** The rows with each chapter named once, on its first row. */
function onceEach(chapters: string[], rows: string[][]): string[][] {
  return rows.map((row, index) => (chapters[index - 1] === chapters[index] ? ['', ...row.slice(1)] : row));
}

function renderTable(columns: string[], rows: string[][], right: Set<string>, paint: Paint): string {
  const lines = table([columns.map((cell) => paint('bold', cell)), ...rows], {
    border: {
      ...Object.fromEntries(['topBody', 'topJoin', 'topLeft', 'topRight'].map((key) => [key, ''])),
      ...Object.fromEntries(['bottomBody', 'bottomJoin', 'bottomLeft', 'bottomRight'].map((key) => [key, ''])),
      ...Object.fromEntries(['bodyLeft', 'bodyRight', 'joinLeft', 'joinRight'].map((key) => [key, ''])),
      bodyJoin: ' ',
      joinBody: '─',
      joinJoin: '─',
    },
    columns: columns.map((name, index) => ({
      alignment: right.has(name) ? 'right' : 'left',
      paddingLeft: index === 0 ? 0 : 1,
      paddingRight: 0,
    })),
    drawHorizontalLine: (index) => index === 1,
  });
  return lines
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
}

/** The changes as a person reads them. */
function renderChanges(changes: Changes, paint: Paint): string {
  const named = (state: ImageChanges['state']) => changes.images.filter((image) => image.state === state);
  const list = (state: ImageChanges['state']) =>
    named(state).length === 0
      ? []
      : [
          `  ${state}: ${named(state)
            .map(({ image }) => printable(image))
            .join(', ')}`,
        ];
  return [
    paint('bold', `Since ${since(changes)}`),
    ...(changes.sameZlib ? [] : [`  ${OTHER_ZLIB}`]),
    ...(changes.timed ? [`  ${WITHIN_SPREAD}`] : []),
    ...named('changed').flatMap(({ image, figures, newFindings, mendedFindings }) => [
      `  ${printable(image)}`,
      ...figures.map((figure) => {
        const text = `${figure.show(figure.before)} → ${figure.show(figure.after)}  ${difference(figure)}`;
        return `    ${figure.name.padEnd(27)} ${paint(figure.after > figure.before ? 'red' : 'green', text)}`;
      }),
      ...newFindings.map((text) => `    ${paint('red', `new finding: ${printable(text)}`)}`),
      ...mendedFindings.map((text) => `    ${paint('green', `no more: ${printable(text)}`)}`),
    ]),
    ...list('unchanged'),
    ...list('new'),
    ...list('not in this run'),
    ...named('not comparable').map(({ image, reason }) => `  ${printable(image)}: not compared, ${reason}`),
  ].join('\n');
}

const STATUS_COLOUR = { PASS: 'green', FAIL: 'red', SKIP: 'yellow' } as const;

/** What `--check` found, a line for each limit or only for those that failed, and how many there are of each. */
export function renderCheck(results: CheckResult[], paint: Paint, onlyFailed = false): string {
  const count = (status: CheckResult['status']) => results.filter((result) => result.status === status).length;
  const shown = results.filter(({ status }) => !onlyFailed || status === 'FAIL');
  const lines = shown.flatMap(({ status, image, what, text, advice }) => [
    `${paint(STATUS_COLOUR[status], status)}  ${printable(image)}, ${what}: ${printable(text)}`,
    ...(advice === null ? [] : [`      ${printable(advice)}`]),
  ]);
  return [...lines, `Budgets: ${count('PASS')} passed, ${count('FAIL')} failed, ${count('SKIP')} skipped.`].join('\n');
}

/** What failed, and why: container and builder may have printed anything. */
export function failures({ images }: Report): string[] {
  return images
    .filter(({ ok }) => !ok)
    .map(
      (image) => `FAILED ${printable(subjectName(image))}
${printableLines(image.error ?? 'n/a')}`,
    );
}
