import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { replaceBases } from '../../lib/dockerfile.ts';
import type { Subject } from '../model/subject.ts';
import type { ImageRequest } from './build-image.ts';

/** Copies a Dockerfile into a directory of its own, under its own name, which an error says. Returns the path of the copy. */
export async function copyDockerfile(
  { dockerfile }: Pick<Subject, 'dockerfile'>,
  directory: string,
  edit = (text: string) => text,
): Promise<string> {
  const copy = join(directory, 'copy', basename(dockerfile));
  await mkdir(dirname(copy));
  await writeFile(copy, edit(await readFile(dockerfile, 'utf8')));
  return copy;
}

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
  const copy = await copyDockerfile({ dockerfile }, directory, (text) =>
    replaceBases(text, dockerfile, replaceBase, settings),
  );

  const context = join(directory, 'base');
  await mkdir(context);
  await writeFile(join(context, 'Dockerfile'), SALTED_BASE);
  await writeFile(join(context, 'salt'), salt);
  const request = { context, dockerfile: join(context, 'Dockerfile'), platform: settings.platform };
  await Promise.all([...salted].map(([BASE, image]) => build({ ...request, name: image, buildArgs: { BASE } })));
  return copy;
}
