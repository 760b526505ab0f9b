import { bytes, percent, printable } from '../../lib/format.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';

/** Whether an image is of anybody's project, not of a chapter of the course or one that was there already. */
export const isOfProject = ({ chapter, dockerfile }: ImageReport) => dockerfile !== null && !/^\d\d-/.test(chapter);

/** What the first column of all tables is. */
export const firstColumn = ({ images }: Report) => (images.some(isOfProject) ? 'project' : 'chapter');

/** The table of sizes: its columns, for the terminal and for Markdown. */
export const header = (report: Report) => [
  firstColumn(report),
  'variant',
  'base image',
  'on disk',
  'pull',
  'saved',
  'layers',
  'first answer',
  'user',
];
export const RIGHT_ALIGNED = new Set(['on disk', 'pull', 'saved', 'layers', 'first answer']);

/** How an image is called beside its figures: a figure measured on a stand-in says so wherever it is printed. */
export const imageLabel = (image: ImageReport) => `${subjectName(image)}${image.standIn ? ' (stand-in)' : ''}`;

/** The first cells of an image's row in the other tables. */
export const nameCells = (image: ImageReport) => [
  printable(image.chapter),
  `${printable(image.variant)}${image.standIn ? ' (stand-in)' : ''}`,
];

/** The cells of an image's row. */
export function tableRow(report: Report, image: ImageReport): string[] {
  const { size, run, config, error } = image;
  const comparison = report.comparisons.find(
    ({ chapter, variant }) => chapter === image.chapter && variant === image.variant,
  );
  return [
    printable(image.chapter),
    printable(image.variant),
    baseCell(image),
    size ? bytes(size.unpackedBytes) : 'n/a',
    size ? bytes(size.pullBytes) : 'n/a',
    comparison ? saved(comparison.unpackedSavedRatio) : '',
    size ? String(size.layers.length) : 'n/a',
    error !== null ? 'FAILED' : run?.firstResponseMs == null ? 'n/a' : `${Math.round(run.firstResponseMs)} ms`,
    config ? userName(printable(config.user)) : 'n/a',
  ];
}

/** The base image. `scratch` itself is nothing; what was copied to it may come from stand-ins. */
function baseCell({ base, standIn }: ImageReport): string {
  const name = base === null ? 'n/a' : shortName(printable(base));
  return standIn ? `${name} (${base === 'scratch' ? 'from stand-ins' : 'stand-in'})` : name;
}

/** What the words of the table mean, and what it was measured with. */
export function tableNotes(report: Report): string[] {
  const { images } = report;
  const lines = [
    ON_DISK_AND_PULL,
    `${savedNote(report)}first answer: from asking for the container to its first HTTP answer, one run.`,
    measuredWith(report),
  ];
  if (images.some(({ dockerfile }) => dockerfile === null)) {
    lines.push('image: it was there already. It is measured as it is and not run.');
  }
  if (images.some(({ ok, dockerfile, run }) => ok && dockerfile !== null && run === null)) {
    lines.push('first answer n/a: it was only built and measured, not run.');
  }
  for (const image of images) {
    if (image.run?.note) lines.push(`${printable(imageLabel(image))}: ${printable(image.run.note)}.`);
  }
  return [...lines, ...standInNote(report)];
}

/** What the two sizes are. */
export const ON_DISK_AND_PULL =
  'on disk: the bytes of all files in all layers. pull: the layers as gzip, what a registry sends.';

/** What a report was measured with. */
export const measuredWith = ({ engine }: Report) =>
  `Measured with Docker ${printable(engine.version)}, builder ${printable(engine.builder)}, image store ${printable(engine.imageStore)}.`;

/** What a stand-in is, where there is one. */
export function standInNote({ images }: Report): string[] {
  if (!images.some(({ standIn }) => standIn)) return [];
  return [
    'stand-in: the base image was built on this machine, because its registry could not be reached. Sizes are close',
    'to those of the real image, not equal; an Alpine stand-in has the C library of Debian, not musl.',
  ];
}

/** What the others are compared with, where there is something to compare. */
function savedNote(report: Report): string {
  const references = [...new Set(report.comparisons.map(({ reference }) => printable(reference)))];
  if (references.length === 0) return '';
  return `saved: on disk, against ${references.length > 1 ? `the first of each ${firstColumn(report)}` : references[0]}. `;
}

/** `gcr.io/distroless/nodejs26-debian13:nonroot` is known by its last part. */
const shortName = (image: string) => image.split('/').at(-1) ?? image;

const saved = (ratio: number) => `${ratio < 0 ? '+' : ''}${percent(Math.abs(ratio))}`;

const userName = (user: string) => (user === '' || user === '0' ? 'root' : user);
