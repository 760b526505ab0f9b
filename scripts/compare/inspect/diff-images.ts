import { shorten } from '../../lib/format.ts';
import { type ChangedFile, type Diff, type DiffTotals, MAX_DIFF_FILES } from '../model/diff-schema.ts';
import { GROUPS } from '../model/groups.ts';
import type { Measurement } from '../model/measurement.ts';
import { diffPackages } from './diff-packages.ts';
import type { IndexedImage } from './index-image.ts';
import type { ImageFile } from './merge-layers.ts';

/** How much of a symbolic link's target a note shows, in characters. */
const MAX_TARGET_LENGTH = 200;

/** A path as a container sees it. */
interface Seen {
  file: ImageFile;
  /** What a hard link leads to; the same as `file` for everything else. */
  source: ImageFile;
  kind: keyof typeof KINDS;
  /** The bytes of a file; of hard links, only one has them. */
  bytes: number;
}

interface Change extends Pick<ChangedFile, 'change' | 'what' | 'group'> {
  path: string;
  before?: Seen;
  after?: Seen;
  /** What decides about its place in the list. */
  rank: number;
}

/** The difference between two images that were measured; null when one of them could not be. */
export function diffMeasurements(
  [before, after]: Measurement[],
  indexed: ReadonlyMap<Measurement, IndexedImage>,
): Diff | null {
  const one = before && indexed.get(before);
  const other = after && indexed.get(after);
  if (!one || !other) return null;
  return { before: before.subject.variant, after: after.subject.variant, ...diffImages(one, other) };
}

/** What changed between two images, in what a container sees; never the times: a rebuild changes all of them. */
export function diffImages(before: IndexedImage, after: IndexedImage): Omit<Diff, 'before' | 'after'> {
  const seenBefore = listSeen(before, after);
  const seenAfter = listSeen(after, before);
  const changes = [
    ...changesOnlyIn(seenBefore, seenAfter, 'removed', before),
    ...changesInBoth(seenBefore, seenAfter, after),
    ...changesOnlyIn(seenAfter, seenBefore, 'added', after),
  ];
  const groups = Object.fromEntries(Object.keys(GROUPS).map((name) => [name, noChanges()])) as Diff['groups'];
  const total = noChanges();
  for (const change of changes) for (const sums of [total, groups[change.group]]) addChange(sums, change);
  changes.sort((a, b) => b.rank - a.rank || (a.path < b.path ? -1 : 1));
  const bytesBefore = (path: string) => seenBefore.get(path)?.bytes ?? 0;
  const bytesAfter = (path: string) => seenAfter.get(path)?.bytes ?? 0;
  return {
    beforeBytes: sumBytes(seenBefore),
    afterBytes: sumBytes(seenAfter),
    total,
    groups,
    ...diffPackages({ ...before, bytesOf: bytesBefore }, { ...after, bytesOf: bytesAfter }),
    files: selectListed(changes).map(describeChange),
  };
}

/**
 * What a container sees, by path. The bytes of hard links are counted at one path, the first of those that the other
 * image has as well: so a file whose other path is removed does not seem to grow.
 */
function listSeen({ visibleFiles }: IndexedImage, other: IndexedImage): Map<string, Seen> {
  const counted = new Map<ImageFile, { path: string; isInBoth: boolean }>();
  for (const file of visibleFiles) {
    const source = file.linked ?? file;
    if (source.kind !== 'file') continue;
    const isInBoth = isFile(other.tree.visible.get(file.path));
    const first = counted.get(source);
    if (!first || (isInBoth && !first.isInBoth)) counted.set(source, { path: file.path, isInBoth });
  }
  return new Map(
    visibleFiles.map((file) => {
      const source = file.linked ?? file;
      const isCounted = (counted.get(source)?.path ?? file.path) === file.path;
      return [file.path, { file, source, kind: kindOf(source), bytes: isCounted ? source.bytes : 0 }];
    }),
  );
}

const isFile = (file: ImageFile | undefined) => file !== undefined && kindOf(file.linked ?? file) === 'file';

/** A hard link to nothing, which engines refuse, counts as an empty file. */
function kindOf({ kind }: ImageFile): Seen['kind'] {
  return kind === 'directory' || kind === 'symlink' || kind === 'other' ? kind : 'file';
}

const sumBytes = (seen: Map<string, Seen>) => [...seen.values()].reduce((sum, { bytes }) => sum + bytes, 0);

