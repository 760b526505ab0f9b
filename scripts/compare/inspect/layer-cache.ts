import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { parseJson } from '../../lib/parse-json.ts';
import type { Layer } from './layer.ts';

/** The instruction that made each layer of an image; null where the image does not say. */
type Instructions = (string | null)[];

/** Part of the directory's name, so that a change in what is stored never mixes with older entries. */
const VERSION = 6;

/**
 * What earlier invocations measured, in one file for each layer and image. A layer's digest names its content, so an
 * entry never becomes stale. Each file begins with a checksum of its key and its content: what is damaged, or was stored
 * for something else, is measured again. If a file cannot be written, the next invocation takes longer; nothing else is
 * lost.
 */
export class LayerCache {
  readonly #directory: string;

  /** A cache in `directory`, which is created when something is first stored. */
  constructor(directory: string) {
    this.#directory = join(directory, `measurements-v${VERSION}`);
  }

  async readLayer(diffId: string): Promise<Layer | undefined> {
    // With its checksum, it is what was once written in this shape: the schema would take most of the time of a warm compare.
    return (await this.#read('layers', diffId)) as Layer | undefined;
  }

  async writeLayer(layer: Layer): Promise<void> {
    await this.#write('layers', layer.diffId, layer);
  }

  /** Two images with the same layers and the same history have the same instruction for each layer. */
  async readInstructions(diffIds: string[], history: string[]): Promise<Instructions | undefined> {
    return (await this.#read('instructions', [diffIds, history])) as Instructions | undefined;
  }

  async writeInstructions(diffIds: string[], history: string[], instructions: Instructions): Promise<void> {
    await this.#write('instructions', [diffIds, history], instructions);
  }

  async #read(kind: string, key: unknown): Promise<unknown> {
    const stored = await readFile(this.#file(kind, key), 'utf8').catch(() => '');
    const json = stored.slice(CHECKSUM_LENGTH + 1);
    return stored === withChecksum(key, json) ? parseJson(json) : undefined;
  }

  async #write(kind: string, key: unknown, value: unknown): Promise<void> {
    const path = this.#file(kind, key);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, withChecksum(key, JSON.stringify(value)), { fsync: false });
    } catch {
      // The cache only saves time.
    }
  }

  #file(kind: string, key: unknown): string {
    return join(this.#directory, kind, `${hash(JSON.stringify(key))}.txt`);
  }
}

/** The hexadecimal digits of a sha256. */
const CHECKSUM_LENGTH = 64;

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const withChecksum = (key: unknown, json: string) => `${hash(`${JSON.stringify(key)}\n${json}`)}\n${json}`;
