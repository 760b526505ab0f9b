import { markdownTable } from 'markdown-table';
import { markdownBlock, markdownText } from '../../lib/format.ts';
import type { Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { behaviourSection } from './behaviour-table.ts';
import { changesSection } from './changes.ts';
import { budgetSection } from './check-budgets.ts';
import { contextHints, contextSection } from './context-table.ts';
import { diffSections } from './diff-table.ts';
import { findingSection, groupSection } from './inside.ts';
import { scanSection } from './scan-table.ts';
import { alignmentOf, type Section } from './section.ts';
import { sizeSection } from './size-table.ts';
import type { Extras } from './terminal.ts';
import { timeSections } from './time-tables.ts';

/** The first line of an error says where, its end holds the reason; more, in characters, would not fit in Markdown. */
const MAX_ERROR = 2000;
/** How many packages and files of a diff are shown: as many as fit, even with long names. */
const SHOWN_DIFFERENCES = 50;

/** The report for a pull request, an issue or a page: what changed and failed first, the rest folded. */
export const renderMarkdown = (report: Report, extras: Extras = {}) => markdownBlocks(report, extras).join('\n\n');

/** The same in parts, each of which is whole without the others. */
export function markdownBlocks(report: Report, { changes, check }: Extras = {}): string[] {
  const sizes = sizeSection(report);
  const [difference, ...differences] = diffSections(report, SHOWN_DIFFERENCES);
  const folded = [...differences, ...contextSection(report), groupSection(report), findingSection(report)];
  return [
    ...(changes ? renderSection(changesSection(changes)) : []),
    ...(check ? renderBudgets(budgetSection(check)) : []),
    ...renderSection(sizes, ''),
    ...report.images.filter(({ ok }) => !ok).map(renderFailure),
    ...(difference ? renderSection(difference) : []),
    ...contextHints(report).map(markdownText),
    ...[...timeSections(report), ...behaviourSection(report)].flatMap((one) =>
      renderSection(one, fold('What this means', renderNotes(one))),
    ),
    // Unfolded: counts without the scanner's database and what it does not see say little.
    ...scanSection(report).flatMap((one) => renderSection(one)),
    ...folded.map((one) => fold(one.title, [renderTable(one), renderNotes(one)].join('\n\n').trim())),
    fold('How it was measured', renderNotes(sizes)),
  ];
}

function renderFailure({ error, ...image }: Report['images'][number]): string {
  const [first = '', ...lines] = (error ?? 'n/a').split('\n');
  const rest = lines.join('\n');
  const end = rest.length > MAX_ERROR ? `…${rest.slice(-MAX_ERROR)}` : rest;
  const text = [first.slice(0, MAX_ERROR), end].filter(Boolean).join('\n');
  return `**FAILED ${markdownText(subjectName(image))}**\n\n${markdownBlock(text)}`;
}

const renderSection = (section: Section, notes = renderNotes(section)) =>
  [`### ${markdownText(section.title)}`, renderTable(section), notes].filter((text) => text !== '');

/** Where no budget failed, the results are folded. */
const renderBudgets = (section: Section) =>
  section.rows.some(([status]) => status === 'FAIL')
    ? renderSection(section)
    : renderSection({ ...section, rows: [] }, fold('All of them', renderTable(section)));

const renderNotes = ({ notes }: Section) => notes.map((note) => `- ${markdownText(note.trim())}`).join('\n');

function renderTable(section: Section): string {
  const { header, rows } = section;
  // Markdown has no tables without a header: that of a list is empty.
  const head = header.length > 0 ? header : (rows[0] ?? []).map(() => '');
  const align = head.map((_name, column) => alignmentOf(section, column));
  const cells = [head, ...rows].map((row) => row.map(markdownText));
  return rows.length === 0 ? '' : markdownTable(cells, { align });
}

/** Empty lines around Markdown inside of HTML: https://spec.commonmark.org/0.31.2/#html-blocks */
const fold = (title: string, content: string) =>
  `<details><summary>${title}</summary>\n\n${content || 'None.'}\n\n</details>`;
