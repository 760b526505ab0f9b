import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { LayerStore } from './archive.ts';
import type { Layer } from './layer.ts';
import { KINDS, type LayerFile, type LayerFiles, note } from './layer-files.ts';

/** In the folder's name, so that a change in what is measured never mixes with older entries. */
const VERSION = 2;
const LINES_AT_ONCE = 1000;

/** path, kind, bytes, mode, uid, gid, target: as a list, because an image has tens of thousands of files. */
const fileEntry = z.tuple([z.string(), z.enum(KINDS), z.int(), z.int(), z.int(), z.int(), z.string().optional()]);

/** The first line of a layer's file; each further line is a fileEntry. */
const layerEntry = z.object({
  layer: z.object({
    diffId: z.string(),
    tarBytes: z.int(),
    bytes: z.int(),
    pullBytes: z.int(),
    blob: z.string().optional(),
  }),
  notes: z.array(z.tuple([z.string(), note])),
  files: z.int().describe('How many lines follow'),
});
const instructionsEntry = z.array(z.string().nullable());

/** A layer and what is in it. */
export interface KnownLayer {
  layer: Layer;
  files: LayerFiles;
}

/**
 * What was measured in earlier runs, a file for each layer and image. A layer's digest names its content, so an entry
 * never becomes stale. Only the layers that are asked for are in memory.
 */
export class LayerCache implements LayerStore {
  readonly #folder: string;
  readonly #layers = new Map<string, KnownLayer>();
  readonly #blobs = new Set<string>();
  readonly #tarBytes = new Set<number>();

  /** A cache in `folder`, which is made when something is first stored. */
  constructor(folder: string) {
    this.#folder = join(folder, `measurements-v${VERSION}`);
  }

  /** Reads what is known about these layers. Files that are damaged do not count. */
  async load(diffIds: string[]): Promise<void> {
    for (const diffId of new Set(diffIds)) {
      if (this.#layers.has(diffId)) continue;
      const known = readLayerFile(await readText(this.#path('layers', hex(diffId))));
      if (known?.layer.diffId === diffId) this.#remember(known.layer, known.files);
    }
  }

  layer(diffId: string): KnownLayer | undefined {
    return this.#layers.get(diffId);
  }

  has(digest: string): boolean {
    return this.#layers.has(digest) || this.#blobs.has(digest);
  }

  hasTarBytes(bytes: number): boolean {
    return this.#tarBytes.has(bytes);
  }

  /** Remembers a layer. A cache that cannot be written costs time in the next run, nothing else. */
  async add(layer: Layer, files: LayerFiles): Promise<void> {
    this.#remember(layer, files);
    await this.#write('layers', hex(layer.diffId), layerLines(layer, files));
  }

  /** The instructions of an image's layers, by its layers and history; or null. */
  async instructions(diffIds: string[], history: string[]): Promise<(string | null)[] | null> {
    const text = await readText(this.#path('instructions', imageKey(diffIds, history)));
    const entry = instructionsEntry.safeParse(parse(text));
    return entry.success ? entry.data : null;
  }

  async addInstructions(diffIds: string[], history: string[], instructions: (string | null)[]): Promise<void> {
    await this.#write('instructions', imageKey(diffIds, history), JSON.stringify(instructions));
  }

  #remember(layer: Layer, files: LayerFiles): void {
    this.#layers.set(layer.diffId, { layer, files });
    if (layer.blob) this.#blobs.add(layer.blob);
    this.#tarBytes.add(layer.tarBytes);
  }

  #path(kind: string, key: string): string {
    return join(this.#folder, kind, `${key}.json`);
  }

  async #write(kind: string, key: string, content: string | Iterable<string>): Promise<void> {
    const path = this.#path(kind, key);
    const temporary = join(this.#folder, kind, `.${randomUUID()}`);
    try {
      await mkdir(join(this.#folder, kind), { recursive: true });
      await writeFile(temporary, content);
      await rename(temporary, path);
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }
}

const hex = (diffId: string) => diffId.replace(/^sha256:/, '').replace(/[^0-9a-f]/g, '');

/** Two images with the same layers and the same history have the same instruction for each layer. */
function imageKey(diffIds: string[], history: string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([diffIds, history]))
    .digest('hex');
}

/** A layer's file in pieces: as one text it would be in memory several times. */
function* layerLines(layer: Layer, { files, notes }: LayerFiles): Generator<string> {
  yield `${JSON.stringify({ layer, notes: [...notes], files: files.length })}\n`;
  for (let at = 0; at < files.length; at += LINES_AT_ONCE) {
    const lines = files.slice(at, at + LINES_AT_ONCE).map(({ path, kind, bytes, mode, uid, gid, target }) => {
      const entry = [path, kind, bytes, mode, uid, gid];
      return `${JSON.stringify(target === undefined ? entry : [...entry, target])}\n`;
    });
    yield lines.join('');
  }
}

function readLayerFile(text: string): KnownLayer | undefined {
  const [first = '', ...lines] = text.split('\n').filter(Boolean);
  const entry = layerEntry.safeParse(parse(first));
  const files = lines.flatMap((line): LayerFile[] => {
    const file = fileEntry.safeParse(parse(line));
    if (!file.success) return [];
    const [path, kind, bytes, mode, uid, gid, target] = file.data;
    return [{ path, kind, bytes, mode, uid, gid, ...(target !== undefined && { target }) }];
  });
  if (!entry.success || entry.data.files !== files.length) return undefined;
  return { layer: entry.data.layer, files: { files, notes: new Map(entry.data.notes) } };
}

const readText = (path: string) => readFile(path, 'utf8').catch(() => '');

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
