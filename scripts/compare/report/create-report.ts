import { relative, sep } from 'node:path';
import { hide } from '../../lib/hide.ts';
import { HIDDEN } from '../../lib/redact.ts';
import type { Measurement } from '../model/measurement.ts';
import { type Comparison, type ImageReport, imageSchema, type Report, reportSchema } from '../model/report-schema.ts';
import { samplesOf } from '../model/samples.ts';
import { referenceOf } from '../model/subject.ts';
import { FIGURE_KEYS } from './figures.ts';

/**
 * Everything that one invocation measured, as the document that all outputs are made from.
 *
 * @param engine null without one.
 * @param details Dockerfiles are named relative to `directory`, which has no symbolic links in its path.
 */
export function createReport(
  engine: Report['engine'],
  measurements: Measurement[],
  { directory = process.cwd(), diff = null }: { directory?: string; diff?: Report['diff'] } = {},
): Report {
  const images = measurements.map((measurement) => createImageReport(measurement, directory));
  // The schema also orders the keys, so that a report that is read again is written as the same bytes.
  return reportSchema.parse({
    schemaVersion: 2,
    createdAt: new Date().toISOString(),
    platform: `${process.platform}/${process.arch}`,
    zlib: process.versions.zlib ?? null,
    engine,
    images: images.map((image) => hideInTexts(image)),
    comparisons: compareImages(images),
    diff: hideInTexts(diff),
  } satisfies Report);
}

/** The keys of texts that may repeat what a builder or a container printed, or what is in an image. */
const TEXT_KEYS =
  /^(base|error|instruction|removedBy|path|note|reason|message|ignoreFile|user|shells|packageManagers)$/;

/** An image's report without the values that the user has given. */
function hideInTexts<T>(value: T, key = ''): T {
  if (typeof value === 'string') {
    // A build argument that is the name of a base image is not a secret. One that is a part of it may be.
    const isShown = !TEXT_KEYS.test(key) || (key === 'base' && hide(value) === HIDDEN);
    return (isShown ? value : hide(value)) as T;
  }
  if (Array.isArray(value)) return value.map((item) => hideInTexts(item, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hideInTexts(item, name)])) as T;
}

/** The figures of a subject that failed before it was timed. */
const NOT_REACHED = Object.fromEntries(
  FIGURE_KEYS.map((key) => [key, { ...samplesOf([]), steps: null, counter: null }]),
);

const NOT_MEASURED = Object.fromEntries(Object.keys(imageSchema.shape).map((key) => [key, null]));

function createImageReport({ subject, stage, image, bench, ...parts }: Measurement, directory: string): ImageReport {
  const { chapter, variant } = subject;
  const built = 'dockerfile' in subject ? subject : undefined;
  const source = built && { file: relative(directory, built.dockerfile).replaceAll(sep, '/'), line: stage?.line ?? 1 };
  return imageSchema.parse({
    ...{ ...NOT_MEASURED, chapter, variant, standIn: false, ...parts },
    dockerfile: built?.file ?? null,
    source,
    target: built?.target,
    platform: built?.settings.platform,
    ok: parts.error === undefined,
    errorLine: parts.failure?.place?.line,
    bench: bench ? { runs: 1, ...NOT_REACHED, ...bench } : null,
    config: image ? { user: image.user } : null,
  });
}

/** Compares every variant with the reference of its chapter, where both were measured. */
export function compareImages(images: ImageReport[]): Comparison[] {
  return images.flatMap(({ chapter, variant, size }) => {
    const reference = referenceOf(images, chapter, (image) => image);
    // Nothing is a part of the 0 bytes of an image without files.
    if (!reference?.size?.unpackedBytes || variant === reference.variant || !size) return [];
    const unpackedSavedBytes = reference.size.unpackedBytes - size.unpackedBytes;
    const pullSavedBytes = reference.size.pullBytes - size.pullBytes;
    return {
      chapter,
      variant,
      reference: reference.variant,
      unpackedSavedBytes,
      unpackedSavedRatio: unpackedSavedBytes / reference.size.unpackedBytes,
      pullSavedBytes,
      pullSavedRatio: pullSavedBytes / reference.size.pullBytes,
    };
  });
}
