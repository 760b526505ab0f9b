import type { EngineInfo } from '../../engine/engine.ts';
import type { Measurement } from '../model/measurement.ts';
import { type Comparison, type ImageReport, type Report, reportSchema } from '../model/report-schema.ts';
import { type Samples, samplesOf } from '../model/samples.ts';
import { referenceOf } from '../model/subject.ts';

/** Everything that one invocation measured, as the document that all outputs are made from. */
export function createReport(engine: EngineInfo, measurements: Measurement[]): Report {
  const images = measurements.map(reportImage);
  // The schema also orders the keys, so that a report that is read again is written as the same bytes.
  return reportSchema.parse({
    schemaVersion: 2,
    createdAt: new Date().toISOString(),
    platform: `${process.platform}/${process.arch}`,
    zlib: process.versions.zlib ?? null,
    engine,
    images,
    comparisons: compareImages(images),
  });
}

function reportImage({ subject, image, bench, ...parts }: Measurement): ImageReport {
  const built = 'dockerfile' in subject ? subject : null;
  return {
    chapter: subject.chapter,
    variant: subject.variant,
    dockerfile: built?.file ?? null,
    target: built?.target ?? null,
    platform: built?.settings.platform ?? null,
    base: parts.base ?? null,
    standIn: parts.standIn ?? false,
    ok: parts.error === undefined,
    error: parts.error ?? null,
    errorCode: parts.errorCode ?? null,
    context: parts.context ?? null,
    size: parts.size ?? null,
    contents: parts.contents ?? null,
    findings: parts.findings ?? null,
    build: parts.build ?? null,
    run: parts.run ?? null,
    bench: bench ? { ...notReached(), ...bench } : null,
    behaviour: parts.behaviour ?? null,
    config: image ? { user: image.user } : null,
  };
}

/** The figures of a subject that fails before it is timed. */
function notReached(): NonNullable<ImageReport['bench']> {
  const samples: Samples = samplesOf([]);
  const build = { ...samples, steps: null };
  return {
    runs: 1,
    startMs: samples,
    nodeStartMs: samples,
    memoryBytes: { ...samples, counter: null },
    stopMs: samples,
    buildColdMs: build,
    buildNoopMs: build,
    buildAfterEditMs: build,
    buildAfterDependencyMs: build,
  };
}

/** Compares every variant with the reference of its chapter, where both were measured. */
export function compareImages(images: ImageReport[]): Comparison[] {
  return images.flatMap(({ chapter, variant, size }) => {
    const reference = referenceOf(images, chapter, (image) => image);
    if (!reference?.size || variant === reference.variant || !size) return [];
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
