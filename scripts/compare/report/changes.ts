import { bytes } from '../../lib/format.ts';
import { GROUPS, type Group } from '../model/groups.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { differs, FIGURE_KEYS, FIGURES, showValue } from './figures.ts';
import { imageLabel } from './size-table.ts';

/** A figure then and now, in bytes or milliseconds. */
export interface Change {
  name: string;
  before: number;
  after: number;
  /** How the figure and a difference of it are written. */
  show(value: number): string;
}

export interface ImageChanges {
  image: string;
  state: 'changed' | 'unchanged' | 'new' | 'not in this run' | 'not comparable';
  /** Why it cannot be compared. */
  reason: string | null;
  /** On disk, pull, each group, and what was timed: only what changed. */
  figures: Change[];
  /** Findings that were not there before, and those that are no more, each as a code with its places. */
  newFindings: string[];
  mendedFindings: string[];
}

export interface Changes {
  /** When the older report was made. */
  since: string;
  /** Whether both reports' pull sizes were made alike. */
  sameZlib: boolean;
  /** Whether both reports have times. */
  timed: boolean;
  images: ImageChanges[];
}

/**
 * What a mere rebuild changes is not called a change. Measured over all chapters: npm's logs hold times, up to 264 bytes;
 * the order and times of files move the gzip of an image by up to 6476 bytes, a twenty-thousandth of it.
 */
export const NOISE = { bytes: 1024, pullBytes: 16_384, pullRatio: 0.0002 };

/** How many places of a finding are told. */
const SHOWN_PATHS = 3;

/** What changed since an older report, image by image. */
export function findChanges(report: Report, older: Report): Changes {
  const find = (images: ImageReport[], { chapter, variant }: ImageReport) =>
    images.find((image) => image.chapter === chapter && image.variant === variant);
  const sameZlib = report.zlib === older.zlib;
  const samePlatform = report.platform === older.platform;
  return {
    since: older.createdAt,
    sameZlib,
    timed: [report, older].every(({ images }) => images.some(({ bench }) => bench !== null)),
    images: [
      ...report.images.map((image) =>
        samePlatform
          ? imageChanges(image, find(older.images, image), sameZlib)
          : { ...nothing(image), state: 'not comparable' as const, reason: `the other report is of ${older.platform}` },
      ),
      ...older.images
        .filter((image) => !find(report.images, image))
        .map((image) => ({ ...nothing(image), state: 'not in this run' as const })),
    ],
  };
}

const nothing = (image: ImageReport) => ({
  image: imageLabel(image),
  reason: null,
  figures: [],
  newFindings: [],
  mendedFindings: [],
});

function imageChanges(image: ImageReport, older: ImageReport | undefined, sameZlib: boolean): ImageChanges {
  if (!older) return { ...nothing(image), state: 'new' };
  const reason = whyNotComparable(image, older);
  if (reason !== null) return { ...nothing(image), state: 'not comparable', reason };

  const groups = Object.keys(GROUPS) as Group[];
  const figures: Change[] = [
    ...changeOf('on disk', older.size?.unpackedBytes, image.size?.unpackedBytes, NOISE.bytes),
    ...(sameZlib
      ? changeOf('pull', older.size?.pullBytes, image.size?.pullBytes, NOISE.pullBytes, NOISE.pullRatio)
      : []),
    ...groups.flatMap((group) =>
      changeOf(GROUPS[group], older.contents?.groups[group], image.contents?.groups[group], NOISE.bytes),
    ),
    ...timeChanges(image, older),
  ];
  const newFindings = findingTexts(image, older);
  const mendedFindings = findingTexts(older, image);
  const changed = figures.length + newFindings.length + mendedFindings.length > 0;
  return { ...nothing(image), state: changed ? 'changed' : 'unchanged', figures, newFindings, mendedFindings };
}

const findingTexts = (one: ImageReport, other: ImageReport) =>
  findingsOnlyIn(one, other).map(({ finding, places }) => `${finding.code}${places === '' ? '' : `: ${places}`}`);

/**
 * Findings that only one of two images has, each with the first `shown` of its places: a second secret is as new as the
 * first.
 */
export function findingsOnlyIn(
  one: ImageReport,
  other: ImageReport,
  shown = SHOWN_PATHS,
): { finding: NonNullable<ImageReport['findings']>[number]; places: string }[] {
  return (one.findings ?? []).flatMap((finding) => {
    const same = other.findings?.find(({ code }) => code === finding.code);
    // Where not all places are told, those that are cannot be compared.
    if (same && same.count > same.evidence.length) return [];
    const paths = finding.evidence
      .map(({ path }) => path)
      .filter((path) => !same?.evidence.some((place) => place.path === path));
    if (paths.length === 0) return same ? [] : [{ finding, places: '' }];
    const more = paths.length + (same ? 0 : finding.count - finding.evidence.length) - shown;
    const places = `${paths.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return [{ finding, places }];
  });
}

function whyNotComparable(image: ImageReport, older: ImageReport): string | null {
  if (!image.size || !image.contents) return 'it was not measured';
  if (!older.size || !older.contents) return 'it was not measured then';
  if (image.standIn !== older.standIn) {
    return `its base image is ${image.standIn ? 'a stand-in now' : 'no stand-in any more'}`;
  }
  return null;
}

function changeOf(name: string, before = 0, after = 0, noise = 0, noiseRatio = 0): Change[] {
  return Math.abs(after - before) > Math.max(noise, noiseRatio * before) ? [{ name, before, after, show: bytes }] : [];
}

/** What --bench timed: a difference that is not larger than the spread of either run is none. */
function timeChanges(image: ImageReport, older: ImageReport): Change[] {
  const [now, then] = [image.bench, older.bench];
  if (!now || !then) return [];
  return FIGURE_KEYS.flatMap((key) => {
    const [after, before] = [now[key].median, then[key].median];
    const verdict = differs(key, now[key], then[key]);
    if (verdict === null || verdict === 'same' || after === null || before === null) return [];
    return [{ name: FIGURES[key].name, before, after, show: showValue(key) }];
  });
}

/** A figure's difference in its unit and in percent. */
export function difference({ before, after, show }: Change): string {
  const ratio = before === 0 ? null : ((after - before) / before) * 100;
  const sign = after > before ? '+' : '−';
  const percent = ratio === null ? 'was 0' : `${sign}${Math.abs(ratio).toFixed(1)} %`;
  return `${sign}${show(Math.abs(after - before))} (${percent})`;
}

/** The day and minute of a report. */
export const since = ({ since: time }: Changes) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

/** Why a time that differs a little is not told. */
export const WITHIN_SPREAD = 'Times and memory: a difference that is not larger than the spread of either run is none.';

/** Why pull sizes are missing. */
export const OTHER_ZLIB =
  'Pull sizes are not compared: the other report was made with another zlib, which comes with Node.';
