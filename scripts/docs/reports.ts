import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { readReport } from '../compare/report/read-report.ts';

/** The reports that all numbers in the documents come from. `npm run docs` writes them. */
export interface Reports {
  /** All chapters, with `--bench` and `--behaviour`. */
  chapters: Report;
  /** Their mistakes: `--mistakes`. */
  mistakes: Report;
  /** The public shapes beside the chapters: `bench:shapes`. */
  shapes: Report;
}

/** Where they are, relative to the repository. */
export const REPORT_FILES: Record<keyof Reports, string> = {
  chapters: 'docs/reports/chapters.json',
  mistakes: 'docs/reports/mistakes.json',
  shapes: 'docs/reports/shapes.json',
};

/** @throws {ToolError} when one is not there or cannot be read. */
export async function readReports(root: string): Promise<Reports> {
  const read = (name: keyof Reports) => readReport(REPORT_FILES[name], root);
  const [chapters, mistakes, shapes] = await Promise.all([read('chapters'), read('mistakes'), read('shapes')]);
  return { chapters, mistakes, shapes };
}

/** A chapter's image, by the chapter's number and the variant. @throws when there is none. */
export function imageOf({ images }: Report, chapter: string, variant: string): ImageReport {
  const image = images.find((one) => one.chapter.startsWith(`${chapter}-`) && one.variant === variant);
  if (!image) throw new Error(`The report has no image ${chapter} ${variant}.`);
  return image;
}

/** Of a report, the images of one chapter. */
export const onlyChapter = (report: Report, chapter: string): Report => ({
  ...report,
  images: report.images.filter((image) => image.chapter.startsWith(`${chapter}-`)),
  comparisons: report.comparisons.filter((one) => one.chapter.startsWith(`${chapter}-`)),
});
