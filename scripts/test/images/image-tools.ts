import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './test-engine.ts';

/**
 * Debian's programs that make, store and send images, for tests of images from elsewhere than the engine. One image for
 * all of these tests: the engine's build cache holds it.
 */
export const TOOLS_DOCKERFILE = `FROM node:26-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
    apache2-utils docker-buildx docker-registry docker.io openssl podman skopeo zstd
`;

/** Builds the image with the tools. Returns its id. */
export async function buildTools(bench: Bench): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'image-tools-'));
  try {
    await writeFile(join(directory, 'Dockerfile'), TOOLS_DOCKERFILE);
    return await bench.build(directory, 'Dockerfile');
  } finally {
    await rm(directory, { recursive: true });
  }
}
