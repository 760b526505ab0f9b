import { z } from 'zod';
import { GROUPS, type Group } from './groups.ts';
import { bytes, count, optionalText } from './units.ts';

/** The most files and packages that a report lists. */
export const MAX_DIFF_FILES = 10_000;
export const MAX_DIFF_PACKAGES = 1000;

const group = z.enum(Object.keys(GROUPS) as [Group, ...Group[]]);
const versions = z
  .array(optionalText)
  .describe('A version for each copy, null for a copy without one; empty when the package is not there');

const totals = z.object({
  added: z.object({ files: count, bytes }),
  removed: z.object({ files: count, bytes }),
  changed: z.object({ files: count, beforeBytes: bytes, afterBytes: bytes }),
});

const changedFile = z.object({
  path: z.string().describe('An absolute path in the image'),
  change: z.enum(['added', 'removed', 'changed']),
  what: z
    .array(z.enum(['type', 'content', 'target', 'mode', 'owner', 'links']))
    .describe(
      'What changed in a file that both images have; "target" is that of a symbolic link; "links" means that it began or ceased to share its bytes with another file, as a hard link',
    ),
  group: group.describe('The group of a removed file in the earlier image, of all others in the later one'),
  beforeBytes: bytes.nullable().describe('Null when it was added; of hard links, only one has the bytes'),
  afterBytes: bytes.nullable().describe('Null when it was removed; of hard links, only one has the bytes'),
  note: optionalText.describe('The values before and after, such as "mode 0644 → 0755"'),
});

const changedPackage = z.object({
  name: z.string(),
  before: versions,
  after: versions,
  beforeBytes: bytes.describe('Of all copies, without the packages inside them'),
  afterBytes: bytes,
});

export const diff = z
  .object({
    before: z.string().describe('The name of the earlier image'),
    after: z.string().describe('The name of the later image'),
    beforeBytes: bytes.describe('All files that a container of the earlier image sees; hard links count once'),
    afterBytes: bytes.describe(
      'beforeBytes, plus what was added, minus what was removed, plus the growth of the changed',
    ),
    total: totals.describe('Files, links, empty directories, and directories whose mode or owner changed'),
    groups: z.record(group, totals).describe('The same by group: the sum is `total`'),
    packageCount: count.describe('How many npm packages came, went or have other versions'),
    packages: z
      .array(changedPackage)
      .max(MAX_DIFF_PACKAGES)
      .describe(`These packages by name, those that changed most in bytes first, at most ${MAX_DIFF_PACKAGES}`),
    files: z
      .array(changedFile)
      .max(MAX_DIFF_FILES)
      .describe(
        `The largest first, at most ${MAX_DIFF_FILES}: when there are more, up to half of the list are changed files. \`total\` counts all`,
      ),
  })
  .describe('What --diff found. Times of modification are not compared');

export type Diff = z.infer<typeof diff>;
export type DiffTotals = z.infer<typeof totals>;
export type ChangedFile = z.infer<typeof changedFile>;
export type ChangedPackage = z.infer<typeof changedPackage>;
