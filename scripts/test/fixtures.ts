import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { KnownLayers } from '../compare/inspect/known-layers.ts';
import type { Layer } from '../compare/inspect/layer.ts';
import { readArchive } from '../compare/inspect/read-archive.ts';

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

/** Reads an archive, all at once or as a stream: its layers, without those to skip, and its configurations. */
export async function read(archive: Buffer | Readable, skip: Layer[] = []) {
  const layers: Layer[] = [];
  const onLayer = async (layer: Layer) => void layers.push(layer);
  const known = new KnownLayers();
  for (const layer of skip) known.add(layer);
  const source = archive instanceof Readable ? archive : Readable.from([archive]);
  const configs = await readArchive(source, (sign) => known.find(sign) !== undefined, { onLayer });
  return { layers, configs };
}

/** A layer with these entries, as it is read from its tar. */
export async function layerOf(entries: Entry[]): Promise<Layer> {
  const { layers } = await read(await tar([{ name: 'a/layer.tar', content: await tar(entries) }]));
  if (!layers[0]) throw new Error('The archive has no layer.');
  return layers[0];
}
