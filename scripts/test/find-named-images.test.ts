import { expect, test } from 'vitest';
import { findNamedImages } from '../compare/inspect/find-named-images.ts';
import type { Measurement } from '../compare/model/measurement.ts';
import type { NamedImage } from '../compare/model/subject.ts';
import type { Engine, ImageFacts } from '../engine/engine.ts';
import { quietProgress } from '../lib/progress.ts';

test.each([
  ['linux/amd64', undefined],
  [undefined, undefined],
  ['linux/arm64', 'app is for linux/amd64, not for linux/arm64.\nTo fetch it: podman pull --platform linux/arm64 app'],
])('--platform %s and an image of the engine for linux/amd64', async (platform, error) => {
  const image = { platform: 'linux/amd64', labels: {} } as ImageFacts;
  const engine = { info: { name: 'podman' }, image: async () => image } as unknown as Engine;
  const measurement: Measurement<NamedImage> = { subject: { chapter: 'image', variant: 'app' } };
  const surroundings = { signal: new AbortController().signal, progress: quietProgress() };
  await findNamedImages(surroundings, engine, [measurement], { sources: new Map(), ...(platform && { platform }) });
  expect(measurement.error).toBe(error);
  expect(measurement.image).toBe(error ? undefined : image);
});

test('an error has an end, whatever an image says of itself', async () => {
  const engine = {
    info: { name: 'docker' },
    image: () => Promise.reject(new Error('x'.repeat(1e6))),
  } as unknown as Engine;
  const measurement: Measurement<NamedImage> = { subject: { chapter: 'image', variant: 'app' } };
  const surroundings = { signal: new AbortController().signal, progress: quietProgress() };
  await findNamedImages(surroundings, engine, [measurement], { sources: new Map() });
  expect(measurement.error?.length).toBe(20_001);
});
