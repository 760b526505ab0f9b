import { z } from 'zod';
import { BEHAVIOURS } from './behaviours.ts';
import { bench } from './bench-schema.ts';
import { contents } from './contents-schema.ts';
import { diff } from './diff-schema.ts';
import { CODES, LEVELS } from './finding-catalog.ts';
import { GROUPS } from './groups.ts';
import { components } from './sbom-schema.ts';
import { scan } from './scan-schema.ts';
import { bytes, count, layerIndex, milliseconds, optionalText } from './units.ts';

const keysOf = <K extends string>(object: Record<K, unknown>) => Object.keys(object) as [K, ...K[]];

/** What an image's bytes are grouped by, and what --behaviour checks, in the order in which they are shown. */
export const GROUP_NAMES = keysOf(GROUPS);
export const BEHAVIOUR_NAMES = keysOf(BEHAVIOURS);

const lineNumber = z.int().positive();

/** What older reports do not have is null, like what was not measured. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

const layer = z.object({
  digest: z.string().describe("The sha256 of the layer's uncompressed tar: its diff id"),
  bytes: bytes.describe('The bytes of all regular files in the layer'),
  pullBytes: bytes.describe('The bytes of the layer, compressed: see size.compression'),
  instruction: optionalText.describe('The instruction that made the layer; null when the image does not say'),
  sharedWith: z
    .array(z.string())
    .default([])
    .describe('The other images of this report with this layer, such as "02-multi-stage multi"'),
});

const size = z.object({
  unpackedBytes: bytes.describe('The unpacked size: all files of all layers, the sum of `bytes` over the layers'),
  pullBytes: bytes.describe('The download size: what a registry transfers, the sum of `pullBytes` over the layers'),
  compression: z
    .enum(['calculated', 'stored'])
    .default('calculated')
    .describe('calculated: gzip level 6. stored: as the archive or registry has the layers that it has compressed'),
  layers: z.array(layer).describe('The lowest layer first'),
});

const behaviour = z.object({
  name: z.enum(BEHAVIOUR_NAMES),
  ok: z.boolean().nullable().describe('Null when it does not apply or could not be checked'),
  reason: optionalText.describe('Why it is false or null'),
});

const finding = z.object({
  code: z.enum(CODES),
  level: z.enum(LEVELS),
  message: z.string(),
  line: optional(lineNumber).describe("The line of the Dockerfile's instruction that the finding is about"),
  count: z.int().positive().describe('How many places there are'),
  evidence: z
    .array(
      z.object({
        path: z.string().describe('A path in the image, or what stands for it, such as "ENV NPM_TOKEN"'),
        layer: layerIndex.nullable(),
        note: optionalText,
      }),
    )
    .describe('The first places'),
});

const contextPart = z.object({
  path: z.string().describe('Relative to the build context; a directory ends with a slash'),
  bytes,
  files: count,
});

const context = z
  .object({
    bytes: bytes.describe('The bytes of all regular files that the ignore file lets through'),
    files: count,
    ignoreFile: optionalText.describe('Relative to the build context; null when there is none'),
    largest: z.array(contextPart).describe('The largest entries, or what is most of an entry'),
    ignorable: z.array(contextPart).describe('When there is no ignore file: what a usual one would leave out'),
  })
  .describe('The files that the builder may be sent');

const run = z.object({
  firstResponseMs: milliseconds.nullable().describe('From asking the engine to run it to the first HTTP response'),
  status: z.int().nullable().describe('The HTTP status of the response'),
  port: optional(z.int()),
  path: z.string().default('/').describe('The path that was requested'),
  note: optional(z.string()).describe('What a reader should know about the response'),
});

export const imageSchema = z.object({
  chapter: z.string().describe('The name of a chapter or project; "image" for an image given by name'),
  variant: z.string(),
  dockerfile: optionalText.describe('Such as 02-multi-stage/Dockerfile.multi; null for an image given by name'),
  source: optional(
    z.object({
      file: z.string().describe('Relative to the directory where the user ran compare, with forward slashes'),
      line: lineNumber.describe("The line of the last stage's FROM"),
    }),
  ).describe('The Dockerfile; null for an image given by name'),
  target: optional(z.string()).describe('The stage that was built; null for the last one'),
  platform: optional(z.string()).describe("Such as linux/arm64; null for the engine's default"),
  base: optionalText.describe('The base image of the last stage; null when the Dockerfile cannot be parsed'),
  standIn: z.boolean().describe('Whether a base image was a locally built stand-in'),
  ok: z.boolean().describe('Whether it was built, measured and started, and gave the expected response'),
  error: optionalText.describe('What failed, with the last lines that the engine or the container printed'),
  errorCode: optional(z.string()).describe('The stable code of the error, such as program-failed'),
  errorLine: optional(lineNumber).describe("The line of the Dockerfile's instruction that failed"),
  context: optional(context),
  size: size.nullable(),
  baseLayers: optional(count).describe(
    "How many of the lowest layers are the base image's; null when that is not known",
  ),
  contents: optional(contents),
  components: optional(components).describe('What --sbom lists; null without it'),
  findings: optional(z.array(finding)).describe('The worst first; null when the files were not read'),
  build: z.object({ ms: milliseconds.describe('Builds run in parallel and use the layer cache') }).nullable(),
  run: run.nullable(),
  bench: optional(bench).describe('What --bench timed'),
  behaviour: optional(z.array(behaviour)).describe('What --behaviour checked'),
  scan: optional(scan).describe('What --scan counted'),
  config: z.object({ user: z.string().describe("The image's USER; empty means root") }).nullable(),
});

const comparison = z.object({
  chapter: z.string(),
  variant: z.string(),
  reference: z.string().describe('The variant that it is compared with'),
  unpackedSavedBytes: z.int().describe('Negative when the variant is larger than the reference'),
  unpackedSavedRatio: z.number().describe('The part of the reference that is saved: 0.57 means 57 % smaller'),
  pullSavedBytes: z.int(),
  pullSavedRatio: z.number(),
});

/** Version 2. Version 1 is read through report-v1.ts. */
export const reportSchema = z.object({
  schemaVersion: z.literal(2, { error: ({ input }) => `this tool reads versions 1 and 2, and this is ${input}` }),
  createdAt: z.iso.datetime(),
  platform: z.string().describe('The operating system and architecture that the tool ran on, such as linux/x64'),
  zlib: optional(z.string()).describe('The version of zlib that compressed the layers; another one gives other sizes'),
  engine: z
    .object({
      name: z.string(),
      version: z.string(),
      builder: z.string(),
      imageStore: z.string(),
      rootless: optional(z.boolean()),
    })
    .nullable()
    .describe('Null when all images were read without an engine'),
  images: z.array(imageSchema),
  comparisons: z.array(comparison),
  diff: optional(diff),
});

/** The document that holds all measurements of one invocation. Every output is a pure function of it. */
export type Report = z.infer<typeof reportSchema>;
export type ImageReport = z.infer<typeof imageSchema>;
export type Size = z.infer<typeof size>;
export type Contents = z.infer<typeof contents>;
export type Finding = z.infer<typeof finding>;
export type Evidence = Finding['evidence'][number];
export type BuildContext = z.infer<typeof context>;
export type ContextPart = z.infer<typeof contextPart>;
export type BehaviourResult = z.infer<typeof behaviour>;
export type Comparison = z.infer<typeof comparison>;
