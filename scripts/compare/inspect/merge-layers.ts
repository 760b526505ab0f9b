import { ToolError } from '../../lib/errors.ts';
import type { Contents } from '../model/report-schema.ts';
import type { LayerFile } from './layer.ts';

/** A file and its place in the image. */
export interface ImageFile extends LayerFile {
  /** Index of its layer, the lowest is 0. */
  layer: number;
  /** What a hard link leads to, which is never a link itself; absent for everything else, and for a link to nothing. */
  linked?: ImageFile;
  /** How a later entry replaced or deleted it, and in which layer, if one did. */
  removed?: Removal;
}

type Removal = Pick<Waste, 'how' | 'removedIn'>;

/** What a later layer replaced or deleted, as the report has it; its path has no leading slash. */
type Waste = Omit<Contents['waste'][number], 'instruction' | 'removedBy'>;

export type ImageTree = ReturnType<typeof mergeLayers>;

/** More paths than any real image has. */
const MAX_PATHS = 1_000_000;

interface Node {
  entry?: ImageFile;
  /** What holds the entry's bytes, and how many paths lead to it: hard links share it. */
  content?: { file: ImageFile; links: number };
  children?: Map<string, Node>;
}

/**
 * Merges the layers of an image, as an engine does for a container:
 * https://github.com/opencontainers/image-spec/blob/main/layer.md
 *
 * A file's bytes are counted once, in the layer that holds them; a hard link to it adds nothing. They are waste when no
 * path leads to them any more. So what a container sees and the waste add up to the bytes of all layers.
 *
 * @throws {ToolError} for an image with more paths than we keep in memory.
 */
export function mergeLayers(layers: LayerFile[][]) {
  const root: Node = {};
  const all: ImageFile[] = [];
  const waste = new Map<string, Waste>();
  let paths = 0;

  const findNode = (path: string): Node | undefined =>
    path === '' ? root : path.split('/').reduce<Node | undefined>((node, name) => node?.children?.get(name), root);

  /** Removes a node's entry; its bytes are counted as waste of `path`. */
  const removeEntry = (node: Node, path: string, removal: Removal) => {
    const { entry, content } = node;
    if (entry) entry.removed = removal;
    node.entry = undefined;
    node.content = undefined;
    if (!content) return;
    content.links -= 1;
    const { layer, bytes } = content.file;
    if (content.links > 0 || bytes === 0) return;
    const key = `${path}\0${layer}\0${removal.removedIn}`;
    const item = waste.get(key) ?? { path, ...removal, layer, files: 0, bytes: 0 };
    waste.set(key, { ...item, files: item.files + 1, bytes: item.bytes + bytes });
  };

  const removeChildren = (node: Node, path: string, removal: Removal) => {
    for (const child of node.children?.values() ?? []) {
      removeEntry(child, path, removal);
      removeChildren(child, path, removal);
    }
    node.children = undefined;
  };

  const makeNode = (path: string, removal: Removal): Node => {
    let node = root;
    for (const name of path.split('/')) {
      // A path below a file implies a directory, which replaces the file.
      if (node.entry && node.entry.kind !== 'directory') removeEntry(node, node.entry.path, removal);
      node.children ??= new Map();
      let child = node.children.get(name);
      if (!child) {
        paths += 1;
        if (paths > MAX_PATHS) throw new ToolError(`The image has more than ${MAX_PATHS} files and directories.`);
        child = {};
        node.children.set(name, child);
      }
      node = child;
    }
    return node;
  };

  layers.forEach((files, layer) => {
    const deleted: Removal = { how: 'deleted', removedIn: layer };
    const replaced: Removal = { how: 'replaced', removedIn: layer };
    // A layer's whiteouts apply only to the layers below it, wherever they stand in the tar.
    for (const { kind, path } of files) {
      const node = kind === 'whiteout' || kind === 'opaque' ? findNode(path) : undefined;
      if (!node) continue;
      if (kind === 'whiteout') removeEntry(node, path, deleted);
      removeChildren(node, path, deleted);
    }
    for (const file of files) {
      if (file.kind === 'whiteout' || file.kind === 'opaque') continue;
      const entry: ImageFile = { ...file, layer };
      all.push(entry);
      // Looked up first: a link may replace its own target.
      const { entry: linked, content } = { ...(file.kind === 'link' && findNode(file.target ?? '')) };
      if (linked && linked.kind !== 'directory') entry.linked = linked.linked ?? linked;
      const node = makeNode(file.path, replaced);
      if (content) content.links += 1;
      removeEntry(node, file.path, replaced);
      if (file.kind !== 'directory') removeChildren(node, file.path, replaced);
      node.entry = entry;
      node.content = file.kind === 'file' ? { file: entry, links: 1 } : content;
    }
  });

  return {
    /** Every entry of every layer, without whiteouts; lowest layer first. */
    all,
    /** What a container sees, by path. */
    visible: new Map(all.filter(({ removed }) => !removed).map((file) => [file.path, file])),
    /** The largest first. */
    waste: [...waste.values()].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)),
  };
}
