import type { OperatingSystem, OsPackage } from '../model/sbom-schema.ts';

/** The part of a package.json that is kept. */
export interface PackageJson {
  type: 'packageJson';
  name?: string;
  version?: string;
  /** Including optional and peer dependencies: npm installs those too. */
  dependencies: string[];
  devDependencies: string[];
}

/** What is kept of a file's content: never a secret itself. */
export type Note =
  | PackageJson
  /** npm's own lockfile in node_modules: the directories, relative to it, of development dependencies. */
  | { type: 'hiddenLockfile'; dev: string[] }
  | { type: 'osPackages'; packages: OsPackage[] }
  | ({ type: 'osRelease' } & OperatingSystem)
  /** Of Node's program: its version, such as `26.12.1`. */
  | { type: 'node'; version: string }
  | { type: 'users'; users: { name: string; uid: number; gid: number; home: string }[] }
  | { type: 'groups'; groups: { name: string; gid: number; members: string[] }[] }
  | { type: 'privateKey' | 'npmToken' };

/** One entry of a layer's tar. */
export interface LayerFile {
  /** Without a leading slash. */
  path: string;
  /** `whiteout` deletes a path of the layers below, `opaque` everything that they have in a directory. */
  kind: 'file' | 'directory' | 'link' | 'symlink' | 'other' | 'whiteout' | 'opaque';
  /** Bytes of a regular file; 0 for everything else, including hard links. */
  bytes: number;
  /** Permission bits, with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** The path of another entry for a hard link, the text of a symbolic link. */
  target?: string;
  /** A digest of a regular file's content; absent for everything else and for empty files. */
  digest?: string;
  note?: Note;
}

/** What is measured about one layer, and what the cache stores of it. After a change here, increase the cache's version. */
export interface Layer {
  /** sha256 of the uncompressed tar, with the prefix `sha256:`. */
  diffId: string;
  /** The digest of the compressed blob, where the archive holds the layer compressed. */
  blob?: string;
  /** sha256 of the tar's first bytes, as `hashBeginning` in known-layers.ts calculates it. */
  beginning: string;
  /** Bytes of the uncompressed tar. */
  tarBytes: number;
  /** Bytes of all regular files in it. */
  bytes: number;
  /** Bytes of the tar as gzip. */
  pullBytes: number;
  /** In the order of the tar. */
  files: LayerFile[];
}

/** A layer of an image. */
export type ImageLayer = Layer & {
  /** The instruction that made it, without secrets; null when the image does not say. */
  instruction: string | null;
  /** The bytes of its blob, where the image was read from an archive or a registry that has it compressed. */
  blobBytes?: number | null;
};

/** What an image is made of. */
export interface ImageLayers {
  /** Lowest first. */
  layers: ImageLayer[];
  /** The instructions that made the image, as the engine lists them, oldest first. May hold secrets: never printed. */
  history: string[];
}
