import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { type Layer, layerSchema } from './layer.ts';
import { parseJson } from './parse-json.ts';

/** Part of the directory's name, so that a change in what is stored never mixes with older entries. */
const VERSION = 3;

/**
 * What earlier invocations measured, in one file for each layer and image. A layer's digest names its content, so an
 * entry never becomes stale. Damaged files are ignored. If a file cannot be written, the next invocation takes longer;
 * nothing else is lost.
 */
export class LayerCache {
  readonly #directory: string;

  /** A cache in `directory`, which is created when something is first stored. */
  constructor(directory: string) {
    this.#directory = join(directory, `measurements-v${VERSION}`);
  }

  async readLayer(diffId: string): Promise<Layer | undefined> {
    const { data } = layerSchema.safeParse(await readJson(this.#file('layers', diffId)));
    return data?.diffId === diffId ? data : undefined;
  }

  async writeLayer(layer: Layer): Promise<void> {
    await writeJson(this.#file('layers', layer.diffId), layer);
  }

  /** Two images with the same layers and the same history have the same instruction for each layer. */
  async readInstructions(diffIds: string[], history: string[]): Promise<(string | null)[] | undefined> {
    const json = await readJson(this.#file('instructions', [diffIds, history]));
    return z.array(z.string().nullable()).safeParse(json).data;
  }

  async writeInstructions(diffIds: string[], history: string[], instructions: (string | null)[]): Promise<void> {
    await writeJson(this.#file('instructions', [diffIds, history]), instructions);
  }

  #file(kind: string, key: unknown): string {
    const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex');
    return join(this.#directory, kind, `${hash}.json`);
  }
}

const readJson = async (path: string) => parseJson(await readFile(path, 'utf8').catch(() => ''));

async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, JSON.stringify(value), { fsync: false });
  } catch {
    // The cache only saves time.
  }
}
