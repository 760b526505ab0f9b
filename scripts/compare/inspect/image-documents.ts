import { createHash } from 'node:crypto';
import { z } from 'zod';
import { imageConfig as engineConfig, toImageFacts } from '../../engine/docker-inspect.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { instructionText } from './instruction.ts';

// The JSON documents that an image is made of: https://github.com/opencontainers/image-spec

/** The distribution specification recommends that registries accept manifests of up to this size. */
export const MAX_DOCUMENT_BYTES = 4 << 20;
/** Engines accept 127 layers. */
const MAX_LAYERS = 1000;

const platform = z.object({ os: z.string(), architecture: z.string(), variant: z.string().nullish() });

/** What names a document or a blob, and where it can be had. */
const descriptor = z.object({
  mediaType: z.string().nullish(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'only digests of the form sha256:… can be read'),
  size: z.int().nonnegative(),
  platform: platform.nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});

/** An index lists images, usually one for each platform. Docker calls it a manifest list. */
const indexDocument = z.object({ manifests: z.array(descriptor) });
const manifestDocument = z.object({ config: descriptor, layers: z.array(descriptor).max(MAX_LAYERS) });

const configDocument = z.object({
  os: z.string().nullish(),
  architecture: z.string().nullish(),
  variant: z.string().nullish(),
  config: engineConfig.nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()).max(MAX_LAYERS).nullish() }),
  history: z.array(z.object({ created_by: z.string().nullish(), empty_layer: z.boolean().nullish() })).nullish(),
});

export type Descriptor = z.infer<typeof descriptor>;
/** What names a blob. */
export type Blob = Pick<Descriptor, 'digest' | 'size'>;
export type ManifestDocument = z.infer<typeof manifestDocument>;

export const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * An index or a manifest, whichever it is. `name` is what messages call the image.
 *
 * @throws {ToolError} for anything else, such as the manifests that Docker wrote before 2016.
 */
export function readManifest(bytes: Buffer, name: string): { manifests: Descriptor[] } | ManifestDocument {
  const document = parseJson(bytes.toString('utf8'));
  const parsed = z.union([indexDocument, manifestDocument]).safeParse(document);
  if (parsed.success) return parsed.data;
  const isOld = z.object({ schemaVersion: z.literal(1) }).safeParse(document).success;
  const [issue] =
    (hasKey(document, 'manifests') ? indexDocument : manifestDocument).safeParse(document).error?.issues ?? [];
  const problem = `${issue?.path.join('.') || 'the document'}: ${issue?.message}`;
  throw new ToolError(`The manifest of ${name} cannot be read: ${isOld ? 'it is of schema version 1' : problem}`);
}

const hasKey = (value: unknown, key: string) => typeof value === 'object' && value !== null && key in value;

/** The part of an image's configuration that compare uses. */
export interface ImageConfig {
  facts: ImageFacts;
  /** The instructions that made the image, oldest first. May hold secrets: never printed. */
  history: string[];
  /** The instruction that made each layer, without secrets; null where the image does not say. */
  instructions: (string | null)[];
}

/**
 * An image's configuration. Its digest is the id of the image.
 *
 * @throws {ToolError} when it is not one.
 */
export function readImageConfig(bytes: Buffer, name: string): ImageConfig {
  const { data, error } = configDocument.safeParse(parseJson(bytes.toString('utf8')));
  if (!data) {
    const [issue] = error.issues;
    throw new ToolError(`The configuration of ${name} cannot be read: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { os, architecture, variant, config, rootfs, history } = data;
  const diffIds = rootfs.diff_ids ?? [];
  return {
    facts: toImageFacts({
      Id: sha256(bytes),
      Os: os,
      Architecture: architecture,
      Variant: variant,
      Config: config,
      RootFS: { Layers: diffIds },
    }),
    history: (history ?? []).map(({ created_by }) => created_by ?? ''),
    instructions: layerInstructions(diffIds, history ?? []),
  };
}

/** The instruction that made each layer, without secrets; null where the history does not fit the layers. */
export function layerInstructions(
  diffIds: string[],
  history: { created_by?: string | null; empty_layer?: boolean | null }[],
): (string | null)[] {
  const made = history.filter(({ empty_layer }) => !empty_layer);
  const isComplete = made.length === diffIds.length;
  return diffIds.map((_, index) => (isComplete ? instructionText(made[index]?.created_by ?? '') : null));
}
