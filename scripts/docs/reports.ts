import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { readReport } from '../compare/report/read-report.ts';

/** Where the reports are that all numbers in the documents come from, relative to the repository. */
export const REPORT_FILES = {
  chapters: 'docs/reports/chapters.json',
  mistakes: 'docs/reports/mistakes.json',
  'mistake-times': 'docs/reports/mistake-times.json',
  shapes: 'docs/reports/shapes.json',
  lean: 'docs/reports/lean.json',
};

export type ReportName = keyof typeof REPORT_FILES;
export type Reports = Record<ReportName, Report>;

/** @throws {ToolError} when a report is missing or cannot be read. */
export async function readReports(root: string): Promise<Reports> {
  const read = async ([name, file]: [string, string]) => [name, await readReport(file, root)] as const;
  return Object.fromEntries(await Promise.all(Object.entries(REPORT_FILES).map(read))) as Reports;
}

/** An image by its variant, and the number of its chapter or the name of its project. @throws without such an image. */
export function imageOf({ images }: Report, name: string, variant: string): ImageReport {
  const isNamed = ({ chapter }: ImageReport) => name === (/^\d\d$/.test(name) ? chapter.slice(0, 2) : chapter);
  const image = images.find((one) => isNamed(one) && one.variant === variant);
  if (!image) throw new Error(`The report has no image ${name} ${variant}.`);
  return image;
}

/** Of a report, the images of one chapter. */
export const onlyChapter = (report: Report, chapter: string): Report => ({
  ...report,
  images: report.images.filter((image) => image.chapter.startsWith(`${chapter}-`)),
  comparisons: report.comparisons.filter((one) => one.chapter.startsWith(`${chapter}-`)),
});
