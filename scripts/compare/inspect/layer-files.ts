import { z } from 'zod';

/** `whiteout` deletes a path of the layers below, `opaque` all that they have in a folder. */
export const KINDS = ['file', 'directory', 'link', 'symlink', 'other', 'whiteout', 'opaque'] as const;

/** One entry of a layer's tar. Paths have no leading slash. */
export interface LayerFile {
  path: string;
  kind: (typeof KINDS)[number];
  /** Bytes of a regular file; 0 for everything else, hard links included. */
  bytes: number;
  /** Permission bits, with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Where a link leads: the path of another entry for a hard link, the text of a symbolic one. */
  target?: string;
}

const names = z.array(z.string());

/** What a package.json says, as far as it matters for who needs whom. */
export const manifestNote = z.object({
  type: z.literal('manifest'),
  name: z.string().optional(),
  version: z.string().optional(),
  /** Also the optional and the peer ones: npm installs those too. */
  dependencies: names,
  devDependencies: names,
});

/** What a file's content says, kept instead of the content: never a secret itself. */
export const note = z.discriminatedUnion('type', [
  manifestNote,
  /** npm's own list in node_modules: the folders, relative to it, of development dependencies. */
  z.object({ type: z.literal('lock'), dev: names }),
  z.object({ type: z.literal('osPackages'), count: z.int() }),
  z.object({
    type: z.literal('users'),
    users: z.array(z.object({ name: z.string(), uid: z.int(), gid: z.int(), home: z.string() })),
  }),
  z.object({
    type: z.literal('groups'),
    groups: z.array(z.object({ name: z.string(), gid: z.int(), members: names })),
  }),
  z.object({ type: z.literal('privateKey') }),
  z.object({ type: z.literal('npmToken') }),
]);

export type Note = z.infer<typeof note>;
export type Manifest = z.infer<typeof manifestNote>;

/** All entries of a layer, in the order of its tar, and what the contents of some of them say. */
export interface LayerFiles {
  files: LayerFile[];
  /** By path. */
  notes: Map<string, Note>;
}
