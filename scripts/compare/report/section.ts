import type { Finding, ImageReport, Report } from '../model/report-schema.ts';
import { type SubjectName, subjectName } from '../model/subject.ts';

/** A table with a title and notes. Its texts are as in the report: each renderer makes them safe where it shows them. */
export interface Section {
  title: string;
  /** The names of the columns; empty for a list. */
  header: string[];
  rows: string[][];
  /** A letter for each column: `l` for words, `r` for figures. The last letter also counts for the columns after it. */
  alignment: string;
  /** What the columns mean, and why something is missing, a line each. */
  notes: string[];
}

export const alignmentOf = ({ alignment }: Section, column: number) => alignment[column] ?? alignment.at(-1);

export const findImage = <T extends { chapter: string; variant: string }>(all: T[], chapter: string, variant: string) =>
  all.find((image) => image.chapter === chapter && image.variant === variant);

/** Whether an image is of a user's project: it is not of a chapter of the course, and was not given by name. */
export const isOfProject = ({ chapter, dockerfile }: ImageReport) => dockerfile !== null && !/^\d\d-/.test(chapter);

export const chapterHeading = ({ images }: Report) => (images.some(isOfProject) ? 'project' : 'chapter');

/** The name of a column, and what it shows of an image. */
export type Column<I = ImageReport> = [name: string, cell: (image: I) => string];

/** A figure measured on a stand-in says so wherever it is shown. */
const withStandIn = (name: string, { standIn }: ImageReport) => `${name}${standIn ? ' (stand-in)' : ''}`;

export const imageLabel = (image: ImageReport) => withStandIn(subjectName(image), image);
export const variantLabel = (image: ImageReport) => withStandIn(image.variant, image);
export const VARIANT: Column = ['variant', variantLabel];

/** A row for each image: its chapter, then the columns. */
export const imageTable = <I extends { chapter: string }>(report: Report, images: I[], columns: Column<I>[]) => ({
  header: [chapterHeading(report), ...columns.map(([name]) => name)],
  rows: images.map((image) => [image.chapter, ...columns.map(([, cell]) => cell(image))]),
  alignment: 'llr',
});

/** The variants that others are compared with: the name alone where all chapters have the same, or with each chapter. */
export function listReferences(references: SubjectName[]): string {
  const variants = [...new Set(references.map(({ variant }) => variant))];
  return variants.length > 1 ? [...new Set(references.map(subjectName))].join(', ') : variants.join();
}

/** What the column `saved` says after the ratio of an image that is larger than its reference. */
export const LARGER = 'larger';

/** The first places of a finding, and how many more there are. */
export function listPlaces({ evidence, count }: Pick<Finding, 'evidence' | 'count'>, shown: number): string {
  const paths = evidence.slice(0, shown).map(({ path }) => path);
  const more = count - paths.length;
  return paths.join(', ') + (paths.length > 0 && more > 0 ? ` and ${more} more` : '');
}

const SHOWN_PLACES = 3;

/** A finding in a sentence, with the first of its places. */
export function describeFinding(finding: Finding): string {
  const places = listPlaces(finding, SHOWN_PLACES);
  return finding.message.includes(places) ? finding.message : `${finding.message.replace(/\.$/, '')}: ${places}`;
}
