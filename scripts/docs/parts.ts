import { markdownTable } from 'markdown-table';
import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { FIGURES, type FigureKey, showSamples } from '../compare/report/figures.ts';
import { sections } from '../compare/report/sections.ts';
import { tableRow } from '../compare/report/size-table.ts';
import { renderSection, renderSizes } from '../compare/report/terminal.ts';
import { bytes, markdownCode, markdownText, painter } from '../lib/format.ts';
import { onlyChapter, type Reports } from './reports.ts';

// The parts of the documents that are made as a whole, by name.

/** @throws when there is no part of this name. */
export function partOf(reports: Reports, name: string): string {
  const [kind = '', chapter = ''] = name.split(' ');
  const ofChapter = onlyChapter(reports.chapters, chapter);
  switch (kind) {
    case 'sizes':
      return chapter === '' ? fenced(renderSizes(reports.chapters, plain)) : sizes(ofChapter);
    case 'times':
      return fenced(section(ofChapter, (title) => !title.startsWith('Behaviour'), false));
    case 'behaviour':
      return fenced(section(ofChapter, (title) => title.startsWith('Behaviour'), true));
    case 'mistakes':
      return '';
    case 'shapes':
      return shapes(reports.shapes);
    default:
      throw new Error(`There is no part "${name}".`);
  }
}

const plain = painter(false);

/** Without the spaces that would make long cells as wide as the longest. */
const table = (rows: string[][], align: string[] = []) => markdownTable(rows, { align, alignDelimiters: false });

const fenced = (text: string) => `\`\`\`text\n${text}\n\`\`\``;

function section(report: Report, wanted: (title: string) => boolean, withMisses: boolean): string {
  return sections(report)
    .filter(({ title }) => wanted(title))
    .map((one) => ({ ...one, notes: withMisses ? one.notes.filter((note) => /^(MISS|n\/a)/.test(note)) : [] }))
    .map((one) => renderSection(one, plain))
    .join('\n\n');
}

/** The images of a chapter, for those who choose between its Dockerfiles. */
function sizes(report: Report): string {
  const rows = report.images.map((image) => {
    const [, variant = '', base = '', onDisk = '', pull = '', saved = '', layers = '', , user = ''] = tableRow(
      report,
      image,
    );
    return [`\`Dockerfile.${variant}\``, base, onDisk, pull, saved, layers, user];
  });
  const columns = ['', 'base image', 'on disk', 'pull', 'saved', 'layers', 'user'];
  return table([columns, ...rows], ['l', 'l', 'r', 'r', 'r', 'r', 'l']);
}

const SHAPE_FIGURES: FigureKey[] = ['nodeStartMs', 'buildColdMs', 'buildAfterEditMs', 'buildAfterDependencyMs'];

/** The public shapes and our own, which are bold, with what they miss. */
function shapes({ images }: Report): string {
  const isOurs = ({ variant }: ImageReport) => /^\d\d-/.test(variant);
  const rows = images.map((image) => [
    isOurs(image) ? `**${image.variant}**` : image.variant,
    image.base?.split('/').at(-1) ?? 'n/a',
    bytes(image.size?.unpackedBytes ?? 0),
    bytes(image.size?.pullBytes ?? 0),
    ...SHAPE_FIGURES.map((key) => (image.bench ? showSamples(key, image.bench[key]) : 'n/a')),
    misses(image),
  ]);
  const columns = [
    'Dockerfile',
    'base image',
    'on disk',
    'pull',
    ...SHAPE_FIGURES.map((key) => FIGURES[key].name),
    'misses',
  ];
  return table([columns, ...rows], ['l', 'l', 'r', 'r', 'r', 'r', 'r', 'r', 'l']);
}

const MISSES: Record<string, string> = {
  healthy: 'no health check',
  'process-1': 'init as process 1',
  'memory-limit': 'heap',
};

function misses({ behaviour }: ImageReport): string {
  const missed = (behaviour ?? []).filter(({ ok, name }) => ok === false && name !== 'unhealthy');
  return missed.map(({ name }) => MISSES[name] ?? name).join(', ') || '—';
}
