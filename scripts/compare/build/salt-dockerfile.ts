import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { replaceBases } from '../../lib/dockerfile.ts';
import type { Subject } from '../model/subject.ts';
import type { ImageRequest } from './build-image.ts';

/** A base image, `scratch` included, with one more layer. */
const SALTED_BASE = 'ARG BASE\nFROM $BASE\nCOPY salt /.salt\n';

/**
 * Copies a subject's Dockerfile into `directory` and replaces each of its base images with a salted one: the same image
 * with one more layer, whose content is `salt`. Their names begin with the salt, too, and `build` builds them. Returns the
 * path of the copy.
 */
export async function saltDockerfile(
  { dockerfile, settings }: Subject,
  directory: string,
  salt: string,
  build: (request: ImageRequest) => Promise<unknown>,
): Promise<string> {
  const salted = new Map<string, string>();
  const replaceBase = (base: string) => {
    const image = salted.get(base) ?? `${salt}-base-${salted.size}`;
    salted.set(base, image);
    return image;
  };
  // Under its own name, which an error says.
  const copy = join(directory, 'salted', basename(dockerfile));
  await mkdir(dirname(copy));
  await writeFile(copy, replaceBases(await readFile(dockerfile, 'utf8'), dockerfile, replaceBase, settings));

  const context = join(directory, 'base');
  await mkdir(context);
  await writeFile(join(context, 'Dockerfile'), SALTED_BASE);
  await writeFile(join(context, 'salt'), salt);
  const request = { context, dockerfile: join(context, 'Dockerfile'), platform: settings.platform };
  await Promise.all([...salted].map(([BASE, image]) => build({ ...request, name: image, buildArgs: { BASE } })));
  return copy;
}
