import { endOfLife } from '../../lib/node-schedule.ts';
import type { Group } from '../model/groups.ts';
import { type Contents, type Finding, GROUP_NAMES } from '../model/report-schema.ts';
import { findFindings } from './find-findings.ts';
import type { IndexedImage } from './index-image.ts';
import type { ImageFile } from './merge-layers.ts';
import { isGlobal, packageDirectory } from './packages.ts';

const MAX_LARGEST = 10;
const MAX_WASTE = 100;
/** A file of this size is listed by itself. */
const LARGE_BYTES = 10e6;

/** Says what is in an image, from its layers and its configuration alone. */
export function inspectImage(indexed: IndexedImage): { contents: Contents; findings: Finding[] } {
  const { tree, instructions } = indexed;
  const contents = {
    ...sumFiles(indexed),
    wasteBytes: tree.waste.reduce((sum, { bytes }) => sum + bytes, 0),
    waste: tree.waste.slice(0, MAX_WASTE).map((waste) => ({
      ...waste,
      path: `/${waste.path}`,
      instruction: instructions[waste.layer] ?? null,
      removedBy: instructions[waste.removedIn] ?? null,
    })),
    facts: countFacts(indexed),
  };
  return { contents, findings: findFindings(indexed) };
}

/** The bytes of all files: by group, by package, and by what is listed as one. */
function sumFiles({ tree, packages, groupOf }: IndexedImage): Pick<Contents, 'groups' | 'largest' | 'packages'> {
  const groups = Object.fromEntries(GROUP_NAMES.map((name) => [name, 0])) as Contents['groups'];
  const items = new Map<string, Contents['largest'][number]>();
  const packageBytes = new Map<string, number>();
  for (const file of tree.all) {
    if (file.bytes === 0) continue;
    const group = groupOf(file.path);
    groups[group] += file.bytes;
    const directory = packageDirectory(file.path);
    if (directory !== null) packageBytes.set(directory, (packageBytes.get(directory) ?? 0) + file.bytes);
    const path = itemPath(file, group);
    const { name, version = null } = packages.get(path) ?? {};
    const item = items.get(path) ?? { path, group, bytes: 0, package: name ? { name, version } : null };
    items.set(path, { ...item, bytes: item.bytes + file.bytes });
  }
  return {
    groups,
    largest: largest([...items.values()]),
    packages: largest(
      [...packages.values()]
        .filter(({ path }) => groupOf(`${path}/`) !== 'packageManagers')
        .map((one) => ({ ...one, bytes: packageBytes.get(one.path) ?? 0 })),
    ),
  };
}

/** The largest of some items, with their paths as the report has them. */
const largest = <T extends { bytes: number; path: string }>(items: T[]) =>
  items
    .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1))
    .slice(0, MAX_LARGEST)
    .map((item) => ({ ...item, path: `/${item.path}` }));

/** What a file is listed as: its package, a global package with everything in it, itself, or a directory of level three. */
function itemPath({ path, bytes }: ImageFile, group: Group): string {
  const globalPackage = isGlobal(path) ? /^.*?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] : undefined;
  const directory = globalPackage ?? packageDirectory(path);
  if (directory) return directory;
  const parts = path.split('/');
  const isListed = parts.length <= 3 || (bytes >= LARGE_BYTES && group !== 'caches');
  return isListed ? path : `${parts.slice(0, 3).join('/')}/`;
}

const SHELL = /^(usr\/(local\/)?)?s?bin\/(sh|bash|dash|ash|zsh|ksh|busybox)$/;
const MANAGER = /^(usr\/(local\/)?)?s?bin\/(npm|npx|corepack|yarn|pnpm|bun|apt|apt-get|dpkg|apk|rpm|dnf|pip3?)$/;

const isRegular = (file: ImageFile) => (file.linked ?? file).kind === 'file';

function countFacts({ visibleFiles: files, packages }: IndexedImage): Contents['facts'] {
  const findPrograms = (pattern: RegExp) =>
    files.filter(({ path, kind }) => kind !== 'directory' && pattern.test(path)).map(({ path }) => `/${path}`);
  const databases = files.flatMap(({ note }) => (note?.type === 'osPackages' ? [note.packages.length] : []));
  // A hard link is what it leads to, under another name.
  const hasMode = (bits: number) =>
    files.filter((file) => ((file.linked ?? file).mode & bits) !== 0 && isRegular(file));
  return {
    shells: findPrograms(SHELL),
    packageManagers: findPrograms(MANAGER),
    executables: hasMode(0o111).length,
    setuidFiles: hasMode(0o4000).length,
    node: files.flatMap(({ path, note }) =>
      note?.type === 'node' ? [{ path: `/${path}`, version: note.version, endOfLife: endOfLife(note.version) }] : [],
    ),
    files: files.filter(({ kind }) => kind === 'file' || kind === 'link').length,
    npmPackages: [...packages.values()].filter(({ path, deleted }) => !deleted && !isGlobal(path)).length,
    osPackages: databases.length === 0 ? null : databases.reduce((sum, count) => sum + count, 0),
  };
}
