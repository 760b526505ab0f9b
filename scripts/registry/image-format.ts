// The documents that describe an image in a registry: OCI's, and Docker's older names of the same.
// https://github.com/opencontainers/image-spec/blob/main/media-types.md

export const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

/**
 * The size up to which registries have to accept manifests, in bytes:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
export const MAX_DOCUMENT_BYTES = 4 << 20;
