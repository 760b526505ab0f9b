import type { ImageFacts } from '../engine/engine.ts';
import type { Answer } from '../measure/run.ts';
import type { ImageSize } from '../measure/size.ts';
import { REFERENCE, type Subject } from '../subjects/chapters.ts';
import type { Comparison, ImageReport } from './schema.ts';

/** Everything measured about one subject, filled in step by step. What is absent was not reached. */
export interface Measurement {
  subject: Subject;
  base?: string;
  standIn?: boolean;
  /** The image, once it is built. */
  image?: ImageFacts;
  /** How long the build took, in milliseconds. */
  buildMs?: number;
  size?: ImageSize;
  answer?: Answer;
  /** Why this subject failed, as text for a person. */
  error?: string;
}

/** A measurement as the report has it. `dockerfile` is the path to show. */
export function imageReport(measurement: Measurement, dockerfile: string): ImageReport {
  const { subject, base, standIn, image, buildMs, size, answer, error } = measurement;
  return {
    chapter: subject.chapter,
    variant: subject.variant,
    dockerfile,
    base: base ?? null,
    standIn: standIn ?? false,
    ok: error === undefined,
    error: error ?? null,
    size: size ?? null,
    build: buildMs === undefined ? null : { ms: Math.round(buildMs) },
    run: answer ? { firstResponseMs: Math.round(answer.firstResponseMs), status: answer.status } : null,
    config: image ? { user: image.user } : null,
  };
}

/** Compares every variant with the reference of its chapter, where both were measured. */
export function compareImages(images: ImageReport[]): Comparison[] {
  return images.flatMap(({ chapter, variant, size }) => {
    const reference = images.find((image) => image.chapter === chapter && image.variant === REFERENCE)?.size;
    if (variant === REFERENCE || !size || !reference) return [];
    const unpackedSavedBytes = reference.unpackedBytes - size.unpackedBytes;
    const pullSavedBytes = reference.pullBytes - size.pullBytes;
    return {
      chapter,
      variant,
      reference: REFERENCE,
      unpackedSavedBytes,
      unpackedSavedRatio: unpackedSavedBytes / reference.unpackedBytes,
      pullSavedBytes,
      pullSavedRatio: pullSavedBytes / reference.pullBytes,
    };
  });
}
