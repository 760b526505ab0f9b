import { bytes, printable } from '../../lib/format.ts';
import type { ImageReport, MistakeReport, Report } from '../model/report-schema.ts';
import { byReason } from './behaviour-table.ts';
import { findingsOnlyIn, NOISE } from './changes.ts';
import { differs, FIGURE_KEYS, FIGURES, showSamples, showValue } from './figures.ts';
import { measuredWith, ON_DISK_AND_PULL, standInNote } from './size-table.ts';

/** A figure in which a mistake and its mended version really differ. */
export interface FigureCost {
  name: string;
  mistake: string;
  mended: string;
  difference: string;
  /** Whether it is a cost: a mistake may also gain something. */
  worse: boolean;
}

/** What a mistake costs: only what it does not share with its mended version. */
export interface MistakeCosts extends MistakeReport {
  standIn: boolean;
  figures: FigureCost[];
  findings: { level: 'info' | 'warning' | 'error'; text: string }[];
  /** What it does not do as a service should. */
  misses: string[];
  /** What its container said, where it does not start. */
  noStart: string | null;
  /** Why it does not show what it is there for: an error of the run. */
  problem: string | null;
}

/** What the mistakes of a report cost; empty for a report without mistakes. */
export function mistakeCosts({ mistakes, images }: Report): MistakeCosts[] {
  return (mistakes ?? []).map((one) => {
    const [mended, mistake] = ['mended', 'mistake'].map((variant) =>
      images.find((image) => image.chapter === one.chapter && image.variant === variant),
    );
    return { ...one, ...(mistake && mended ? costsOf(mistake, mended) : nothing('it is not in the report')) };
  });
}

const nothing = (problem: string) => ({
  ...{ standIn: false, figures: [], findings: [], misses: [], noStart: null },
  problem,
});

function costsOf(mistake: ImageReport, mended: ImageReport): Omit<MistakeCosts, keyof MistakeReport> {
  if (!mended.ok) return nothing('its mended version failed');
  if (!mistake.ok && !doesNotStart(mistake)) return nothing('it could not be measured');
  const figures = [...sizes(mistake, mended), ...times(mistake, mended)];
  const findings = findingsOnlyIn(mistake, mended, 1).map(({ finding: { code, level, message }, places }) => ({
    level,
    text: `${code}: ${message}${places === '' ? '' : ` ${printable(places)}`}`,
  }));
  const works = new Set(mended.behaviour?.filter(({ ok }) => ok === true).map(({ name }) => name));
  const missed = mistake.behaviour?.filter(({ name, ok }) => ok === false && works.has(name)) ?? [];
  const misses = byReason(missed).map(({ heads, reason }) =>
    reason.startsWith(heads) ? reason : `${heads}: ${reason}`,
  );
  const noStart = doesNotStart(mistake) ? printable(lastWords(mistake.error ?? '')) : null;
  const costs = figures.filter(({ worse }) => worse).length + findings.length + misses.length;
  return {
    ...{ standIn: mistake.standIn, figures, findings, misses, noStart },
    problem: costs === 0 && noStart === null ? NOTHING : null,
  };
}

const NOTHING = 'it costs nothing measurable: it is no mistake, or its two Dockerfiles do not show it';

/** A mistake may be one that does not start. One that was not even built, or answers otherwise, is an error. */
const doesNotStart = ({ ok, size, run }: ImageReport) => !ok && size !== null && run === null;

/** What happened, and the line of the container's last ones that says why: that of an error, or else the last. */
function lastWords(error: string): string {
  const [what = '', ...rest] = error.split('\n');
  const lines = rest.flatMap((line) => (/^ {2}\| +\S/.test(line) ? [line.slice(4).trim()] : []));
  const why = lines.findLast((line) => /^\w*(Error|error)\b.*: /.test(line)) ?? lines.at(-1);
  return why === undefined ? what : `${what} ${why}`;
}

function sizes(mistake: ImageReport, mended: ImageReport): FigureCost[] {
  const least = Math.max(NOISE.pullBytes, NOISE.pullRatio * (mended.size?.pullBytes ?? 0));
  return [
    ...sizeOf('on disk', mistake.size?.unpackedBytes, mended.size?.unpackedBytes, NOISE.bytes),
    ...sizeOf('pull', mistake.size?.pullBytes, mended.size?.pullBytes, least),
    ...sizeOf('build context', mistake.context?.bytes, mended.context?.bytes, NOISE.bytes),
  ];
}

function sizeOf(name: string, mistake: number | undefined, mended: number | undefined, noise: number): FigureCost[] {
  if (mistake === undefined || mended === undefined || Math.abs(mistake - mended) <= noise) return [];
  // Some kilobytes of hundreds of megabytes are nobody's concern.
  if (bytes(mistake) === bytes(mended)) return [];
  const figure = { name, mistake: bytes(mistake), mended: bytes(mended) };
  return [{ ...figure, difference: signed(mistake - mended, bytes), worse: mistake > mended }];
}

/**
 * A smaller part of the mended version's time is not told. With a few runs, chance alone makes two equal images differ by
 * more than their spread, now and then: in one run of nine mistakes twice, by a tenth.
 */
const LEAST_RATIO = 0.2;

const signed = (value: number, show: (value: number) => string) => `${value < 0 ? '−' : '+'}${show(Math.abs(value))}`;

/** Not the whole start: the engine's part of it differs more from one time to the next than an image's. Node's is told. */
const TOLD = FIGURE_KEYS.filter((key) => key !== 'startMs');

function times(mistake: ImageReport, mended: ImageReport): FigureCost[] {
  return TOLD.flatMap((key) => {
    const [after, before] = [mistake.bench?.[key], mended.bench?.[key]];
    const verdict = after && before ? differs(key, after, before) : null;
    if (!after || !before || verdict === null || verdict === 'same') return [];
    const change = (after.median ?? 0) - (before.median ?? 0);
    if (Math.abs(change) < LEAST_RATIO * (before.median ?? 0)) return [];
    const { name } = FIGURES[key];
    return [
      {
        name,
        mistake: showSamples(key, after),
        mended: showSamples(key, before),
        difference: signed(change, showValue(key)),
        worse: verdict === 'more',
      },
    ];
  });
}

/** The images that failed, without the mistakes that are there to show that they do not start. */
export const failedImages = ({ mistakes, images }: Report) =>
  images.filter((image) => !image.ok && !(mistakes && image.variant === 'mistake' && doesNotStart(image)));

/** The mistakes that do not show what they are there for, as sentences. */
export const mistakeProblems = (report: Report) =>
  mistakeCosts(report).flatMap(({ chapter, problem }) =>
    problem === null ? [] : [`FAILED ${printable(chapter)}: ${problem}`],
  );

/** What a mistake is, as a heading. */
export const mistakeTitle = ({ chapter, standIn }: MistakeCosts) =>
  `${printable(chapter)}${standIn ? ' (stand-in)' : ''}`;

/** What the words mean, and what the mistakes were measured with. */
export function mistakeNotes(report: Report): string[] {
  const bench = report.images.find((image) => image.bench !== null)?.bench;
  return [
    'Each mistake against a Dockerfile that differs in nothing else, in a copy of its chapter that has node_modules and an .env.',
    ON_DISK_AND_PULL,
    'build context: what the ignore file lets through.',
    ...(bench
      ? [
          `Times and memory: the median of ${bench.runs}, and from the least to the most. A difference that is not larger than the`,
          'spread of either is none, and neither is one of less than a fifth. after an edit: one more line in a source file.',
        ]
      : []),
    measuredWith(report),
    ...standInNote(report),
  ];
}
