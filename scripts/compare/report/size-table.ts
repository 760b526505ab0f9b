import { bytes, percent, shorten } from '../../lib/format.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { describeEngine } from './engine-name.ts';
import { findImage, imageLabel, imageTable, LARGER, listReferences, type Section } from './section.ts';

/** An image may name any user. Linux has names of up to 32 characters. */
const MAX_USER_LENGTH = 80;

/** The sizes of each image, and the time to its first response. */
export const sizeSection = (report: Report): Section => ({
  title: 'Image sizes',
  ...imageTable(report, report.images, [
    ['variant', ({ variant }) => variant],
    ['base image', baseCell],
    ['unpacked', ({ size }) => (size ? bytes(size.unpackedBytes) : 'n/a')],
    ['download', ({ size }) => (size ? bytes(size.pullBytes) : 'n/a')],
    ['saved', ({ chapter, variant }) => savedCell(findImage(report.comparisons, chapter, variant)?.unpackedSavedRatio)],
    ['layers', ({ size }) => String(size?.layers.length ?? 'n/a')],
    ['first response', responseCell],
    ['user', ({ config }) => (config ? shorten(config.user, MAX_USER_LENGTH).replace(/^0?$/, 'root') : 'n/a')],
  ]),
  alignment: 'lllrrrrrl',
  notes: sizeNotes(report),
});

/**
 * The last part of the base image's name: `gcr.io/distroless/nodejs26-debian13:nonroot` is known by it. `scratch` is
 * empty, but the files that were copied to it may come from stand-ins.
 */
function baseCell({ base, standIn }: ImageReport): string {
  const name = base?.split('/').at(-1) ?? 'n/a';
  return standIn ? `${name} (${base === 'scratch' ? 'from stand-ins' : 'stand-in'})` : name;
}

function savedCell(ratio?: number): string {
  if (ratio === undefined) return '';
  const text = percent(Math.abs(ratio));
  return ratio < 0 && text !== percent(0) ? `${text} ${LARGER}` : text;
}

function responseCell({ error, run }: ImageReport): string {
  if (error !== null) return 'FAILED';
  return run?.firstResponseMs == null ? 'n/a' : `${Math.round(run.firstResponseMs)} ms`;
}

function sizeNotes(report: Report): string[] {
  const { images, engine, comparisons } = report;
  const comparedWith = listReferences(comparisons.map(({ chapter, reference }) => ({ chapter, variant: reference })));
  const isGivenByName = images.some(({ dockerfile }) => dockerfile === null);
  const isStored = images.some(({ size }) => size?.compression === 'stored');
  const isNotRun = images.some(({ ok, dockerfile, run }) => ok && dockerfile !== null && run === null);
  return [
    'unpacked: all files of all layers, uncompressed. download: the same layers, compressed, as a registry transfers them.',
    '"docker images" of Docker 29 prints the sum of the two as "disk usage", and the download size as "content size".',
    ...(comparedWith ? [`saved: how much smaller the unpacked size is, compared with ${comparedWith}.`] : []),
    'first response: the time from starting the container to the first HTTP response, measured once.',
    ...(engine ? [`Measured with ${describeEngine(engine)}.`] : ['Measured without an engine.']),
    ...(isGivenByName ? ['image: an image that was given by name. It is measured as it is, and not run.'] : []),
    ...(isStored ? [STORED_NOTE] : []),
    ...(isNotRun ? ['first response n/a: it was only built and measured, not run.'] : []),
    ...images.flatMap((image) => (image.run?.note ? [`${imageLabel(image)}: ${image.run.note}.`] : [])),
    ...(images.some(({ standIn }) => standIn) ? STAND_IN_NOTES : []),
  ];
}

const STORED_NOTE =
  'download of an archive or of a registry: the layers as they are compressed there, not calculated with gzip level 6.';

const STAND_IN_NOTES = [
  'stand-in: the base image was built on this machine, because its registry could not be reached.',
  'The sizes of a stand-in are close to those of the real image; an Alpine stand-in has the C library of Debian, not musl.',
];
