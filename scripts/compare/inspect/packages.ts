import type { Manifest, Note } from './layer-files.ts';
import type { ImageFile } from './merge-layers.ts';

/** One package in a node_modules folder. */
export interface Package {
  /** Its folder. */
  path: string;
  name: string;
  version: string | null;
  /** Whether only development dependencies need it. */
  dev: boolean;
  /** The dependencies of the app's own package.json that need it; empty when nothing says. */
  requiredBy: string[];
}

/** Where npm installs what `--global` asks for. */
const GLOBAL = /^(usr\/local\/lib|usr\/lib|usr\/local\/share)\/node_modules\//;

/** The folder of the package that a path belongs to, such as `app/node_modules/@types/node`; or null. */
export function packageFolder(path: string): string | null {
  // The greedy beginning finds the innermost node_modules.
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^@./][^/]*(?=\/|$)/.exec(path)?.[0] ?? null;
}

export const isGlobal = (path: string) => GLOBAL.test(path);

/**
 * The packages of an image, those included that a later layer deleted: from their manifests, following who needs whom in
 * the way in which Node looks packages up (https://nodejs.org/api/modules.html#loading-from-node_modules-folders).
 *
 * @param notes what the files say, by path; of a path in several layers, what the uppermost says.
 * @param all every entry of every layer, for the symbolic links of pnpm and workspaces.
 */
export function findPackages(notes: Map<string, Note>, all: ImageFile[]): Map<string, Package> {
  const manifests = new Map<string, Manifest>();
  for (const [path, note] of notes) if (note.type === 'manifest') manifests.set(parent(path), note);
  const links = new Map<string, string>();
  for (const { kind, path, target } of all) {
    if (kind === 'symlink' && packageFolder(path) === path) links.set(path, join(parent(path), target ?? ''));
  }

  const resolve = (from: string, name: string): string | undefined => {
    for (let folder: string | null = from; folder !== null; folder = folder === '' ? null : parent(folder)) {
      if (/(^|\/)node_modules$/.test(folder)) continue;
      const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
      const found = links.get(candidate) ?? candidate;
      if (manifests.has(found)) return found;
    }
    return undefined;
  };
  const reach = (starts: (string | undefined)[]): Set<string> => {
    const reached = new Set<string>();
    const rest = [...starts];
    while (rest.length > 0) {
      const folder = rest.pop();
      if (folder === undefined || reached.has(folder)) continue;
      reached.add(folder);
      for (const name of manifests.get(folder)?.dependencies ?? []) rest.push(resolve(folder, name));
    }
    return reached;
  };

  const production = new Set<string>();
  const development = new Set<string>();
  const requiredBy = new Map<string, Set<string>>();
  for (const [folder, manifest] of manifests) {
    if (packageFolder(`${folder}/`) !== null) continue;
    const sides = [
      [manifest.dependencies, production],
      [manifest.devDependencies, development],
    ] as const;
    for (const [names, side] of sides) {
      for (const name of names) {
        for (const reached of reach([resolve(folder, name)])) {
          side.add(reached);
          if (!requiredBy.has(reached)) requiredBy.set(reached, new Set());
          requiredBy.get(reached)?.add(name);
        }
      }
    }
  }
  // Where no manifest of the app is in the image, npm's own list still knows.
  for (const [path, note] of notes) {
    if (note.type === 'lock') for (const name of note.dev) development.add(`${parent(path)}/${name}`);
  }

  const packages = new Map<string, Package>();
  for (const [path, { name, version }] of manifests) {
    if (packageFolder(path) !== path) continue;
    packages.set(path, {
      path,
      name: name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: version ?? null,
      dev: development.has(path) && !production.has(path),
      requiredBy: [...(requiredBy.get(path) ?? [])].sort(),
    });
  }
  return packages;
}

const parent = (path: string) => path.slice(0, Math.max(path.lastIndexOf('/'), 0));

/** Where a symbolic link in `folder` leads, as a path without a leading slash. */
function join(folder: string, target: string): string {
  const parts = target.startsWith('/') ? [] : folder.split('/');
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
