import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, posix, relative, sep } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import { isInside } from '../../lib/is-inside.ts';
import type { Layout, Settings } from '../model/settings.ts';
import { REFERENCE, SHIPPED, type Subject } from '../model/subject.ts';

/** A Dockerfile in a directory, and its name. */
interface Variant {
  variant: string;
  /** An absolute path without symbolic links: BuildKit does not follow one that leads out of the context. */
  dockerfile: string;
}

/**
 * The subjects of a chapter or project: the Dockerfiles of `layout` in their order, or else all in the directory; each
 * target is a subject of its own.
 *
 * @throws {ToolError} with the code `usage` for a Dockerfile or build context that does not exist.
 */
export async function findSubjects(chapter: string, directory: string, layout: Layout, settings: Settings) {
  const { dockerfiles, context = directory, targets } = layout;
  const isDirectory = (await stat(context).catch(() => null))?.isDirectory();
  if (!isDirectory) throw usageError(`The build context ${context} is not a directory.`);
  const [realDirectory, realContext] = [await realpath(directory), await realpath(context)];
  const variants = dockerfiles ? await nameVariants(dockerfiles, realDirectory) : await findVariants(realDirectory);
  return variants.flatMap(({ variant, dockerfile }): Subject[] => {
    const file = posix.join(chapter, pathBelow(realDirectory, dockerfile));
    const subject: Subject = { chapter, variant, context: realContext, dockerfile, file, settings };
    const prefix = variants.length > 1 ? `${variant}:` : '';
    return targets?.map((target) => ({ ...subject, variant: `${prefix}${target}`, target })) ?? [subject];
  });
}

/** The path of a file below a directory, with forward slashes; of a file that is elsewhere, only its name. */
function pathBelow(directory: string, file: string): string {
  return isInside(file, directory) ? relative(directory, file).replaceAll(sep, posix.sep) : basename(file);
}

/** Names Dockerfiles. Those that would have the same name, such as api/Dockerfile and web/Dockerfile, get their paths. */
async function nameVariants(paths: string[], directory: string): Promise<Variant[]> {
  const variants = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const isFile = (await stat(path).catch(() => null))?.isFile();
      if (!isFile) throw usageError(`There is no Dockerfile ${path}.`);
      return { variant: variantName(basename(path)) ?? basename(path), dockerfile: await realpath(path) };
    }),
  );
  return variants.map(({ variant, dockerfile }) => {
    const isUnique = variants.filter((other) => other.variant === variant).length === 1;
    return { variant: isUnique ? variant : pathBelow(directory, dockerfile), dockerfile };
  });
}

/**
 * The Dockerfiles in a directory, not below it: `Dockerfile`, `Dockerfile.*` and `*.Dockerfile`. The variants `single`,
 * `Dockerfile` and `multi` come first. A link to another of them is left out.
 */
async function findVariants(directory: string): Promise<Variant[]> {
  const found = new Map<string, Variant>();
  const entries = await readdir(directory, { withFileTypes: true });
  // Links come last: what they lead to may already be there under its real name.
  entries.sort((a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || (a.name < b.name ? -1 : 1));
  for (const { name } of entries) {
    const variant = variantName(name);
    const isFile = variant !== null && (await stat(join(directory, name)).catch(() => null))?.isFile();
    if (!isFile) continue;
    const dockerfile = await realpath(join(directory, name));
    // `prod.Dockerfile` next to `Dockerfile.prod` keeps its file name.
    const isTaken = [...found.values()].some((other) => other.variant === variant);
    if (!found.has(dockerfile)) found.set(dockerfile, { variant: isTaken ? name : variant, dockerfile });
  }
  const rank = ({ variant }: Variant) => [REFERENCE, 'Dockerfile', SHIPPED, variant].indexOf(variant);
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || a.variant.localeCompare(b.variant, 'en'));
}

/** The variant that a file name stands for; null for the name of another file than a Dockerfile. */
function variantName(file: string): string | null {
  if (file === 'Dockerfile') return file;
  // `Dockerfile.multi.dockerignore` belongs to a Dockerfile; `Dockerfile~` is the copy of an editor.
  if (/(\.dockerignore|~)$/.test(file)) return null;
  return (/^Dockerfile\.(.+)$/s.exec(file) ?? /^(.+)\.Dockerfile$/s.exec(file))?.[1] ?? null;
}

/** The first `limit` Dockerfiles in `depth` levels of directories, without node_modules and hidden directories. */
export async function searchDockerfiles(directory: string, depth = 4, limit = 5): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const found = entries
    .filter((entry) => entry.isFile() && variantName(entry.name) !== null)
    .map(({ name }) => join(directory, name));
  for (const entry of depth > 1 ? entries : []) {
    if (found.length >= limit || !entry.isDirectory() || /^(\.|node_modules$)/.test(entry.name)) continue;
    found.push(...(await searchDockerfiles(join(directory, entry.name), depth - 1, limit)));
  }
  return found.slice(0, limit);
}
