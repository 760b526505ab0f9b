import { bytes } from '../../lib/format.ts';
import { GROUPS } from '../model/groups.ts';
import { GROUP_NAMES, type ImageReport, type Report } from '../model/report-schema.ts';
import { differs, FIGURE_KEYS, FIGURES, showValue } from './figures.ts';
import { findImage, imageLabel, listPlaces, type Section } from './section.ts';

interface ImageChanges {
  image: string;
  state: 'changed' | 'unchanged' | 'new' | 'only in the older report' | 'not compared';
  /** Why it is not compared. */
  reason?: string;
  /** By how many bytes the sizes changed, exactly; null where they are not compared. */
  difference: { unpackedBytes: number | null; pullBytes: number | null };
  /** The sizes, each group, and what was timed, where they changed: the name, both values and the difference. */
  figures: string[][];
  /** The findings that only the newer or only the older report has, each as a code with its places. */
  newFindings: string[];
  fixedFindings: string[];
}

export type Changes = ReturnType<typeof findChanges>;

/**
 * Differences that a rebuild makes by itself do not count. Measured over all chapters: npm's logs hold times, up to 264
 * bytes; the order and times of files move the gzip of an image by up to 6476 bytes, a twenty-thousandth of it.
 */
const NOISE = { bytes: 1024, pullBytes: 16_384, pullRatio: 0.0002 };
const SHOWN_PLACES = 3;

const OTHER_ZLIB =
  'Download sizes are not compared: the older report was made with another zlib, which is part of Node.';
const OTHER_COMPRESSION =
  'Download sizes are not compared where one is calculated and the other is from a registry or an archive.';
const TIMED = 'Times and memory: a difference that is not larger than the spread of either report does not count.';

/** What changed since an older report, image by image. */
export function findChanges(report: Report, older: Report) {
  const isTimed = [report, older].every(({ images }) => images.some(({ bench }) => bench !== null));
  const sameZlib = report.zlib === older.zlib;
  const otherPlatform = report.platform === older.platform ? undefined : `the older report is of ${older.platform}`;
  const downloadNotes = report.images.flatMap((image) => {
    const before = findImage(older.images, image.chapter, image.variant);
    return (before && whyNoDownload(image, before, sameZlib)) ?? [];
  });
  const removed = older.images.filter(({ chapter, variant }) => !findImage(report.images, chapter, variant));
  return {
    since: older.createdAt,
    /** What does not count. */
    notes: [...new Set(downloadNotes), ...(isTimed ? [TIMED] : [])],
    images: [
      ...report.images.map((image): ImageChanges => {
        const before = findImage(older.images, image.chapter, image.variant);
        const reason = otherPlatform ?? (before && whyNotCompared(image, before));
        if (reason !== undefined) return { ...withoutChanges(image, 'not compared'), reason };
        if (!before) return withoutChanges(image, 'new');
        const hasDownload = whyNoDownload(image, before, sameZlib) === undefined;
        const figures = compareFigures(image, before, hasDownload);
        const newFindings = findingsOnlyIn(image, before);
        const fixedFindings = findingsOnlyIn(before, image);
        const isChanged = figures.length + newFindings.length + fixedFindings.length > 0;
        const state = isChanged ? 'changed' : 'unchanged';
        const difference = subtractSizes(image, before, hasDownload);
        return { ...withoutChanges(image, state), difference, figures, newFindings, fixedFindings };
      }),
      ...removed.map((image) => withoutChanges(image, 'only in the older report')),
    ],
  };
}

function withoutChanges(image: ImageReport, state: ImageChanges['state']): ImageChanges {
  const difference = { unpackedBytes: null, pullBytes: null };
  return { image: imageLabel(image), state, difference, figures: [], newFindings: [], fixedFindings: [] };
}

/** Why the download sizes of two images cannot be compared. Undefined when they can, or when one of them has none. */
function whyNoDownload({ size }: ImageReport, older: ImageReport, sameZlib: boolean): string | undefined {
  if (!size || !older.size) return undefined;
  if (size.compression !== older.size.compression) return OTHER_COMPRESSION;
  return sameZlib || size.compression === 'stored' ? undefined : OTHER_ZLIB;
}

