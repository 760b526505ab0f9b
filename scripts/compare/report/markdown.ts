import { markdownTable } from 'markdown-table';
import { bytes, markdownCode, markdownText, printableLines } from '../../lib/format.ts';
import { GROUPS, type Group } from '../model/groups.ts';
import type { Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { difference, OTHER_ZLIB, since, WITHIN_SPREAD } from './changes.ts';
import { contextHints, contextSection } from './context-table.ts';
import { rightAligned, type Section, sections } from './sections.ts';
import { header, imageLabel, RIGHT_ALIGNED, tableNotes, tableRow } from './size-table.ts';
import type { Extras } from './terminal.ts';

/** What an error says is in its last lines; more, in characters, would not fit where Markdown is shown. */
const MAX_ERROR = 2000;

/** The report for a pull request, an issue or a page: what changed and failed first, the rest folded. */
export function renderMarkdown(report: Report, { changes, check }: Omit<Extras, 'inside'> = {}): string {
  return [
    ...(changes ? [renderChanges(changes)] : []),
    ...(check ? [renderCheck(check)] : []),
    SIZES,
    sizeTable(report),
    ...report.images
      .filter(({ ok }) => !ok)
      .map((image) => `**FAILED ${markdownText(subjectName(image))}**\n\n${codeBlock(image.error ?? 'n/a')}`),
    ...contextHints(report).map(markdownText),
    ...sections(report).map(renderSection),
    ...contextSection(report).map((section) => folded(section.title, sectionTable(section))),
    folded('Where it is', whereItIs(report)),
    folded('Findings', findings(report)),
    folded('How it was measured', tableNotes(report).map(markdownText).join('\n')),
  ].join('\n\n');
}

const SIZES = '### Image sizes';

const sizeTable = (report: Report) =>
  table(
    header(report),
    report.images.map((image) => tableRow(report, image).map(markdownText)),
    RIGHT_ALIGNED,
  );

function renderSection(section: Section): string {
  const lines = section.notes.map((line) => markdownText(line.trim())).join('\n');
  return [`### ${section.title}`, sectionTable(section), folded('What this means', lines)].join('\n\n');
}

function sectionTable({ header: columns, rows, left }: Section): string {
  return table(
    columns,
    rows.map((row) => row.map(markdownText)),
    rightAligned(columns, left),
  );
}

function renderChanges(changes: NonNullable<Extras['changes']>): string {
  const changed = changes.images.filter(({ state }) => state === 'changed');
  const rest = (['unchanged', 'new', 'not in this run'] as const).flatMap((state) => {
    const names = changes.images.filter((image) => image.state === state).map(({ image }) => markdownText(image));
    return names.length === 0 ? [] : [`${state}: ${names.join(', ')}`];
  });
  const rows = changed.flatMap(({ image, figures, newFindings, mendedFindings }) =>
    [
      ...figures.map((figure) => [
        figure.name,
        figure.show(figure.before),
        figure.show(figure.after),
        difference(figure),
      ]),
      ...newFindings.map((text) => ['new finding', '', markdownText(text), '']),
      ...mendedFindings.map((text) => ['no more', markdownText(text), '', '']),
    ].map((cells, index) => [index === 0 ? markdownText(image) : '', ...cells]),
  );
  return [
    `### Changes since ${since(changes)}`,
    ...(changes.sameZlib ? [] : [OTHER_ZLIB]),
    ...(changes.timed ? [WITHIN_SPREAD] : []),
    rows.length === 0
      ? 'No image changed.'
      : table(['image', '', 'before', 'now', 'change'], rows, new Set(['before', 'now', 'change'])),
    ...rest,
    ...changes.images
      .filter(({ state }) => state === 'not comparable')
      .map(({ image, reason }) => `${markdownText(image)}: not compared, ${reason}`),
  ].join('\n\n');
}

function renderCheck(check: NonNullable<Extras['check']>): string {
  const failed = check.filter(({ status }) => status === 'FAIL');
  const rows = check.map(({ status, image, what, text }) => [status, ...[image, what, text].map(markdownText)]);
  const results = table(['', 'image', 'what', 'result'], rows, new Set());
  const title = failed.length === 0 ? '### Budgets: none failed' : `### Budgets: ${failed.length} failed`;
  const advice = [...new Set(failed.flatMap(({ advice: one }) => (one === null ? [] : [`- ${markdownText(one)}`])))];
  return failed.length === 0
    ? [title, folded('All of them', results)].join('\n\n')
    : [title, results, advice.join('\n')].join('\n\n');
}

function whereItIs({ images }: Report): string {
  const measured = images.filter(({ contents }) => contents !== null);
  const groups = (Object.keys(GROUPS) as Group[]).filter((group) =>
    measured.some(({ contents }) => (contents?.groups[group] ?? 0) > 0),
  );
  const columns = ['image', 'on disk', ...groups.map((group) => GROUPS[group]), 'of all, replaced or deleted later'];
  const rows = measured.map((image) => [
    markdownText(imageLabel(image)),
    bytes(image.size?.unpackedBytes ?? 0),
    ...groups.map((group) => bytes(image.contents?.groups[group] ?? 0)),
    bytes(image.contents?.wasteBytes ?? 0),
  ]);
  return rows.length === 0 ? 'n/a' : table(columns, rows, new Set(columns.slice(1)));
}

function findings({ images }: Report): string {
  const rows = images.flatMap((image) =>
    (image.findings ?? []).map(({ code, level, message, count, evidence }) => [
      markdownText(subjectName(image)),
      level,
      code,
      message,
      `${evidence[0] ? markdownCode(evidence[0].path) : ''}${count > 1 ? ` and ${count - 1} more` : ''}`,
    ]),
  );
  return rows.length === 0 ? 'None.' : table(['image', 'level', 'code', 'what', 'where'], rows, new Set());
}

function table(columns: string[], rows: string[][], right: Set<string>): string {
  return markdownTable([columns, ...rows], {
    align: columns.map((name) => (right.has(name) ? 'r' : 'l')),
    padding: true,
  });
}

/** Empty lines around Markdown inside of HTML: https://spec.commonmark.org/0.31.2/#html-blocks */
const folded = (title: string, content: string) => `<details><summary>${title}</summary>\n\n${content}\n\n</details>`;

function codeBlock(text: string, language = 'text'): string {
  const shown = printableLines(text.length > MAX_ERROR ? `…${text.slice(-MAX_ERROR)}` : text);
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${shown}\n${fence}`;
}
