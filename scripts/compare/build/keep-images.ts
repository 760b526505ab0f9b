import { createHash } from 'node:crypto';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import type { Invocation, Measurement } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';

/** Gives each image a name under which it is kept, prints these names and returns them. */
export async function keepImages(
  { engine, progress, signal }: Invocation,
  measurements: Measurement<Subject>[],
): Promise<string[]> {
  const kept: string[] = [];
  for (const { subject, image } of measurements) {
    signal.throwIfAborted();
    if (!image) continue;
    const name = `multi-stage-node/${toImageName(subject.chapter)}:${toImageName(subject.variant)}`;
    const before = await engine.image(name);
    await engine.tag(image.id, name);
    // An image that an earlier invocation kept has lost its name to this one.
    if (before?.labels[INVOCATION_LABEL]) await engine.removeImage(before.id).catch(() => {});
    progress.note(`kept ${name}`);
    kept.push(name);
  }
  return kept;
}

/** A name with the characters that an image's name may have. One that is changed gets a hash, so that no two become equal. */
export function toImageName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  if (plain === name) return name;
  return `${plain || 'x'}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}
