import { z } from 'zod';

const names = z.array(z.string());

/** What is kept of a file's content: never a secret itself. */
const note = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('packageJson'),
    name: z.string().optional(),
    version: z.string().optional(),
    /** Including optional and peer dependencies: npm installs those too. */
    dependencies: names,
    devDependencies: names,
  }),
  /** npm's own lockfile in node_modules: the directories, relative to it, of development dependencies. */
  z.object({ type: z.literal('hiddenLockfile'), dev: names }),
  z.object({ type: z.literal('osPackages'), count: z.int() }),
  z.object({
    type: z.literal('users'),
    users: z.array(z.object({ name: z.string(), uid: z.int(), gid: z.int(), home: z.string() })),
  }),
  z.object({
    type: z.literal('groups'),
    groups: z.array(z.object({ name: z.string(), gid: z.int(), members: names })),
  }),
  z.object({ type: z.enum(['privateKey', 'npmToken']) }),
]);

/** One entry of a layer's tar. */
const file = z.object({
  /** Without a leading slash. */
  path: z.string(),
  /** `whiteout` deletes a path of the layers below, `opaque` everything that they have in a directory. */
  kind: z.enum(['file', 'directory', 'link', 'symlink', 'other', 'whiteout', 'opaque']),
  /** Bytes of a regular file; 0 for everything else, including hard links. */
  bytes: z.int(),
  /** Permission bits, with setuid, setgid and sticky. */
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  /** The path of another entry for a hard link, the text of a symbolic link. */
  target: z.string().optional(),
  note: note.optional(),
});

/** What is measured about one layer, and what the cache stores of it. */
export const layerSchema = z.object({
  /** sha256 of the uncompressed tar, with the prefix `sha256:`. */
  diffId: z.string(),
  /** The digest of the compressed blob, where the archive holds the layer compressed. */
  blob: z.string().optional(),
  /** sha256 of the tar's first bytes, as {@link hashBeginning} calculates it. */
  beginning: z.string(),
  /** Bytes of the uncompressed tar. */
  tarBytes: z.int(),
  /** Bytes of all regular files in it. */
  bytes: z.int(),
  /** Bytes of the tar as gzip. */
  pullBytes: z.int(),
  /** In the order of the tar. */
  files: z.array(file),
});

export type Layer = z.infer<typeof layerSchema>;
export type LayerFile = z.infer<typeof file>;
export type Note = z.infer<typeof note>;
export type PackageJson = Extract<Note, { type: 'packageJson' }>;

/** A layer, and the instruction that made it, without secrets; null when the image does not say. */
export type ImageLayer = Layer & { instruction: string | null };

/** What an image is made of. */
export interface ImageLayers {
  /** Lowest first. */
  layers: ImageLayer[];
  /** The instructions that made the image, as the engine lists them, oldest first. May hold secrets: never printed. */
  history: string[];
}
