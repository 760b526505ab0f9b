import { z } from 'zod';
import { GROUPS, type Group } from './groups.ts';
import { bytes, count, layerIndex, optionalText, path } from './units.ts';

const group = z.enum(Object.keys(GROUPS) as [Group, ...Group[]]);

const nodeProgram = z.object({
  path,
  version: z
    .string()
    .regex(/^[\w.-]+$/)
    .describe('Such as 26.12.1'),
  endOfLife: z.iso
    .date()
    .nullable()
    .describe("The last day of support, by Node's release schedule; null when not known"),
});

/** What is in an image, as --inside shows it. */
export const contents = z.object({
  groups: z.record(group, bytes).describe('All files of all layers by group: the sum is size.unpackedBytes'),
  largest: z
    .array(
      z.object({
        path,
        group,
        bytes,
        package: z.object({ name: z.string(), version: optionalText }).nullable(),
      }),
    )
    .describe(
      'The largest packages, files and directories (with a slash at the end), each without the entries that are in this list',
    ),
  packages: z
    .array(
      z.object({
        path,
        name: z.string(),
        version: optionalText,
        bytes: bytes.describe('Without the packages inside it'),
        dev: z.boolean().describe('Whether only development dependencies require it'),
        deleted: z.boolean().describe('Whether a later layer deletes it; it is still part of the image'),
        requiredBy: z.array(z.string()).describe("The dependencies in the app's package.json that require it"),
      }),
    )
    .describe('The largest packages in node_modules'),
  wasteBytes: bytes.describe('What later layers replace or delete: size.unpackedBytes minus what a container sees'),
  waste: z
    .array(
      z.object({
        path: path.describe('A file, or a directory that was removed as a whole'),
        how: z.enum(['replaced', 'deleted']),
        files: z.int().positive(),
        bytes,
        layer: layerIndex.describe('The layer that still holds the files, as an index in size.layers'),
        instruction: optionalText.describe('The instruction that wrote the files'),
        removedIn: layerIndex.describe('The layer that replaces or deletes them, as an index in size.layers'),
        removedBy: optionalText.describe('The instruction that replaces or deletes them'),
      }),
    )
    .describe('The largest files and directories that a later layer replaces or deletes'),
  facts: z.object({
    shells: z.array(path),
    packageManagers: z.array(path),
    files: count.describe('How many files a container sees'),
    npmPackages: count.describe("How many npm packages there are, without npm's own"),
    osPackages: count.nullable().describe('How many packages dpkg or apk lists; null when neither has a database'),
    executables: count.nullable().default(null).describe('How many files a container sees that have an execute bit'),
    setuidFiles: count.nullable().default(null).describe('How many files a container sees that have the setuid bit'),
    node: z
      .array(nodeProgram)
      .nullable()
      .default(null)
      .describe("The programs of Node that a container sees; the version is the program's"),
  }),
});
