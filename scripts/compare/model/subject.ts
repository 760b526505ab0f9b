import type { Settings } from './settings.ts';

/** One Dockerfile to measure, or one stage of it. */
export interface Subject {
  /** The name of the chapter or project, such as `02-multi-stage`. */
  chapter: string;
  /** What comes after `Dockerfile.`, such as `multi`. */
  variant: string;
  /** The build context, an absolute path. */
  context: string;
  /** The Dockerfile, an absolute path. */
  dockerfile: string;
  /** The Dockerfile as reports name it: the name of the chapter and the path below it, with forward slashes. */
  file: string;
  /** The stage to build; the last one when absent. */
  target?: string;
  settings: Settings;
}

/** An image that is given by name, which is its variant: it is measured without a Dockerfile. */
export type NamedImage = { chapter: typeof NAMED_IMAGES; variant: string };

export type SubjectName = Pick<Subject, 'chapter' | 'variant'>;

/** The chapter of images that are given by name. */
export const NAMED_IMAGES = 'image';

/** The name of a subject in messages. */
export const subjectName = ({ chapter, variant }: SubjectName) => `${chapter} ${variant}`;

/** The variant that the others are compared with. */
export const REFERENCE = 'single';

/** The variant to ship. Variants other than `single` are also compared with it. */
export const SHIPPED = 'multi';

/** The variant that the others of its chapter are compared with: `single`, or else the first. Named images have none. */
export function referenceOf<T>(all: T[], chapter: string, nameOf: (one: T) => SubjectName): T | undefined {
  const variants = chapter === NAMED_IMAGES ? [] : all.filter((one) => nameOf(one).chapter === chapter);
  return variants.find((one) => nameOf(one).variant === REFERENCE) ?? variants[0];
}
