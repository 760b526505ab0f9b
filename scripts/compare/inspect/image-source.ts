import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ImageFacts } from '../../engine/engine.ts';
import { ToolError, usageError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { fitsPlatform } from '../../lib/platform.ts';
import { parseReference, type Reference } from '../../registry/reference.ts';
import { openArchiveFile } from './archive-file.ts';
import { type ContentStore, findStoredImage } from './content-store.ts';
import { isLayoutDirectory, openLayoutDirectory } from './layout-directory.ts';
import type { ImageChoice, StoredImage } from './stored-image.ts';

/** Where an image that is given by name is: at the engine, in a registry, or in a file or directory. */
export type ImageSource =
  | { kind: 'engine' }
  | { kind: 'registry'; reference: Reference }
  | { kind: 'path'; path: string; tag?: string };

/** As the transport of Skopeo and of containers/image is called. Other schemes are wrong: no image has such a name. */
const REGISTRY = /^[a-z][a-z\d+.-]*:\/\//i;
const PATH = /^\.{1,2}(\/|$)|^\/|\\|\.(tar|tgz|tar\.(gz|zst|xz|bz2))(#|$)/;

/**
 * Where the image of `--image` is. A path may end with `#NAME`, for a place that has several images.
 *
 * @param directory that of the user, which paths are relative to.
 * @throws {ToolError} with the code `usage` for a path that does not exist, and for another address than `docker://…`.
 */
export async function parseImageSource(name: string, directory: string): Promise<ImageSource> {
  if (REGISTRY.test(name)) return { kind: 'registry', reference: parseReference(name) };
  if (!PATH.test(name)) return { kind: 'engine' };
  const [, before = name, tag] = /^(.*)#([^#]*)$/s.exec(name) ?? [];
  for (const [file, ofFile] of [[name], [before, tag]]) {
    const path = resolve(directory, file ?? '');
    if (await stat(path).catch(() => null)) return { kind: 'path', path, ...(ofFile && { tag: ofFile }) };
  }
  throw usageError(
    `There is no file or directory ${before}.`,
    'To read an image from its registry: --image docker://NAME',
  );
}

/**
 * Finds an image that is stored outside of an engine, and reads its configuration.
 *
 * @throws {ToolError} when it cannot be read, or is for another platform than the one that is asked for.
 */
export async function openImage(
  source: Exclude<ImageSource, { kind: 'engine' }>,
  choice: ImageChoice,
  signal: AbortSignal,
): Promise<StoredImage> {
  const image = await open(source, choice, signal);
  requirePlatform(image.facts, choice);
  return image;
}

/** @throws {ToolError} when an image is for another platform than the one that is asked for. */
export function requirePlatform({ platform }: Pick<ImageFacts, 'platform'>, choice: ImageChoice, hint?: string): void {
  if (choice.platform === undefined || fitsPlatform(platform, choice.platform)) return;
  throw new ToolError(`${choice.name} is for ${shorten(platform, 100)}, not for ${choice.platform}.`, { hint });
}

async function open(
  source: Exclude<ImageSource, { kind: 'engine' }>,
  choice: ImageChoice,
  signal: AbortSignal,
): Promise<StoredImage> {
  if (source.kind === 'registry') {
    // Only here: what it imports takes longer to load than all the rest.
    const { openRegistry } = await import('../../registry/registry.ts');
    const registry = openRegistry(source.reference, signal);
    const store: ContentStore = {
      hasNames: false,
      manifest: registry.manifest,
      async *blobs(blobs) {
        for (const blob of blobs) yield { digest: blob.digest, content: registry.blob(blob) };
      },
    };
    return findStoredImage(store, choice);
  }
  const { path, tag } = source;
  const stats = await stat(path);
  if (stats.isDirectory()) {
    if (!(await isLayoutDirectory(path)))
      throw new ToolError(`${choice.name} is not an OCI layout: it has no index.json.`);
    const image = await findStoredImage(openLayoutDirectory(path, choice.name), { ...choice, tag });
    return { ...image, file: { path, form: 'oci-dir' as const } };
  }
  // A pipe can be read only once, and a device never ends.
  if (!stats.isFile()) throw new ToolError(`${choice.name} is not a file.`);
  return openArchiveFile(path, { ...choice, tag }, signal);
}
