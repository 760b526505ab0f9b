import { ToolError } from '../../lib/errors.ts';
import type { Descriptor } from './image-documents.ts';
import type { ImageChoice } from './stored-image.ts';

/** This machine's platform, whose images an engine here would run. */
const MACHINE = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** `linux/arm` includes its variants; the only variant of `linux/arm64` may be left out. */
const plain = (text: string) => `${text.replace('arm64/v8', 'arm64')}/`;

/** Whether an image of this platform may be used where `expected` is asked for. */
export const fitsPlatform = (platform: string, expected: string) => plain(platform).startsWith(plain(expected));

/**
 * Chooses an image in an index: of the tag, where the index names several, and of the platform that is asked for, or else
 * of the only one, or else of this machine's.
 *
 * @throws {ToolError} that lists what there is, when that does not leave one image.
 */
export function choosePlatform(descriptors: Descriptor[], choice: ImageChoice): Descriptor {
  const images = chooseTag(descriptors.filter(isImage), choice);
  const { name, platform = MACHINE } = choice;
  const unique = [...new Map(images.map((image) => [image.digest, image])).values()];
  const fitting = unique.filter((image) => image.platform && fitsPlatform(platformOf(image), platform));
  // Where no platform is given, the image's own configuration may say it: it is checked when that is read.
  const [chosen] = unique.length === 1 && (!choice.platform || !unique[0]?.platform) ? unique : fitting;
  if (chosen) return chosen;
  const known = [...new Set(unique.map(platformOf))].sort();
  if (known.length === 0) throw new ToolError(`${name} has no image in it.`);
  throw new ToolError(`${name} has no image for ${platform}.`, {
    hint: `It has images for ${known.join(', ')}. To choose: --platform ${known[0]}`,
  });
}

/** BuildKit lists attestations, which are no images, beside the image: https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
const isImage = ({ annotations, platform }: Descriptor) =>
  annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown';

const platformOf = ({ platform }: Descriptor) =>
  platform ? [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/') : 'an unknown platform';

/** The names that engines and BuildKit write to the index of an OCI layout; the second is the full name. */
const NAME_KEYS = ['org.opencontainers.image.ref.name', 'io.containerd.image.name'];

const namesOf = ({ annotations }: Descriptor) => NAME_KEYS.flatMap((key) => annotations?.[key] ?? []);

function chooseTag(images: Descriptor[], { name, tag }: ImageChoice): Descriptor[] {
  const names = [...new Set(images.map((image) => namesOf(image).at(-1)))];
  if (tag === undefined) {
    if (names.length < 2) return images;
    throw severalNames(
      name,
      names.flatMap((one) => one ?? []),
    );
  }
  const found = images.filter((image) => namesOf(image).includes(tag));
  if (found.length > 0) return found;
  throw missingName(
    name,
    tag,
    names.flatMap((one) => one ?? []),
  );
}

/** The error for a place with several images, where none is chosen. */
export const severalNames = (name: string, names: string[]) =>
  new ToolError(`${name} has several images: ${names.join(', ')}.`, {
    hint: `To choose one: --image '${name}#${names[0]}'`,
  });

/** The error for a name that a place does not have. */
export const missingName = (name: string, tag: string, names: string[]) =>
  new ToolError(`${name} has no image ${tag}.`, { hint: `It has: ${names.join(', ') || 'images without a name'}.` });
