import type { Settings } from './settings.ts';

/** One Dockerfile to measure, or one stage of it. */
export interface Subject {
  /** The chapter's folder name, such as `02-multi-stage`, or the project's. */
  chapter: string;
  /** What comes after `Dockerfile.`, such as `multi`. */
  variant: string;
  /** The build context, an absolute path. */
  context: string;
  /** The Dockerfile, an absolute path. */
  dockerfile: string;
  /** How the Dockerfile is called in reports: its path below the chapter, with the chapter's name and forward slashes. */
  file: string;
  /** The stage to build; the last one when absent. */
  target?: string;
  /** How it is built, run and requested. */
  settings: Settings;
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
