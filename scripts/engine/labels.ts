import type { ImageFacts } from './engine.ts';

/** Every container and image that compare makes carries this label; its value is the id of the invocation. */
export const INVOCATION_LABEL = 'multi-stage-node.compare-invocation';

/** The label with the work directory of the invocation, whose name says which process made it. */
export const DIRECTORY_LABEL = 'multi-stage-node.compare-directory';

/** The repository of the images' names while an invocation lasts. */
export const TEMPORARY_IMAGES = 'multi-stage-node/compare';

/**
 * A stand-in carries this label; its value is the name of the base image that it replaces. Images that are built on a
 * stand-in inherit the label, so an image *is* a stand-in only where the value is its own name.
 */
export const STAND_IN_LABEL = 'multi-stage-node.stand-in';

/** Whether the image that the engine has under `name` is a stand-in. */
export function isStandIn(image: Pick<ImageFacts, 'labels'> | null, name: string): boolean {
  const replaced = image?.labels[STAND_IN_LABEL];
  return replaced !== undefined && shortenName(replaced) === shortenName(name);
}

/** An image's name as Docker lists it: without the parts that it adds for Docker Hub. */
export const shortenName = (name: string) => name.replace(/^(docker\.io\/)?(library\/)?/, '');
