import { join } from 'node:path';
import { z } from 'zod';
import { BEHAVIOURS, type Behaviour } from './behaviours.ts';
import { CODES, type Code, LEVELS } from './finding-catalog.ts';
import { GROUPS, type Group } from './groups.ts';

/** Where the JSON Schema of the report is published: beside this file. `npm run sync` writes it, a test compares it. */
export const REPORT_SCHEMA_FILE = join(import.meta.dirname, 'report.schema.json');

const bytes = z.int().nonnegative();
const milliseconds = z.number().nonnegative();

const layer = z.object({
  digest: z.string().describe("sha256 of the layer's uncompressed tar: its diff id"),
  bytes: bytes.describe('Bytes of all regular files in the layer'),
  pullBytes: bytes.describe('Bytes of the layer as gzip level 6'),
  instruction: z.string().nullable().describe('The instruction that made the layer; null when the image does not say'),
  sharedWith: z
    .array(z.string())
    .default([])
    .describe('The other images of this run that have the same layer, such as "02-multi-stage multi"'),
});

const sampled = (unit: z.ZodType<number>, what: string) =>
  z
    .object({
      samples: z.array(unit).describe('In the order in which they were taken; empty when it could not be measured'),
      median: unit.nullable(),
      reason: z.string().nullable().describe('Why it could not be measured'),
    })
    .describe(what);

const builds = (what: string) =>
  sampled(milliseconds, what).extend({
    steps: z
      .object({
        total: z.int().nonnegative(),
        cached: z.int().nonnegative(),
        slowest: z.array(z.object({ name: z.string(), ms: milliseconds })).describe('At most three'),
      })
      .nullable()
      .describe('Of the build that is nearest to the median; null where the builder does not tell'),
  });

const bench = z.object({
  runs: z.int().positive(),
  startMs: sampled(milliseconds, 'From asking the engine to run it to the first good answer'),
  nodeStartMs: sampled(milliseconds, "From the start of process 1 to its line that it listens, by the engine's clock"),
  memoryBytes: sampled(bytes, 'At rest after the first answer').extend({
    counter: z.string().nullable().describe("The engine's counters that it is made of"),
  }),
  stopMs: sampled(milliseconds, "From SIGTERM to the end of process 1, by the engine's clock"),
  buildColdMs: builds('With no layer cache and no cache mount, base images there'),
  buildNoopMs: builds('Again, with nothing changed'),
  buildAfterEditMs: builds('After one line was added to a source file'),
  buildAfterDependencyMs: builds('After one dependency was added'),
});

const behaviour = z.object({
  name: z.enum(Object.keys(BEHAVIOURS) as [Behaviour, ...Behaviour[]]),
  ok: z.boolean().nullable().describe('Null where it does not apply or could not be found out'),
  reason: z.string().nullable().describe('Why it is not ok, or does not apply'),
});

const path = z.string().describe('Begins with a slash');
const layerIndex = z.int().nonnegative().describe('Index in size.layers, the lowest is 0');
const group = z.enum(Object.keys(GROUPS) as [Group, ...Group[]]);

const contents = z.object({
  groups: z.record(group, bytes).describe('All files of all layers by group: the sum is size.unpackedBytes'),
  largest: z
    .array(
      z.object({
        path,
        group,
        bytes,
        package: z.object({ name: z.string(), version: z.string().nullable() }).nullable(),
      }),
    )
    .describe('The largest packages and files, and folders (with a slash at the end) without what is named by itself'),
  packages: z
    .array(
      z.object({
        path,
        name: z.string(),
        version: z.string().nullable(),
        bytes: bytes.describe('Without the packages inside of it'),
        dev: z.boolean().describe('Whether only development dependencies need it'),
        deleted: z.boolean().describe('Whether a later layer deletes it'),
        requiredBy: z.array(z.string()).describe("The dependencies in the app's package.json that require it"),
      }),
    )
    .describe('The largest packages in node_modules'),
  wasteBytes: bytes.describe(
    'All files that a later layer replaces or deletes: size.unpackedBytes less what a container sees',
  ),
  waste: z
    .array(
      z.object({
        path: path.describe('A file, or a folder that went as a whole'),
        how: z.enum(['replaced', 'deleted']),
        files: z.int().positive(),
        bytes,
        layer: layerIndex.describe('The layer that still holds them, as an index in size.layers'),
        instruction: z.string().nullable().describe('The instruction that wrote them'),
        removedIn: layerIndex.describe('The layer that replaces or deletes them'),
        removedBy: z.string().nullable().describe('The instruction that replaces or deletes them'),
      }),
    )
    .describe('The largest of them'),
  facts: z.object({
    shells: z.array(path),
    packageManagers: z.array(path),
    files: z.int().nonnegative().describe('Files that a container sees'),
    npmPackages: z.int().nonnegative().describe("Without npm's own"),
    osPackages: z.int().nonnegative().nullable().describe('Of dpkg or apk; null when there is no database of either'),
  }),
});

