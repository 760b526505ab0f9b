import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AFTER, REFERENCE } from '../model/subject.ts';

/** A Dockerfile in a folder, and what it is called. */
export interface Variant {
  variant: string;
  /** An absolute path. Symbolic links are followed: BuildKit does not follow one that leaves its folder. */
  dockerfile: string;
}

/** A file that is called just `Dockerfile`. */
const PLAIN = 'Dockerfile';

/** The file before, the one that a plain `docker build` takes, the file after, and whatever else there is. */
const rank = (variant: string) => [REFERENCE, PLAIN, AFTER, variant].indexOf(variant);

/**
 * The Dockerfiles in a folder, not below it: `Dockerfile`, `Dockerfile.*` and `*.Dockerfile`, `single` first. One that is
 * only a link to another is not told twice.
 */
export async function findVariants(folder: string): Promise<Variant[]> {
  const found = new Map<string, Variant>();
  const entries = await readdir(folder, { withFileTypes: true });
  // What is a link by itself comes last: it is known by its own name only where it leads elsewhere.
  entries.sort((a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || (a.name < b.name ? -1 : 1));
  for (const { name } of entries) {
    const variant = variantName(name);
    const isFile = variant !== null && (await stat(join(folder, name)).catch(() => null))?.isFile();
    if (!isFile) continue;
    const dockerfile = await realpath(join(folder, name));
    // `Dockerfile.prod` beside `prod.Dockerfile`: each is called by its whole name then.
    const taken = [...found.values()].some((one) => one.variant === variant);
    if (!found.has(dockerfile)) found.set(dockerfile, { variant: taken ? name : variant, dockerfile });
  }
  return [...found.values()].sort(
    (a, b) => rank(a.variant) - rank(b.variant) || a.variant.localeCompare(b.variant, 'en'),
  );
}

/** What a Dockerfile is called, or null for a file that is none by its name. */
export function variantName(file: string): string | null {
  if (file === PLAIN) return PLAIN;
  // A Dockerfile may have a file of its own with what to ignore; an editor leaves a copy with ~.
  if (/(\.dockerignore|~)$/.test(file)) return null;
  return (/^Dockerfile\.(.+)$/s.exec(file) ?? /^(.+)\.Dockerfile$/s.exec(file))?.[1] ?? null;
}

/** How deep, and how many, Dockerfiles are looked for to be suggested. */
const DEPTH = 4;
const SUGGESTED = 5;

/** Dockerfiles below a folder, for a suggestion: not in node_modules or hidden folders. Absolute paths. */
export async function dockerfilesBelow(folder: string, depth = DEPTH): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()))) {
    if (found.length >= SUGGESTED) break;
    const path = join(folder, entry.name);
    if (entry.isFile() && variantName(entry.name) !== null) found.push(path);
    const hidden = entry.name === 'node_modules' || entry.name.startsWith('.');
    if (entry.isDirectory() && !hidden && depth > 1) found.push(...(await dockerfilesBelow(path, depth - 1)));
  }
  return found.slice(0, SUGGESTED);
}
