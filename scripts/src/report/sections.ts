import { behaviourSection } from './behaviour.ts';
import { rolloutSection } from './rollout.ts';
import type { Report } from './schema.ts';
import { timeSections } from './times.ts';

/** A table with a title and notes: one for the terminal and for Markdown. */
export interface Section {
  title: string;
  header: string[];
  /** The first two cells are the chapter and the variant. */
  rows: string[][];
  notes: string[];
}

/** What was timed, reckoned and tried, where it was. */
export function sections(report: Report): Section[] {
  return [...timeSections(report), ...rolloutSection(report), ...behaviourSection(report)];
}