const finding = z.object({
  code: z.enum(CODES as [Code, ...Code[]]),
  level: z.enum(LEVELS),
  message: z.string(),
  count: z.int().positive().describe('How many there are'),
  evidence: z
    .array(
      z.object({
        path: z.string().describe('A path in the image, or what it is instead, such as "ENV NPM_TOKEN"'),
        layer: layerIndex.nullable(),
        note: z.string().nullable(),
      }),
    )
    .describe('The first of them'),
});

const contextPart = z.object({
  path: z.string().describe('Relative to the build context; of a folder with a slash at its end'),
  bytes,
  files: z.int().nonnegative(),
});

const context = z
  .object({
    bytes: bytes.describe('All regular files that the ignore file lets through'),
    files: z.int().nonnegative(),
    ignoreFile: z.string().nullable().describe('Relative to the build context; null when there is none'),
    largest: z
      .array(contextPart)
      .describe('The largest of what is at the top, or a part of it where that is most of it'),
    ignorable: z.array(contextPart).describe('Where there is no ignore file: what a usual one would leave out'),
  })
  .describe('What the builder may be sent');

const image = z.object({
  chapter: z.string().describe('The name of a chapter or project; "image" for images that were there already'),
  variant: z.string(),
  dockerfile: z
    .string()
    .nullable()
    .describe(
      'Path in the chapter or project, after its name, such as 02-multi-stage/Dockerfile.multi; null for an image that was there already',
    ),
  target: z.string().nullable().default(null).describe('The stage that was built; null for the last one'),
  platform: z.string().nullable().default(null).describe("Such as linux/arm64; null for the engine's own"),
  base: z
    .string()
    .nullable()
    .describe('The image that the last stage is built on; null when the Dockerfile does not parse'),
  standIn: z.boolean().describe('Whether a base image was a locally built stand-in'),
  ok: z.boolean().describe('Whether it was built, measured, started and gave the expected answer'),
  error: z.string().nullable().describe('What failed, with the last lines of the engine or container'),
  errorCode: z.string().nullable().describe('The stable code of the error, such as program-failed'),
  context: context.nullable().default(null),
  size: z
    .object({
      unpackedBytes: bytes.describe('On disk: the sum over the layers of `bytes`'),
      pullBytes: bytes.describe('What a registry would send: the sum over the layers of `pullBytes`'),
      layers: z.array(layer).describe('Lowest first'),
    })
    .nullable(),
  contents: contents.nullable().default(null),
  findings: z.array(finding).nullable().default(null).describe('The worst first; null when it was not looked inside'),
  build: z.object({ ms: milliseconds.describe('Builds run side by side and use the layer cache') }).nullable(),
  run: z
    .object({
      firstResponseMs: milliseconds.nullable().describe('From asking the engine to run it to the first HTTP answer'),
      status: z.int().nullable().describe('HTTP status of the answer'),
      port: z.int().nullable().default(null),
      path: z.string().default('/').describe('What was requested'),
      note: z.string().nullable().default(null).describe('What is to be said about the answer'),
    })
    .nullable(),
  bench: bench.nullable().default(null).describe('What --bench timed'),
  behaviour: z.array(behaviour).nullable().default(null).describe('What --behaviour found'),
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
  schemaVersion: z.literal(2),
  createdAt: z.iso.datetime(),
  platform: z.string().describe('Operating system and architecture that the tool ran on, such as linux/x64'),
  zlib: z
    .string()
    .nullable()
    .default(null)
    .describe('What the pull sizes were made with: another zlib gives others, by one to three percent'),
  engine: z.object({
    name: z.string(),
    version: z.string(),
    builder: z.string(),
    imageStore: z.string(),
  }),
  images: z.array(image),
  comparisons: z.array(comparison),
});

/** The document that holds all measurements of one invocation. Every output is a pure function of it. */
export type Report = z.infer<typeof reportSchema>;
export type ImageReport = z.infer<typeof image>;
export type Size = NonNullable<ImageReport['size']>;
export type Contents = z.infer<typeof contents>;
export type Finding = z.infer<typeof finding>;
export type Evidence = Finding['evidence'][number];
export type BuildContext = z.infer<typeof context>;
export type ContextPart = z.infer<typeof contextPart>;
export type BehaviourResult = z.infer<typeof behaviour>;
export type Bench = z.infer<typeof bench>;
export type BuildSamples = Bench['buildColdMs'];
export type Comparison = z.infer<typeof comparison>;

/** The JSON Schema of the report, as text. */
export const reportJsonSchema = () => `${JSON.stringify(z.toJSONSchema(reportSchema), null, 2)}\n`;
