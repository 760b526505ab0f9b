import { bytes, distinctBytes } from '../../lib/format.ts';
import { type Budget, type Budgets, CONFIG_NAME, type Limit, parseLimit } from '../model/budgets.ts';
import { CODES, LEVELS, type Level } from '../model/finding-catalog.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { imageLabel, isOfProject } from './size-table.ts';

/** What became of one limit. */
export interface CheckResult {
  status: 'PASS' | 'FAIL' | 'SKIP';
  image: string;
  what: 'unpacked' | 'download' | 'findings' | 'budget';
  /** The figures, or why it was skipped. */
  text: string;
  /** What to do, where something is to be done. */
  advice: string | null;
}

type Outcome = Pick<CheckResult, 'status' | 'text'> & { advice?: string };

/** Compares a report with the budgets, each limit by itself. Pure: the same report and budgets give the same answer. */
export function checkBudgets(report: Report, budgets: Budgets): CheckResult[] {
  const results = Object.entries(budgets).flatMap(([chapter, variants]): CheckResult[] => {
    if (!report.images.some((image) => image.chapter === chapter)) {
      return skip(chapter, 'it is not in this run');
    }
    return Object.entries(variants).flatMap(([variant, budget]) => {
      const image = report.images.find((one) => one.chapter === chapter && one.variant === variant);
      if (!image) return skip(subjectName({ chapter, variant }), 'it is not in this run');
      if (!image.ok) return [result(image, 'budget', { status: 'FAIL', text: 'the image failed' })];
      return checkImage(report, image, budget);
    });
  });
  const unlimited = report.images.filter(({ chapter, variant }) => !budgets[chapter]?.[variant]);
  return [...results, ...unlimited.flatMap((image) => skip(imageLabel(image), 'it has none'))];
}

function skip(image: string, reason: string): CheckResult[] {
  return [{ status: 'SKIP', image, what: 'budget', text: reason, advice: null }];
}

const result = (image: ImageReport, what: CheckResult['what'], { status, text, advice }: Outcome): CheckResult => ({
  status,
  image: imageLabel(image),
  what,
  text,
  advice: advice ?? null,
});

function checkImage(report: Report, image: ImageReport, budget: Budget): CheckResult[] {
  const sizes = [
    ['unpacked', 'unpackedBytes', budget.unpacked],
    ['download', 'pullBytes', budget.download],
  ] as const;
  return [
    ...sizes.flatMap(([what, key, limits]) =>
      [limits ?? []].flat().map((limit) => result(image, what, checkLimit(report, image, key, parseLimit(limit)))),
    ),
    ...(budget.findings
      ? checkFindings(image, budget.findings).map((outcome) => result(image, 'findings', outcome))
      : []),
  ];
}

function checkLimit(report: Report, image: ImageReport, key: 'unpackedBytes' | 'pullBytes', limit: Limit): Outcome {
  const size = image.size?.[key];
  if (size === undefined) return { status: 'SKIP', text: 'it was not measured' };
  let most: number;
  let asText: string;
  if ('bytes' in limit) {
    if (image.standIn) {
      return {
        status: 'SKIP',
        text: `${bytes(size)}; the limit of ${bytes(limit.bytes)} is for the real base image, and this one is a stand-in`,
      };
    }
    most = limit.bytes;
    asText = 'at most';
  } else {
    const reference = report.images.find((one) => one.chapter === image.chapter && one.variant === limit.of)?.size?.[
      key
    ];
    if (reference === undefined) return { status: 'SKIP', text: `there is no ${limit.of} to compare with in this run` };
    most = Math.floor(limit.ratio * reference);
    asText = `${oneDecimal((size / reference) * 100)} % of ${limit.of}; at most ${oneDecimal(limit.ratio * 100)} %,`;
  }
  const [sizeText, mostText, difference] = distinctBytes(size, most, Math.abs(size - most));
  const figures = 'bytes' in limit ? `${sizeText}; ${asText} ${mostText}` : `${sizeText}, ${asText} ${mostText}`;
  if (size <= most) return { status: 'PASS', text: `${figures}: ${difference} to spare` };
  return {
    status: 'FAIL',
    text: `${figures}: ${difference} too much`,
    advice: `Where it is: ${insideCommand(image)}. To allow more, change ${CONFIG_NAME}.`,
  };
}

function insideCommand(image: ImageReport): string {
  if (isOfProject(image)) return 'the same command with --inside';
  return `npm run compare -- ${image.dockerfile === null ? `--image ${image.variant}` : image.chapter} --inside`;
}

function checkFindings({ findings }: ImageReport, failing: NonNullable<Budget['findings']>): Outcome[] {
  if (findings === null) return [{ status: 'SKIP', text: 'it was not looked inside' }];
  const least = Math.min(
    ...failing.map((name) => LEVELS.indexOf(name as Level)).filter((index) => index >= 0),
    LEVELS.length,
  );
  const found = findings.filter(({ code, level }) => failing.includes(code) || LEVELS.indexOf(level) >= least);
  if (found.length === 0) {
    const codes = failing.filter((name) => (CODES as string[]).includes(name));
    const names = [
      ...(least < LEVELS.length ? [`of level ${LEVELS[least]}${least < LEVELS.length - 1 ? ' or worse' : ''}`] : []),
      ...codes,
    ];
    return [{ status: 'PASS', text: `none ${names.join(', ')}`.trimEnd() }];
  }
  return found.map(({ code, level, message, count, evidence }) => ({
    status: 'FAIL',
    text: `${code} (${level}): ${message} ${evidence[0]?.path ?? ''}${count > 1 ? ` and ${count - 1} more` : ''}`,
    advice: `What to do: npm run compare -- --explain ${code}`,
  }));
}

const oneDecimal = (value: number) => String(Math.round(value * 10) / 10);
