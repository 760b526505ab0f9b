import type { Report } from '../model/report-schema.ts';
import { behaviourSection } from './behaviour-table.ts';
import { timeSections } from './time-tables.ts';

/** A table with a title and notes: one for the terminal and for Markdown. */
export interface Section {
  title: string;
  header: string[];
  /** The first two cells are the chapter and the variant. */
  rows: string[][];
  notes: string[];
  /** The columns, beside the first two, that hold words; the others hold figures. */
  left?: string[];
}

/** The columns of a section that are aligned to the right. */
export const rightAligned = (header: string[], left: string[] = []) =>
  new Set(header.slice(2).filter((name) => !left.includes(name)));

/** What was timed, reckoned and tried, where it was. */
export function sections(report: Report): Section[] {
  return [...timeSections(report), ...behaviourSection(report)];
}
