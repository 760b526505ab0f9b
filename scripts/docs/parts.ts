import { basename } from 'node:path';
import { markdownTable } from 'markdown-table';
import { BEHAVIOURS, type Behaviour } from '../compare/model/behaviours.ts';
import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { REFERENCE, subjectName } from '../compare/model/subject.ts';
import { FIGURES } from '../compare/report/figures.ts';
import { isOfProject } from '../compare/report/section.ts';
import { sizeSection } from '../compare/report/size-table.ts';
import { markdownText } from '../lib/format.ts';
import type { EngineTrial } from './engine-trials.ts';
import { costsOf, type Mistake } from './mistakes.ts';
import { onlyChapter, type Reports } from './reports.ts';

/** What the generated parts are made of. */
interface Sources {
  reports: Reports;
  mistakes: Mistake[];
  trials: EngineTrial[];
}

/** A generated part of a document by its name, such as `sizes 02`. @throws for an unknown name. */
export function partOf({ reports, mistakes, trials }: Sources, name: string): string {
  const [kind = '', chapter = ''] = name.split(' ');
  const images = () => withoutStandIns(onlyChapter(reports.chapters, chapter));
  switch (kind) {
    case 'sizes':
      return sizeTable(images());
    case 'mistakes':
      return mistakeTable(mistakes, chapter, reports);
    case 'shapes':
      return shapeTable(withoutStandIns(reports.shapes));
    case 'engines':
      return engineTable(trials);
    default:
      throw new Error(`There is no part "${name}".`);
  }
}

/** A page says once that its numbers were measured on stand-ins, not in each cell. */
const withoutStandIns = (report: Report): Report => ({
  ...report,
  images: report.images.map((image) => ({ ...image, standIn: false })),
});

/** Without the spaces that would make all cells of a column as wide as the longest. */
const table = (alignment: string, rows: string[][]) =>
  markdownTable(rows, { align: [...alignment], alignDelimiters: false });

/** The cells of some columns of the table of sizes, a row for each image. */
function sizeCells(report: Report, columns: string[]): string[][] {
  const { header, rows } = sizeSection(report);
  return rows.map((row) => columns.map((name) => row[header.indexOf(name)] ?? ''));
}

/** The images of a chapter, for those who choose between its Dockerfiles. */
function sizeTable(report: Report): string {
  const columns = ['base image', 'unpacked', 'download', 'saved', 'layers', 'user'];
  const names = report.images.map(({ variant }) => `\`Dockerfile.${variant}\``);
  const rows = sizeCells(report, columns).map((cells, index) => [names[index] ?? '', ...cells]);
  return table('llrrrrl', [['', ...columns], ...rows]);
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

/** The chapters that the public shapes are compared with: on Alpine and on distroless. */
const COUNTERPARTS = ['02-multi-stage', '03-distroless'];

/** The public shapes and the chapters' Dockerfiles, which are bold, with what they miss. Its links begin in `docs`. */
function shapeTable(report: Report): string {
  const isCounterpart = ({ chapter, variant }: ImageReport) => COUNTERPARTS.includes(chapter) && variant !== REFERENCE;
  const images = report.images.filter((image) => isOfProject(image) || isCounterpart(image));
  const columns = ['unpacked', 'download'];
  const sizes = sizeCells({ ...report, images }, columns);
  const rows = images.map((image, index) => [
    isOfProject(image) ? `[${image.variant}](../scripts/${image.dockerfile})` : `**${subjectName(image)}**`,
    ...(sizes[index] ?? []),
    misses(image),
  ]);
  return table('lrrl', [['Dockerfile', ...columns, 'failed checks'], ...rows]);
}

const MISSES: Record<string, string> = { healthy: 'no health check', 'pid-1': 'init as PID 1' };

function misses({ behaviour }: ImageReport): string {
  const missed = (behaviour ?? []).filter(({ ok, name }) => ok === false && name !== 'unhealthy');
  return missed.map(({ name }) => MISSES[name] ?? name).join(', ') || '—';
}

/** The engines that compare was tried on: those that lack the same are one row. All of the tests passed: a test holds that. */
function engineTable(trials: EngineTrial[]): string {
  const rows = new Map<string, string[]>();
  for (const { engine, version, imageStore, rootless, unavailable } of trials) {
    const name = `${engine === 'docker' ? 'Docker' : 'Podman'}${rootless ? ', rootless' : ''}`;
    const missing = [...new Set(unavailable.map(({ figure }) => gapName(figure)))].sort().join(', ') || '—';
    const row = [name, missing].join();
    const tried = [`${version.replace(/[+~].*/, '')} ${imageStore}`];
    rows.set(row, [name, [...(rows.get(row)?.slice(1, 2) ?? []), ...tried].join(', '), missing]);
  }
  return table('lll', [['engine', 'versions and image stores', 'n/a'], ...rows.values()]);
}

/** What is n/a, as the tables of compare call it. */
function gapName(figure: string): string {
  if (figure in FIGURES) return FIGURES[figure as keyof typeof FIGURES].name;
  return figure in BEHAVIOURS ? `${BEHAVIOURS[figure as Behaviour].head} check` : figure;
}
