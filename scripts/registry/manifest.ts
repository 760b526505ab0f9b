import { z } from 'zod';
import { shorten } from '../lib/format.ts';
import { parseJson } from '../lib/parse-json.ts';

/** What we can read: https://github.com/opencontainers/image-spec/blob/main/media-types.md and Docker's older names. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

const manifestFormat = z.object({ schemaVersion: z.number().optional(), mediaType: z.string().optional() });

/**
 * The media type of a manifest or index: what it says itself, or else the header Content-Type. Where both say it, they
 * must agree: another program could read the same bytes as another image.
 *
 * @throws what `failure` makes of a message and a hint, for anything else.
 */
export function readMediaType(
  bytes: Buffer,
  contentType: string,
  failure: (message: string, hint: string) => Error,
): string {
  const header = contentType.replace(/;.*$/s, '').trim().toLowerCase();
  const { data } = manifestFormat.safeParse(parseJson(bytes.toString()));
  if (!data) {
    const type = header === '' ? 'something without a type' : shorten(header, 100);
    throw failure(`the registry sent ${type} and not a manifest.`, ADDRESS_HINT);
  }
  if (data.schemaVersion === 1) {
    throw failure(
      'the image has the format of Docker before 1.10 (manifest schema 1), which is not supported.',
      'Pull it with an old Docker, and push it again with a current one.',
    );
  }
  const type = data.mediaType ?? header;
  if (!MANIFEST_TYPES.includes(type)) {
    throw failure(`the registry sent ${shorten(type, 100)}, which is not the type of an image.`, IMAGE_HINT);
  }
  if (MANIFEST_TYPES.includes(header) && header !== type) {
    throw failure(`the registry sent a ${type} as ${header}.`, 'Push the image again, or report it to its publisher.');
  }
  return type;
}

const ADDRESS_HINT = "Check the registry's name: something else may be at this address.";
const IMAGE_HINT = 'Check the name: registries also hold charts, signatures and others that are not images.';
