import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { readDockerfile } from '../lib/dockerfile.ts';
import type { Progress } from '../lib/progress.ts';
import { provideBaseImages } from './base-images.ts';
import { confirmStandIns } from './confirm-stand-ins.ts';

/** Provides the base images of a Dockerfile that the engine lacks, as setup does. Docker would only pull them. */
export async function provideBasesOf(
  dockerfile: string,
  { engine, progress, signal }: { engine: Engine; progress: Progress; signal: AbortSignal },
): Promise<void> {
  const { bases } = readDockerfile(await readFile(dockerfile, 'utf8'), basename(dockerfile));
  const present = await Promise.all(bases.map((name) => engine.image(name)));
  const missing = bases.filter((_, index) => !present[index]);
  const confirm = (names: string[]) => confirmStandIns(names, signal);
  if (missing.length > 0) await provideBaseImages(engine, missing, progress, { requested: false, confirm, signal });
}
