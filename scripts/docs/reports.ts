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

/** Whether an image is of a chapter, by its number, or of a project, by its name. */
const isOf = (name: string, { chapter }: ImageReport) => [chapter, chapter.slice(0, 2)].includes(name);

/** @throws without such an image. */
export function imageOf({ images }: Report, name: string, variant: string): ImageReport {
  const image = images.find((one) => isOf(name, one) && one.variant === variant);
  if (!image) throw new Error(`The report has no image ${name} ${variant}.`);
  return image;
}

/** Of a report, the images of one chapter. @throws when there are none. */
export function onlyChapter(report: Report, name: string): Report {
  const images = report.images.filter((image) => isOf(name, image));
  if (images.length === 0) throw new Error(`The report has no chapter ${name}.`);
  return { ...report, images };
}
