import { bytes, distinctBytes, percent } from '../../lib/format.ts';
import { type Budget, type Budgets, parseLimit } from '../model/budgets.ts';
import { type Code, LEVELS } from '../model/finding-catalog.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { findImage, imageLabel, listPlaces, type Section } from './section.ts';

export interface CheckResult {
  status: 'PASS' | 'FAIL' | 'SKIP';
  image: string;
  what: 'unpacked' | 'download' | 'findings' | 'budget';
  /** The figures, or why it was skipped. */
  text: string;
  /** The finding that is not allowed. */
  code?: Code;
  /** What to do, where something failed. */
  advice?: string;
}

type Outcome = Omit<CheckResult, 'image' | 'what'>;

/** Compares a report with the budgets, each limit by itself. */
export function checkBudgets({ images }: Report, budgets: Budgets): CheckResult[] {
  const results = Object.entries(budgets).flatMap(([chapter, variants]) => {
    if (!images.some((image) => image.chapter === chapter)) return [skipped(chapter, 'it is not in this report')];
    return Object.entries(variants).flatMap(([variant, budget]) => {
      const image = findImage(images, chapter, variant);
      return image ? checkImage(image, budget, images) : [skipped(`${chapter} ${variant}`, 'it is not in this report')];
    });
  });
  const unlimited = images.filter(({ chapter, variant }) => !budgets[chapter]?.[variant]);
  return [...results, ...unlimited.map((image) => skipped(imageLabel(image), 'it has none'))];
}

const skipped = (image: string, text: string): CheckResult => ({ status: 'SKIP', image, what: 'budget', text });

function checkImage(image: ImageReport, budget: Budget, images: ImageReport[]): CheckResult[] {
  const results = (what: CheckResult['what'], outcomes: Outcome[]) =>
    outcomes.map((outcome) => ({ image: imageLabel(image), what, ...outcome }));
  if (!image.ok) return results('budget', [{ status: 'FAIL', text: 'the image failed' }]);
  const check = (key: SizeKey, limits: Budget['unpacked']) =>
    [limits ?? []].flat().map((limit) => checkLimit(image, key, limit, images));
  return [
    ...results('unpacked', check('unpackedBytes', budget.unpacked)),
    ...results('download', check('pullBytes', budget.download)),
    ...results('findings', budget.findings ? checkFindings(image, budget.findings) : []),
  ];
}

type SizeKey = 'unpackedBytes' | 'pullBytes';

function checkLimit(image: ImageReport, key: SizeKey, text: string, images: ImageReport[]): Outcome {
  const size = image.size?.[key];
  if (size === undefined) return { status: 'SKIP', text: 'it was not measured' };
  const limit = parseLimit(text);
  if ('bytes' in limit) {
    if (!image.standIn) return compareSize(size, limit.bytes, '; at most');
    const figures = `${bytes(size)}; the limit of ${bytes(limit.bytes)}`;
    return { status: 'SKIP', text: `${figures} is for the real base image, and this one is a stand-in` };
  }
  const reference = findImage(images, image.chapter, limit.of)?.size?.[key];
  if (reference === undefined) return { status: 'SKIP', text: `there is no ${limit.of} to compare with` };
  const shares = `, ${percent(size / reference, 1)} of ${limit.of}; at most ${percent(limit.ratio, 1)},`;
  return compareSize(size, Math.floor(limit.ratio * reference), shares);
}

function compareSize(size: number, limit: number, relation: string): Outcome {
  const [sizeText, limitText, difference] = distinctBytes(size, limit, Math.abs(size - limit));
  const figures = `${sizeText}${relation} ${limitText}: ${difference}`;
  if (size <= limit) return { status: 'PASS', text: `${figures} to spare` };
  const advice = 'To see what takes the space: the same command with --inside. To allow more, change the budget.';
  return { status: 'FAIL', text: `${figures} too much`, advice };
}

function checkFindings({ findings }: ImageReport, failing: NonNullable<Budget['findings']>): Outcome[] {
  if (findings === null) return [{ status: 'SKIP', text: 'its files were not read' }];
  const lowest = LEVELS.findIndex((level) => failing.includes(level));
  const levels = lowest < 0 ? [] : LEVELS.slice(lowest);
  const failed = findings.filter(({ code, level }) => failing.includes(code) || levels.includes(level));
  if (failed.length === 0) {
    const names = failing.map((name) => (LEVELS.some((level) => level === name) ? `level ${name} or worse` : name));
    return [{ status: 'PASS', text: `none of ${names.join(', ')}` }];
  }
  return failed.map((finding) => ({
    status: 'FAIL',
    code: finding.code,
    text: `${finding.code} (${finding.level}): ${finding.message} ${listPlaces(finding, 1)}`,
    advice: `What to do: the same command with --explain ${finding.code}`,
  }));
}

/** The results as a table, with what to do in its notes. */
export function budgetSection(results: CheckResult[]): Section {
  const failed = results.filter(({ status }) => status === 'FAIL');
  return {
    title: `Budgets: ${failed.length === 0 ? 'none' : failed.length} failed`,
    header: ['', 'image', 'what', 'result'],
    rows: results.map(({ status, image, what, text }) => [status, image, what, text]),
    alignment: 'l',
    notes: [...new Set(failed.flatMap(({ advice }) => advice ?? []))],
  };
}