/** What only one image has. Of directories, only empty ones: for the others, their files are listed. */
function changesOnlyIn(
  seen: Map<string, Seen>,
  other: Map<string, Seen>,
  change: 'added' | 'removed',
  { groupOf }: IndexedImage,
): Change[] {
  const parents = new Set([...seen.keys()].map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))));
  return [...seen]
    .filter(([path, { kind }]) => !other.has(path) && (kind !== 'directory' || !parents.has(path)))
    .map(([path, one]) => {
      const sides = change === 'added' ? { after: one } : { before: one };
      return { path, change, what: [], group: groupOf(path), ...sides, rank: one.bytes };
    });
}

function changesInBoth(
  seenBefore: Map<string, Seen>,
  seenAfter: Map<string, Seen>,
  { groupOf }: IndexedImage,
): Change[] {
  return [...seenAfter].flatMap(([path, after]) => {
    const before = seenBefore.get(path);
    const what = before ? compareSeen(before, after) : [];
    if (!before || what.length === 0) return [];
    // Another mode or owner says nothing about the bytes.
    const isLarge = what.some((one) => one === 'type' || one === 'content' || one === 'links');
    const rank = isLarge ? Math.max(before.bytes, after.bytes) : 0;
    return { path, change: 'changed', what, group: groupOf(path), before, after, rank };
  });
}

function compareSeen(before: Seen, after: Seen): Change['what'] {
  const [one, other] = [before.source, after.source];
  if (before.kind !== after.kind) return ['type'];
  const isSameContent = one.bytes === other.bytes && one.digest === other.digest;
  const { mode, uid, gid } = before.file;
  const differs = {
    content: !isSameContent,
    target: before.kind === 'symlink' && one.target !== other.target,
    // A symbolic link has no permissions of its own.
    mode: before.kind !== 'symlink' && mode !== after.file.mode,
    owner: uid !== after.file.uid || gid !== after.file.gid,
    links: isSameContent && before.bytes !== after.bytes,
  };
  return (Object.keys(differs) as (keyof typeof differs)[]).filter((name) => differs[name]);
}

const noChanges = (): DiffTotals => ({
  added: { files: 0, bytes: 0 },
  removed: { files: 0, bytes: 0 },
  changed: { files: 0, beforeBytes: 0, afterBytes: 0 },
});

function addChange(totals: DiffTotals, { change, before, after }: Change): void {
  totals[change].files += 1;
  if (change === 'added') totals.added.bytes += after?.bytes ?? 0;
  if (change === 'removed') totals.removed.bytes += before?.bytes ?? 0;
  if (change !== 'changed') return;
  totals.changed.beforeBytes += before?.bytes ?? 0;
  totals.changed.afterBytes += after?.bytes ?? 0;
}

function describeChange({ path, change, what, group, before, after }: Change): ChangedFile {
  return {
    path: `/${path}`,
    change,
    what,
    group,
    beforeBytes: before?.bytes ?? null,
    afterBytes: after?.bytes ?? null,
    note: (before && after && what.flatMap((one) => noteOf(one, before, after)).join('; ')) || null,
  };
}

/** The changes that the report lists: of too many, up to half are changed files, which say more than added ones. */
function selectListed(changes: Change[]): Change[] {
  const listed = new Set(changes.filter(({ change }) => change === 'changed').slice(0, MAX_DIFF_FILES / 2));
  for (const change of changes) if (listed.size < MAX_DIFF_FILES) listed.add(change);
  return changes.filter((change) => listed.has(change));
}

const KINDS = { file: 'file', directory: 'directory', symlink: 'symbolic link', other: 'device or pipe' } as const;
const octal = ({ mode }: ImageFile) => mode.toString(8).padStart(4, '0');
const target = ({ target: text = '' }: ImageFile) => shorten(text, MAX_TARGET_LENGTH);

function noteOf(what: Change['what'][number], before: Seen, after: Seen): string[] {
  const notes: Record<typeof what, string[]> = {
    type: [`${KINDS[before.kind]} → ${KINDS[after.kind]}`],
    content: [],
    target: [`target ${target(before.source)} → ${target(after.source)}`],
    mode: [`mode ${octal(before.file)} → ${octal(after.file)}`],
    owner: [`owner ${before.file.uid}:${before.file.gid} → ${after.file.uid}:${after.file.gid}`],
    links: [before.bytes === 0 ? 'no longer a hard link' : 'now a hard link'],
  };
  return notes[what];
}
