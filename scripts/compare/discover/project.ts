import { realpath, stat } from 'node:fs/promises';
import { basename, relative, sep } from 'node:path';
import { EXIT, ToolError } from '../../lib/errors.ts';
import type { Layout, Settings } from '../model/settings.ts';
import type { Subject } from '../model/subject.ts';
import { findVariants, type Variant, variantName } from './variants.ts';

/**
 * The Dockerfiles of a chapter or project: those that `layout` names, or else all in its folder; each of the targets is
 * one of its own.
 *
 * @throws {ToolError} with exit code 2 for a Dockerfile or build context that is not there.
 */
export async function findSubjects(
  chapter: string,
  folder: string,
  { dockerfiles, context = folder, targets }: Layout,
  settings: Settings,
): Promise<Subject[]> {
  const whole = await realpath(folder);
  const place = await realpath(context).catch(() => null);
  if (place === null || !(await stat(place)).isDirectory()) {
    throw new ToolError(`The build context ${context} is no folder.`, { code: 'usage' });
  }
  const variants = dockerfiles ? await namedVariants(dockerfiles, whole) : await findVariants(whole);
  return variants.flatMap(({ variant, dockerfile }) =>
    (targets ?? [undefined]).map((target) => ({
      chapter,
      variant: target === undefined ? variant : variants.length > 1 ? `${variant}:${target}` : target,
      context: place,
      dockerfile,
      file: `${chapter}/${pathIn(whole, dockerfile)}`,
      ...(target !== undefined && { target }),
      settings,
    })),
  );
}

/** A path in a folder with forward slashes; of a file that is elsewhere only its name. */
function pathIn(folder: string, file: string): string {
  const path = relative(folder, file);
  return path.startsWith('..') ? basename(file) : path.split(sep).join('/');
}

async function namedVariants(paths: string[], folder: string): Promise<Variant[]> {
  const files = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const isFile = (await stat(path).catch(() => null))?.isFile();
      if (!isFile) throw new ToolError(`There is no Dockerfile ${path}.`, { code: 'usage' });
      return { name: basename(path), dockerfile: await realpath(path) };
    }),
  );
  const called = files.map(({ name }) => variantName(name) ?? name);
  return files.map(({ dockerfile }, index) => ({
    // docker/api/Dockerfile beside docker/web/Dockerfile: each is called by its path then.
    variant:
      called.filter((one) => one === called[index]).length > 1 ? pathIn(folder, dockerfile) : (called[index] as string),
    dockerfile,
  }));
}
