import { z } from 'zod';
import { imageConfig as engineConfig, toImageFacts } from '../../engine/docker-inspect.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { sha256, verifyContent } from '../../lib/digest.ts';
import { ToolError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { INDEX_TYPES, MANIFEST_TYPES } from '../../registry/image-format.ts';
import { instructionText } from './instruction.ts';

// The JSON documents that an image is made of: https://github.com/opencontainers/image-spec

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
const indexDocument = z.object({ mediaType: z.enum(INDEX_TYPES).nullish(), manifests: z.array(descriptor) });
const manifestDocument = z.object({
  mediaType: z.enum(MANIFEST_TYPES).nullish(),
  config: descriptor,
  layers: z.array(descriptor).max(MAX_LAYERS),
});

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

/** The error for an image whose parts do not belong together, or are not there. `name` is what messages call the image. */
export const damaged = (name: string, problem: string) =>
  new ToolError(`${name} is damaged: ${problem}.`, { hint: 'Save, copy or push the image again.' });

/** Passes on the content of a blob. @throws {ToolError} as {@link verifyContent} does. */
export const verifyBlob = (content: AsyncIterable<Buffer>, blob: Blob, name: string) =>
  verifyContent(content, blob, (problem) => damaged(name, `${blob.digest} ${problem}`));

const unreadable = (what: string, problem: string) =>
  new ToolError(`The ${what} cannot be read: ${problem}.`, {
    hint: 'Is it an image? Registries also hold charts, signatures and others.',
  });

const describeIssue = ([issue]: z.core.$ZodIssue[]) => `${issue?.path.join('.') || 'the document'}: ${issue?.message}`;

/**
 * An index or a manifest, whichever it is. `name` is what messages call the image.
 *
 * @throws {ToolError} for anything else, such as the manifests that Docker wrote before 2016; and for a document that is
 * both, which another program could read as another image: https://github.com/advisories/GHSA-77vh-xpmg-72qh
 */
export function readManifest(bytes: Buffer, name: string): { manifests: Descriptor[] } | ManifestDocument {
  const document = parseJson(bytes.toString('utf8'));
  const hasKey = (key: string) => typeof document === 'object' && document !== null && key in document;
  const parsed = (hasKey('manifests') ? indexDocument : manifestDocument).safeParse(document);
  const isBoth = hasKey('manifests') && (hasKey('layers') || hasKey('config'));
  if (parsed.success && !isBoth) return parsed.data;
  const fail = (problem: string) => unreadable(`manifest of ${name}`, problem);
  if (document === undefined) throw fail('it is not JSON');
  if (z.object({ schemaVersion: z.literal(1) }).safeParse(document).success) throw fail('it is of schema version 1');
  throw fail(isBoth ? 'it is an index as well' : describeIssue(parsed.error?.issues ?? []));
}

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
 * @param layerCount how many layers the manifest lists.
 * @throws {ToolError} when it is not one, or is that of an image with another number of layers.
 */
export function readImageConfig(bytes: Buffer, name: string, layerCount: number): ImageConfig {
  const { data, error } = configDocument.safeParse(parseJson(bytes.toString('utf8')));
  if (!data) throw unreadable(`configuration of ${name}`, describeIssue(error.issues));
  const { os, architecture, variant, config, rootfs, history } = data;
  const diffIds = rootfs.diff_ids ?? [];
  if (diffIds.length !== layerCount) {
    throw damaged(name, `its manifest has ${layerCount} layers, its configuration ${diffIds.length}`);
  }
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
