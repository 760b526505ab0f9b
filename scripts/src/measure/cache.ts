import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { KnownLayers, Layer } from './archive.ts';

/** In the folder's name, so that a change in what is counted never mixes with older entries. */
const VERSION = 1;

const layerEntry = z.object({
  diffId: z.string(),
  tarBytes: z.int(),
  bytes: z.int(),
  pullBytes: z.int(),
  blob: z.string().optional(),
});
const instructionsEntry = z.array(z.string().nullable());

/**
 * What was measured in earlier runs, a small file for each layer and image. A layer's digest names its content, so an
 * entry never becomes stale.
 */
export class MeasurementCache implements KnownLayers {
  readonly #folder: string;
  readonly #byDigest = new Map<string, Layer>();
  readonly #tarBytes = new Set<number>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the cache in `folder`, which is made when something is first stored. Files that are damaged do not count. */
  static async open(folder: string): Promise<MeasurementCache> {
    const cache = new MeasurementCache(join(folder, `measurements-v${VERSION}`));
    const files = await readdir(join(cache.#folder, 'layers')).catch(() => []);
    for (const file of files) {
      const layer = layerEntry.safeParse(await readJson(join(cache.#folder, 'layers', file)));
      if (layer.success) cache.#remember(layer.data);
    }
    return cache;
  }

  byDigest(digest: string): Layer | undefined {
    return this.#byDigest.get(digest);
  }

  hasTarBytes(bytes: number): boolean {
    return this.#tarBytes.has(bytes);
  }

  /** Remembers a layer. A cache that cannot be written costs time in the next run, nothing else. */
  async addLayer(layer: Layer): Promise<void> {
    this.#remember(layer);
    await this.#write('layers', layer.diffId.replace('sha256:', ''), layer);
  }

  /** The instructions of an image's layers, by a key that names its layers and history. */
  async instructions(key: string): Promise<(string | null)[] | null> {
    const entry = instructionsEntry.safeParse(await readJson(join(this.#folder, 'instructions', `${key}.json`)));
    return entry.success ? entry.data : null;
  }

  async addInstructions(key: string, instructions: (string | null)[]): Promise<void> {
    await this.#write('instructions', key, instructions);
  }

  #remember(layer: Layer): void {
    this.#byDigest.set(layer.diffId, layer);
    if (layer.blob) this.#byDigest.set(layer.blob, layer);
    this.#tarBytes.add(layer.tarBytes);
  }

  async #write(kind: string, key: string, value: unknown): Promise<void> {
    const folder = join(this.#folder, kind);
    const temporary = join(folder, `.${randomUUID()}`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(temporary, JSON.stringify(value));
      await rename(temporary, join(folder, `${key}.json`));
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
