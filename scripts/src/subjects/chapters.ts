import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXIT, ToolError } from '../errors.ts';
import { readDockerfile } from './dockerfile.ts';

/** One Dockerfile to measure. */
export interface Subject {
  /** The chapter's folder name, such as `02-multi-stage`. */
  chapter: string;
  /** What comes after `Dockerfile.`, such as `multi`. */
  variant: string;
  /** The build context, an absolute path. */
  context: string;
  /** The Dockerfile, an absolute path. */
  dockerfile: string;
}

/** An image that is there already: it is measured as it is, without a Dockerfile. */
export interface NamedImage {
  chapter: typeof NAMED_IMAGES;
  /** The image's name. */
  variant: string;
}

/** Where a chapter's name would stand, for images that were given by name. */
export const NAMED_IMAGES = 'image';

/** How a subject is called in messages. */
export const subjectName = ({ chapter, variant }: Variant) => `${chapter} ${variant}`;

/** The variant that the others are compared with. */
export const REFERENCE = 'single';

/** The variant to ship, which further ones are compared with as well. */
export const AFTER = 'multi';

/** The one that the others of its chapter are compared with: `single`, or else the first. Named images have none. */
export function referenceOf<T>(all: T[], chapter: string, nameOf: (one: T) => Variant): T | undefined {
  const variants = chapter === NAMED_IMAGES ? [] : all.filter((one) => nameOf(one).chapter === chapter);
  return variants.find((one) => nameOf(one).variant === REFERENCE) ?? variants[0];
}

type Variant = Pick<Subject, 'chapter' | 'variant'>;

/** The file before, the file after, and whatever else there is. */
const rank = (variant: string) => [REFERENCE, AFTER, variant].indexOf(variant);

/**
 * Finds the chapters below `root` (folders that begin with two digits and hold a `Dockerfile.*`) and their variants:
 * chapters in the order of their names, `single` first, then `multi`.
 */
export async function findChapters(root: string): Promise<Subject[]> {
  const folders = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^\d\d-/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  const subjects = await Promise.all(
    folders.map(async (chapter) => {
      const files = await readdir(join(root, chapter));
      return files
        .map((file) => /^Dockerfile\.(?!.*\.dockerignore$)(.+)$/.exec(file)?.[1])
        .filter((variant) => variant !== undefined)
        .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
        .map((variant) => ({
          chapter,
          variant,
          context: join(root, chapter),
          dockerfile: join(root, chapter, `Dockerfile.${variant}`),
        }));
    }),
  );
  return subjects.flat();
}

/**
 * The subjects of the chapters that a user names, by folder name (`02-multi-stage`) or number (`02`, `2`); all of them
 * when no name is given.
 *
 * @throws {ToolError} with exit code 2 for a name that fits no chapter.
 */
export function selectChapters(subjects: Subject[], names: string[]): Subject[] {
  const chapters = [...new Set(subjects.map(({ chapter }) => chapter))];
  const selected = names.map((name) => {
    const number = /^\d{1,2}$/.test(name) ? `${name.padStart(2, '0')}-` : undefined;
    // A shell completes folder names with a slash.
    const found = chapters.find((chapter) => (number ? chapter.startsWith(number) : chapter === basename(name)));
    if (!found) {
      throw new ToolError(`There is no chapter "${name}".`, {
        exitCode: EXIT.usage,
        hint: `The chapters are: ${chapters.join(', ')}`,
      });
    }
    return found;
  });
  return names.length === 0 ? subjects : subjects.filter(({ chapter }) => selected.includes(chapter));
}

/**
 * The base images that the subjects' Dockerfiles name, each once.
 *
 * @throws {ToolError} for a Dockerfile that does not parse.
 */
export async function basesOf(subjects: Subject[]): Promise<string[]> {
  const facts = await Promise.all(
    subjects.map(async (subject) => readDockerfile(await readFile(subject.dockerfile, 'utf8'), subject.dockerfile)),
  );
  return [...new Set(facts.flatMap(({ bases }) => bases))];
}
