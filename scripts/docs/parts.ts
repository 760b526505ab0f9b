import { basename } from 'node:path';
import { markdownTable } from 'markdown-table';
import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { REFERENCE, subjectName } from '../compare/model/subject.ts';
import { behaviourSection } from '../compare/report/behaviour-table.ts';
import { FIGURES, type FigureKey, showSamples } from '../compare/report/figures.ts';
import { isOfProject, type Section } from '../compare/report/section.ts';
import { sizeSection } from '../compare/report/size-table.ts';
import { renderSection, renderSizes } from '../compare/report/terminal.ts';
import { timeSections } from '../compare/report/time-tables.ts';
import { markdownText, painter } from '../lib/format.ts';
import { costsOf, type Mistake } from './mistakes.ts';
import { onlyChapter, type Reports } from './reports.ts';

/** A generated part of a document by its name, such as `sizes 02`. @throws for an unknown name. */
export function partOf(reports: Reports, mistakes: Mistake[], name: string): string {
  const [kind = '', chapter = ''] = name.split(' ');
  const report = onlyChapter(reports.chapters, chapter);
  switch (kind) {
    case 'sizes':
      return chapter === '' ? fenced(renderSizes(reports.chapters, plain)) : sizeTable(report);
    case 'times':
      return renderSections(timeSections(report), /^$/);
    case 'behaviour':
      return renderSections(behaviourSection(report), /^(MISS|n\/a)/);
    case 'mistakes':
      return mistakeTable(mistakes, chapter, reports);
    case 'shapes':
      return shapeTable(reports.shapes);
    default:
      throw new Error(`There is no part "${name}".`);
  }
}

const plain = painter(false);
const fenced = (text: string) => `\`\`\`text\n${text}\n\`\`\``;

/** Without the spaces that would make all cells of a column as wide as the longest. */
const table = (alignment: string, rows: string[][]) =>
  markdownTable(rows, { align: [...alignment], alignDelimiters: false });

/** Sections as the terminal shows them, with some of their notes. */
const renderSections = (sections: Section[], shownNotes: RegExp) =>
  fenced(
    sections
      .map((one) => renderSection({ ...one, notes: one.notes.filter((note) => shownNotes.test(note)) }, plain))
      .join('\n\n'),
  );

/** The images of a chapter, for those who choose between its Dockerfiles. */
function sizeTable(report: Report): string {
  const { header, rows } = sizeSection(report);
  const shown = ['base image', 'unpacked', 'download', 'saved', 'layers', 'user'];
  const cells = rows.map((row) => [
    `\`Dockerfile.${row[1]}\``,
    ...shown.map((name) => row[header.indexOf(name)] ?? ''),
  ]);
  return table('llrrrrl', [['', ...shown], ...cells]);
}

function mistakeTable(mistakes: Mistake[], chapter: string, reports: Reports): string {
  const rows = mistakes
    .filter(({ directory }) => directory.startsWith(`${chapter}-`))
    .map((one) => [
      `[${markdownText(one.mistake)}](mistakes/${basename(one.directory)}/)`,
      costsOf(one, reports).map(markdownText).join('<br>'),
      markdownText(one.fixed),
    ]);
  return table('lll', [['the mistake', 'what it costs', 'instead'], ...rows]);
}

const SHAPE_SIZES = ['base image', 'unpacked', 'download'];
const SHAPE_FIGURES: FigureKey[] = ['nodeStartMs', 'buildColdMs', 'buildAfterEditMs', 'buildAfterDependencyMs'];

/** The public shapes and the chapters' Dockerfiles, which are bold, with what they miss. */
function shapeTable(report: Report): string {
  const { header, rows: sizes } = sizeSection(report);
  const rows = report.images
    .map((image, index) => ({ image, size: (name: string) => sizes[index]?.[header.indexOf(name)] ?? 'n/a' }))
    .filter(({ image }) => isOfProject(image) || image.variant !== REFERENCE)
    .map(({ image, size }) => [
      isOfProject(image) ? image.variant : `**${subjectName(image)}**`,
      ...SHAPE_SIZES.map(size),
      ...SHAPE_FIGURES.map((key) => (image.bench ? showSamples(key, image.bench[key]) : 'n/a')),
      misses(image),
    ]);
  const figures = SHAPE_FIGURES.map((key) => FIGURES[key].name);
  return table('llrrrrrrl', [['Dockerfile', ...SHAPE_SIZES, ...figures, 'misses'], ...rows]);
}

const MISSES: Record<string, string> = { healthy: 'no health check', 'pid-1': 'init as PID 1' };

function misses({ behaviour }: ImageReport): string {
  const missed = (behaviour ?? []).filter(({ ok, name }) => ok === false && name !== 'unhealthy');
  return missed.map(({ name }) => MISSES[name] ?? name).join(', ') || '—';
}