function subtractSizes({ size }: ImageReport, older: ImageReport, hasDownload: boolean): ImageChanges['difference'] {
  if (!size || !older.size) return { unpackedBytes: null, pullBytes: null };
  const unpackedBytes = size.unpackedBytes - older.size.unpackedBytes;
  return { unpackedBytes, pullBytes: hasDownload ? size.pullBytes - older.size.pullBytes : null };
}

function whyNotCompared(image: ImageReport, older: ImageReport): string | undefined {
  if (!image.size || !image.contents) return 'it was not measured';
  if (!older.size || !older.contents) return 'it was not measured in the older report';
  if (image.standIn === older.standIn) return undefined;
  return image.standIn ? 'its base image is now a stand-in' : 'its base image is no longer a stand-in';
}

function compareFigures(image: ImageReport, older: ImageReport, hasDownload: boolean): string[][] {
  const change = (name: string, before = 0, now = 0, noise = NOISE.bytes, show = bytes) => {
    const difference = Math.abs(now - before);
    const sign = now > before ? '+' : '−';
    const ratio = before === 0 ? 'was 0' : `${sign}${((difference / before) * 100).toFixed(1)} %`;
    return difference > noise ? [[name, show(before), show(now), `${sign}${show(difference)} (${ratio})`]] : [];
  };
  const download = older.size?.pullBytes ?? 0;
  const downloadNoise = Math.max(NOISE.pullBytes, NOISE.pullRatio * download);
  return [
    ...change('unpacked', older.size?.unpackedBytes, image.size?.unpackedBytes),
    ...(hasDownload ? change('download', download, image.size?.pullBytes, downloadNoise) : []),
    ...GROUP_NAMES.flatMap((name) => change(GROUPS[name], older.contents?.groups[name], image.contents?.groups[name])),
    ...FIGURE_KEYS.flatMap((key) => {
      const [before, now] = [older.bench?.[key], image.bench?.[key]];
      const isSame = !before || !now || ['same', null].includes(differs(key, now, before));
      return isSame ? [] : change(FIGURES[key].name, before.median ?? 0, now.median ?? 0, 0, showValue(key));
    }),
  ];
}

/** The findings that only one of two images has, with the first of their places: a second secret is new, too. */
function findingsOnlyIn(one: ImageReport, other: ImageReport): string[] {
  return (one.findings ?? []).flatMap((finding) => {
    const same = other.findings?.find(({ code }) => code === finding.code);
    // A finding whose places are not all in the report cannot be compared.
    if (same && same.count > same.evidence.length) return [];
    const evidence = finding.evidence.filter(({ path }) => !same?.evidence.some((place) => place.path === path));
    if (evidence.length === 0) return same ? [] : [finding.code];
    const count = same ? evidence.length : finding.count;
    return [`${finding.code}: ${listPlaces({ evidence, count }, SHOWN_PLACES)}`];
  });
}

/** The figures that changed as a table. Everything else is in its notes. */
export function changesSection({ since, notes, images }: Changes): Section {
  const named = (['unchanged', 'new', 'only in the older report'] as const).flatMap((state) => {
    const names = images.filter((image) => image.state === state).map(({ image }) => image);
    return names.length === 0 ? [] : [`${state}: ${names.join(', ')}`];
  });
  return {
    title: `Changes since ${since.slice(0, 10)} ${since.slice(11, 16)} UTC`,
    header: ['image', 'figure', 'before', 'now', 'change'],
    rows: images.flatMap(({ image, figures }) => figures.map((cells) => [image, ...cells])),
    alignment: 'llr',
    notes: [
      ...images.flatMap(({ image, newFindings }) => newFindings.map((text) => `new finding: ${image}, ${text}`)),
      ...images.flatMap(({ image, fixedFindings }) => fixedFindings.map((text) => `fixed: ${image}, ${text}`)),
      ...notes,
      ...named,
      ...images.flatMap(({ image, reason }) => (reason ? [`not compared: ${image}, ${reason}`] : [])),
    ],
  };
}
