import type { Engine, ImageFacts } from '../../engine/engine.ts';
import type { Timings } from '../bench.ts';
import type { ContextFacts } from '../build/build-context.ts';
import type { Finding } from '../inspect/findings.ts';
import type { Contents } from '../inspect/inspect-image.ts';
import type { ImageLayer } from '../inspect/read-layers.ts';
import { type Comparison, type ImageReport, type Report, reportSchema } from '../model/report-schema.ts';
import { type NamedImage, referenceOf, type Subject, subjectName } from '../model/subject.ts';
import type { Tried } from '../run/check-behaviour.ts';
import type { Answer, RunOptions } from '../run/serve.ts';
import { benchReport } from './bench.ts';

/** Everything measured about one subject, filled in step by step. What is absent was not reached. */
export interface Measurement<S extends Subject | NamedImage = Subject | NamedImage> {
  subject: S;
  base?: string;
  standIn?: boolean;
  /** The image, once it is built or found. */
  image?: ImageFacts;
  /** How long the build took, in milliseconds. */
  buildMs?: number;
  layers?: ImageLayer[];
  contents?: Contents;
  findings?: Finding[];
  /** What the build context has for the builder. */
  context?: ContextFacts;
  /** How the image was run and requested, and what it answered. */
  request?: RunOptions;
  answer?: Answer;
  /** What is to be said about the answer. */
  answerNote?: string;
  timings?: Timings;
  behaviour?: Tried[];
  /** Why this subject failed, as text for a person. */
  error?: string;
}

/** Everything that was measured in a run, as the document that all outputs are made from. */
export function makeReport({ info }: Engine, measurements: Measurement[]): Report {
  const images = measurements.map((measurement) => imageReport(measurement, measurements));
  // The schema also gives the keys their order, so that a report that was read again is written as the same bytes.
  return reportSchema.parse({
    schemaVersion: 1,
    createdAt: new Date().toISOString(),
    platform: `${process.platform}/${process.arch}`,
    zlib: process.versions.zlib ?? null,
    engine: info,
    images,
    comparisons: compareImages(images),
  });
}

function imageReport(measurement: Measurement, all: Measurement[]): ImageReport {
  const { subject, base, standIn, image, context, contents, findings, timings, behaviour, error } = measurement;
  const { buildMs, request, answer, answerNote } = measurement;
  const built = 'dockerfile' in subject ? subject : null;
  return {
    chapter: subject.chapter,
    variant: subject.variant,
    dockerfile: built?.file ?? null,
    target: built?.target ?? null,
    platform: built?.settings.platform ?? null,
    base: base ?? null,
    standIn: standIn ?? false,
    ok: error === undefined,
    error: error ?? null,
    context: context ?? null,
    size: sizeOf(measurement, all),
    contents: contents ?? null,
    findings: findings ?? null,
    build: buildMs === undefined ? null : { ms: Math.round(buildMs) },
    run: answer
      ? {
          firstResponseMs: Math.round(answer.firstResponseMs),
          status: answer.status,
          port: request?.port ?? null,
          path: request?.path ?? '/',
          note: answerNote ?? null,
        }
      : null,
    bench: timings ? benchReport(timings) : null,
    rollout: null,
    behaviour: behaviour ?? null,
    config: image ? { user: image.user } : null,
  };
}

function sizeOf(measurement: Measurement, all: Measurement[]): ImageReport['size'] {
  if (!measurement.layers) return null;
  const layers = measurement.layers.map(({ layer, instruction }) => ({
    digest: layer.diffId,
    bytes: layer.bytes,
    pullBytes: layer.pullBytes,
    instruction,
    sharedWith: all
      .filter((other) => other !== measurement && other.layers?.some((one) => one.layer.diffId === layer.diffId))
      .map(({ subject }) => subjectName(subject)),
  }));
  const sum = (key: 'bytes' | 'pullBytes') => layers.reduce((total, layer) => total + layer[key], 0);
  return { unpackedBytes: sum('bytes'), pullBytes: sum('pullBytes'), layers };
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
