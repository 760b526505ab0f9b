import { ToolError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { fitsPlatform, MACHINE_PLATFORM } from '../../lib/platform.ts';
import type { Descriptor } from './image-documents.ts';
import type { ImageChoice } from './stored-image.ts';

/**
 * Chooses an image in an index: of the platform that is asked for, or else the only one, or else that of this machine.
 *
 * @throws {ToolError} that lists what there is, when there is no such image.
 */
export function choosePlatform(descriptors: Descriptor[], { name, platform }: ImageChoice): Descriptor {
  const images = [...new Map(descriptors.filter(isImage).map((image) => [image.digest, image])).values()];
  const [first, ...others] = images;
  if (!first) throw new ToolError(`${name} has no image in it.`);
  // Where no platform is given, the image's own configuration may say it: it is checked when that is read.
  if (others.length === 0 && (!platform || !first.platform)) return first;
  const expected = platform ?? MACHINE_PLATFORM;
  const fitting = images.filter((image) => image.platform && fitsPlatform(platformOf(image), expected));
  // As engines do: the image for all variants of a processor, or else the one for the newest of them.
  fitting.sort((a, b) => variantOf(b).localeCompare(variantOf(a), 'en', { numeric: true }));
  const chosen = fitting.find((image) => variantOf(image) === '') ?? fitting[0];
  if (chosen) return chosen;
  const known = [...new Set(images.map(platformOf))].sort();
  const example = known.find((one) => PLAIN.test(one));
  const hint = `It has images for ${list(known)}.${example ? ` To choose: --platform ${example}` : ''}`;
  throw new ToolError(`${name} has no image for ${expected}.`, { hint });
}

/** What may stand in a command that a message proposes. */
const PLAIN = /^[\w.:/@-]{1,300}$/;
const MAX_LIST_LENGTH = 1000;
const list = (names: string[]) => shorten(names.join(', '), MAX_LIST_LENGTH);

const variantOf = ({ platform }: Descriptor) => platform?.variant ?? '';

/** BuildKit lists attestations, which are no images, beside the image: https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
const isImage = ({ annotations, platform }: Descriptor) =>
  annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown';

const platformOf = ({ platform }: Descriptor) =>
  platform ? [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/') : 'an unknown platform';

/** The names that engines and BuildKit write to the index of an OCI layout; the second is the full name. */
const NAME_KEYS = ['org.opencontainers.image.ref.name', 'io.containerd.image.name'];

const namesOf = ({ annotations }: Descriptor) => NAME_KEYS.flatMap((key) => annotations?.[key] ?? []);

/**
 * Chooses the images of a tag or name in an index; all of them without one.
 *
 * @throws {ToolError} that lists what there is, when that leaves images of several names, or none.
 */
export function chooseTag(descriptors: Descriptor[], { name, tag }: ImageChoice): Descriptor[] {
  const images = descriptors.filter(isImage);
  const fullNames = new Set(images.map((image) => namesOf(image).at(-1)));
  const known = [...fullNames].flatMap((one) => one ?? []);
  if (tag === undefined) {
    // An image with two names is listed twice.
    const isOne = new Set(images.map(({ digest }) => digest)).size < 2;
    if (fullNames.size > 1 && !isOne) throw severalNames(name, known);
    return images;
  }
  const found = images.filter((image) => namesOf(image).includes(tag));
  if (found.length === 0) throw missingName(name, tag, known);
  return found;
}

/** The error for a place with several images, where none is chosen. */
export function severalNames(name: string, names: string[]): ToolError {
  if (names.length === 0) {
    return new ToolError(`${name} has several images without a name.`, { hint: 'Save one of them alone.' });
  }
  const example = names.find((one) => PLAIN.test(one)) ?? 'NAME';
  return new ToolError(`${name} has several images: ${list(names)}.`, {
    hint: `To choose one: --image '${name}#${example}'`,
  });
}

/** The error for a name that a place does not have. */
export const missingName = (name: string, tag: string, names: string[]) =>
  new ToolError(`${name} has no image ${tag}.`, { hint: `It has: ${list(names) || 'images without a name'}.` });
