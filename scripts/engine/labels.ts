import type { ImageFacts } from './engine.ts';

/** Every container and image that compare makes carries this label; its value is the id of the invocation. */
export const INVOCATION_LABEL = 'multi-stage-node.compare-invocation';

/**
 * A stand-in carries this label; its value is the name of the base image that it replaces. Images that are built on a
 * stand-in inherit the label, so an image *is* a stand-in only where the value is its own name.
 */
export const STAND_IN_LABEL = 'multi-stage-node.stand-in';

/** Whether the image that the engine has under `name` is a stand-in. */
export const isStandIn = (image: ImageFacts | null, name: string) => image?.labels[STAND_IN_LABEL] === name;
