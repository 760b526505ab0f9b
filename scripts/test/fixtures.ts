import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { type ImageConfig, type LayerStore, readArchive } from '../compare/inspect/archive.ts';
import type { Layer } from '../compare/inspect/layer.ts';
import type { LayerFiles } from '../compare/inspect/layer-files.ts';

export const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

export interface Entry {
  name: string;
  content?: string | Buffer;
  type?: 'file' | 'link' | 'symlink' | 'directory' | 'character-device';
  linkname?: string;
  mode?: number;
  uid?: number;
  gid?: number;
}

/** A tar of these entries. */
export async function tar(entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', type = 'file', ...header } of entries) {
    archive.entry({ ...header, type, mtime: new Date(0) }, type === 'file' ? content : '');
  }
  archive.finalize();
  return buffer(archive as AsyncIterable<Buffer>);
}

/** A store that only remembers. */
export class Layers implements LayerStore {
  readonly found: { layer: Layer; files: LayerFiles }[] = [];
  has: LayerStore['has'] = () => false;
  hasTarBytes: LayerStore['hasTarBytes'] = () => false;
  async add(layer: Layer, files: LayerFiles): Promise<void> {
    this.found.push({ layer, files });
  }
}

/** What is read from an archive. */
export async function read(archive: Buffer, layers = new Layers()): Promise<Layers & { configs: ImageConfig[] }> {
  const configs = await readArchive(Readable.from([archive]), layers);
  return Object.assign(layers, { configs });
}

/** The files of a layer with these entries, as they are read from its tar. */
export async function layerOf(entries: Entry[]): Promise<LayerFiles> {
  const { found } = await read(await tar([{ name: 'a/layer.tar', content: await tar(entries) }]));
  if (!found[0]) throw new Error('No layer was found.');
  return found[0].files;
}
