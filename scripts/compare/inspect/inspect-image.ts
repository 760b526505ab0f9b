import type { ImageFacts } from '../../engine/engine.ts';
import { GROUPS, type Group } from '../model/groups.ts';
import type { Contents, Finding } from '../model/report-schema.ts';
import { findFindings } from './findings.ts';
import { groupPaths } from './group-paths.ts';
import type { Note } from './layer-files.ts';
import { type ImageFile, mergeLayers } from './merge-layers.ts';
import { findPackages, isGlobal, packageFolder } from './packages.ts';
import type { ImageLayers } from './read-layers.ts';

const LARGEST = 10;
/** A file of this size is worth a line of its own. */
const LARGE_BYTES = 10e6;
const MAX_WASTE = 100;

/**
 * Says what is in an image, from its layers and its configuration alone.
 *
 * @param baseLayers how many of the lowest layers are those of the base image; null when that is not known.
 */
export function inspectImage(
  image: ImageFacts,
  { layers, history }: ImageLayers,
  baseLayers: number | null,
): { contents: Contents; findings: Finding[] } {
  const tree = mergeLayers(layers.map(({ files }) => files.files));
  const notes = layers.map(({ files }) => files.notes);
  const instructions = layers.map(({ instruction }) => instruction);
  const uppermost = new Map(notes.flatMap((ofLayer) => [...ofLayer]));
  const packages = findPackages(uppermost, tree.all);
  const groupOf = groupPaths(packages, appFolders(image, uppermost));

  const groups = Object.fromEntries(Object.keys(GROUPS).map((name) => [name, 0])) as Record<Group, number>;
  const things = new Map<string, Contents['largest'][number]>();
  const packageBytes = new Map<string, number>();
  for (const file of tree.all) {
    if (file.bytes === 0) continue;
    const group = groupOf(file.path);
    groups[group] += file.bytes;
    const folder = packageFolder(file.path);
    if (folder !== null) packageBytes.set(folder, (packageBytes.get(folder) ?? 0) + file.bytes);
    const path = thing(file, group);
    const { name, version } = packages.get(path) ?? {};
    const found = things.get(path);
    if (found) found.bytes += file.bytes;
    else
      things.set(path, { path, group, bytes: file.bytes, package: name ? { name, version: version ?? null } : null });
  }

  const contents: Contents = {
    groups,
    largest: largest(things.values()).map((found) => ({ ...found, path: `/${found.path}` })),
    packages: largest(
      [...packages.values()]
        .filter(({ path }) => groupOf(`${path}/`) !== 'packageManagers')
        .map((one) => ({ ...one, bytes: packageBytes.get(one.path) ?? 0 })),
    ).map(({ path, name, version, bytes, dev, requiredBy }) => ({
      path: `/${path}`,
      name,
      version,
      bytes,
      dev,
      deleted: !tree.visible.has(`${path}/package.json`),
      requiredBy,
    })),
    wasteBytes: tree.waste.reduce((sum, { bytes }) => sum + bytes, 0),
    waste: tree.waste.slice(0, MAX_WASTE).map(({ path, how, files, bytes, layer, removedIn }) => ({
      path: `/${path}`,
      how,
      files,
      bytes,
      layer,
      instruction: instructions[layer] ?? null,
      removedIn,
      removedBy: instructions[removedIn] ?? null,
    })),
    facts: factsOf(tree.visible, notes, packages.keys()),
  };
  const inspected = { image, history, instructions, tree, packages, notes, groupOf, baseLayers };
  return { contents, findings: findFindings(inspected) };
}

const largest = <T extends { bytes: number; path: string }>(things: Iterable<T>) =>
  [...things].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)).slice(0, LARGEST);

/** What a file is counted with: its package, a global package with all that is in it, itself, or a folder three levels down. */
function thing({ path, bytes }: ImageFile, group: Group): string {
  const global = isGlobal(path) ? /^.*?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] : undefined;
  const found = global ?? packageFolder(path);
  if (found) return found;
  const parts = path.split('/');
  const itself = parts.length <= 3 || (bytes >= LARGE_BYTES && group !== 'caches');
  return itself ? path : `${parts.slice(0, 3).join('/')}/`;
}

/** Where the app is: the folder that it starts in, and each with a package.json that is not a dependency's. */
function appFolders({ workingDirectory }: ImageFacts, notes: Map<string, Note>): string[] {
  const manifests = [...notes].flatMap(([path, { type }]) =>
    type === 'manifest' ? path.replace(/\/?package\.json$/, '') : [],
  );
  return [
    workingDirectory.replace(/^\/+|\/+$/g, ''),
    ...manifests.filter((folder) => folder !== '' && packageFolder(`${folder}/`) === null),
  ];
}

const SHELL = /^(usr\/(local\/)?)?s?bin\/(sh|bash|dash|ash|zsh|ksh|busybox)$/;
const MANAGER = /^(usr\/(local\/)?)?s?bin\/(npm|npx|corepack|yarn|pnpm|bun|apt|apt-get|dpkg|apk|rpm|dnf|pip3?)$/;

function factsOf(visible: Map<string, ImageFile>, notes: Map<string, Note>[], packages: Iterable<string>) {
  const programs = (pattern: RegExp) =>
    [...visible.values()]
      .filter(({ path, kind }) => kind !== 'directory' && pattern.test(path))
      .map(({ path }) => `/${path}`)
      .sort();
  let files = 0;
  let osPackages: number | null = null;
  for (const { kind, path, layer } of visible.values()) {
    if (kind === 'file' || kind === 'link') files += 1;
    const note = notes[layer]?.get(path);
    if (note?.type === 'osPackages') osPackages = (osPackages ?? 0) + note.count;
  }
  const installed = [...packages].filter((path) => !isGlobal(path) && visible.has(`${path}/package.json`));
  return {
    shells: programs(SHELL),
    packageManagers: programs(MANAGER),
    files,
    npmPackages: installed.length,
    osPackages,
  };
}
