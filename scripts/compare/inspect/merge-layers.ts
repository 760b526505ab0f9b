import { ToolError } from '../../lib/errors.ts';
import type { LayerFile } from './layer-files.ts';

/** A file and its place in the image. */
export interface ImageFile extends LayerFile {
  /** Index of its layer, lowest 0. */
  layer: number;
  /** The layer that replaced or deleted it, if one did. */
  gone?: { layer: number; how: Removal };
}

export type Removal = 'replaced' | 'deleted';

/** What a later layer made useless. */
export interface Waste {
  /** The file, or the folder that was deleted or replaced as a whole. */
  path: string;
  how: Removal;
  /** Index of the layer that still holds the bytes. */
  layer: number;
  /** Index of the layer that replaced or deleted them. */
  removedIn: number;
  files: number;
  bytes: number;
}

export interface ImageTree {
  /** Every entry of every layer, whiteouts left out. */
  all: ImageFile[];
  /** What a container sees, by path. */
  visible: Map<string, ImageFile>;
  waste: Waste[];
}

/** More paths than any image has that people build. */
const MAX_PATHS = 1_000_000;

interface Node {
  entry?: ImageFile;
  /** What the entry's bytes belong to: hard links share it. */
  content?: Content;
  children?: Map<string, Node>;
}

interface Content {
  file: ImageFile;
  /** How many paths lead to it. */
  links: number;
}

/**
 * Lays the layers of an image over each other, as an engine does for a container: https://github.com/opencontainers/image-spec/blob/main/layer.md
 *
 * A file's bytes are counted once, where the layer holds them; a hard link to it counts nothing. They are waste when no
 * path leads to them any more. So what a container sees and the waste add up to the bytes of all layers.
 *
 * @throws {ToolError} for an image with more paths than memory is worth.
 */
export function mergeLayers(layers: LayerFile[][]): ImageTree {
  const root: Node = {};
  const all: ImageFile[] = [];
  const waste = new Map<string, Waste>();
  let paths = 0;

  const find = (path: string): Node | undefined =>
    path === '' ? root : path.split('/').reduce<Node | undefined>((node, name) => node?.children?.get(name), root);

  /** Takes a node's entry away; the waste is told under `path`. */
  const forget = (node: Node, path: string, by: { layer: number; how: Removal }) => {
    const { entry, content } = node;
    if (entry) entry.gone = by;
    node.entry = undefined;
    node.content = undefined;
    if (!content) return;
    content.links -= 1;
    if (content.links > 0 || content.file.bytes === 0) return;
    const key = `${path}\0${content.file.layer}\0${by.layer}`;
    const known = waste.get(key) ?? {
      path,
      how: by.how,
      layer: content.file.layer,
      removedIn: by.layer,
      files: 0,
      bytes: 0,
    };
    waste.set(key, { ...known, files: known.files + 1, bytes: known.bytes + content.file.bytes });
  };

  const forgetBelow = (node: Node, path: string, by: { layer: number; how: Removal }) => {
    const rest = [node];
    for (let next = rest.pop(); next; next = rest.pop()) {
      for (const child of next.children?.values() ?? []) {
        forget(child, path, by);
        rest.push(child);
      }
      next.children = undefined;
    }
  };

  const make = (path: string, layer: number): Node => {
    let node = root;
    let at = '';
    for (const name of path.split('/')) {
      // What is in a folder makes the folder, also over something else.
      if (node.entry && node.entry.kind !== 'directory') forget(node, at, { layer, how: 'replaced' });
      at = at === '' ? name : `${at}/${name}`;
      node.children ??= new Map();
      let child = node.children.get(name);
      if (!child) {
        paths += 1;
        if (paths > MAX_PATHS) throw new ToolError(`The image has more than ${MAX_PATHS} files and folders.`);
        child = {};
        node.children.set(name, child);
      }
      node = child;
    }
    return node;
  };

  layers.forEach((files, layer) => {
    // A layer's whiteouts are for the layers below it only, wherever they stand in the tar.
    for (const { kind, path } of files) {
      if (kind !== 'whiteout' && kind !== 'opaque') continue;
      const node = find(path);
      if (!node) continue;
      const by = { layer, how: 'deleted' } as const;
      if (kind === 'whiteout') forget(node, path, by);
      forgetBelow(node, path, by);
    }
    for (const file of files) {
      if (file.kind === 'whiteout' || file.kind === 'opaque') continue;
      const entry: ImageFile = { ...file, layer };
      all.push(entry);
      // Looked up first: a link may stand where its own target stood.
      const target = file.kind === 'link' ? find(file.target ?? '')?.content : undefined;
      const node = make(file.path, layer);
      const by = { layer, how: 'replaced' } as const;
      if (target) target.links += 1;
      if (node.entry) forget(node, file.path, by);
      if (file.kind !== 'directory') forgetBelow(node, file.path, by);
      node.entry = entry;
      if (file.kind === 'file') node.content = { file: entry, links: 1 };
      else if (target) node.content = target;
    }
  });

  const visible = new Map<string, ImageFile>();
  const rest: Node[] = [root];
  for (let node = rest.pop(); node; node = rest.pop()) {
    if (node.entry) visible.set(node.entry.path, node.entry);
    rest.push(...(node.children?.values() ?? []));
  }
  return { all, visible, waste: [...waste.values()].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)) };
}
