import { join } from 'node:path';
import { z } from 'zod';

/** Where the JSON Schema of the report is published: beside this file. `npm run sync` writes it, a test compares it. */
export const REPORT_SCHEMA_FILE = join(import.meta.dirname, 'report.schema.json');

const bytes = z.int().nonnegative();
const milliseconds = z.number().nonnegative();

const layer = z.object({
  digest: z.string().describe("sha256 of the layer's uncompressed tar: its diff id"),
  bytes: bytes.describe('Bytes of all regular files in the layer'),
  pullBytes: bytes.describe('Bytes of the layer as gzip level 6'),
  instruction: z.string().nullable().describe('The instruction that made the layer; null when the image does not say'),
});

const image = z.object({
  chapter: z.string(),
  variant: z.string(),
  dockerfile: z.string().describe('Path relative to the repository, with forward slashes'),
  base: z
    .string()
    .nullable()
    .describe('The image that the last stage is built on; null when the Dockerfile does not parse'),
  standIn: z.boolean().describe('Whether a base image was a locally built stand-in'),
  ok: z.boolean().describe('Whether it was built, measured, started and gave the expected answer'),
  error: z.string().nullable().describe('What failed, with the last lines of the engine or container'),
  size: z
    .object({
      unpackedBytes: bytes.describe('On disk: the sum over the layers of `bytes`'),
      pullBytes: bytes.describe('What a registry would send: the sum over the layers of `pullBytes`'),
      layers: z.array(layer).describe('Lowest first'),
    })
    .nullable(),
  build: z.object({ ms: milliseconds.describe('Builds run side by side and use the layer cache') }).nullable(),
  run: z
    .object({
      firstResponseMs: milliseconds.nullable().describe('From asking the engine to run it to the first HTTP answer'),
      status: z.int().nullable().describe('HTTP status of GET /'),
    })
    .nullable(),
  config: z.object({ user: z.string().describe('As the image has it; empty means root') }).nullable(),
});

const comparison = z.object({
  chapter: z.string(),
  variant: z.string(),
  reference: z.string().describe('The variant that it is compared with'),
  unpackedSavedBytes: z.int().describe('Negative when the variant is larger than the reference'),
  unpackedSavedRatio: z.number().describe('Part of the reference that is saved: 0.57 is 57 % smaller'),
  pullSavedBytes: z.int(),
  pullSavedRatio: z.number(),
});

export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  createdAt: z.iso.datetime(),
  platform: z.string().describe('Operating system and architecture that the tool ran on, such as linux/x64'),
  engine: z.object({
    name: z.string(),
    version: z.string(),
    builder: z.string(),
    imageStore: z.string(),
  }),
  images: z.array(image),
  comparisons: z.array(comparison),
});

/** The document that holds all measurements of a run. Every output is a pure function of it. */
export type Report = z.infer<typeof reportSchema>;
export type ImageReport = z.infer<typeof image>;
export type Comparison = z.infer<typeof comparison>;

/** The JSON Schema of the report, as text. */
export function reportJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(reportSchema), null, 2)}\n`;
}
