import { posix } from 'node:path';
import type { Contents } from '../model/report-schema.ts';
import type { PackageJson } from './layer.ts';
import type { ImageTree } from './merge-layers.ts';

/** One package in a node_modules directory, as the report has it; its path has no leading slash. */
export type Package = Omit<Contents['packages'][number], 'bytes'>;

/** Whether a path is where npm installs what `--global` asks for. */
export const isGlobal = (path: string) => /^(usr\/local\/lib|usr\/lib|usr\/local\/share)\/node_modules\//.test(path);

/** The directory of the package that a path belongs to, such as `app/node_modules/@types/node`; or null. */
export function packageDirectory(path: string): string | null {
  // The greedy beginning finds the innermost node_modules.
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^@./][^/]*(?=\/|$)/.exec(path)?.[0] ?? null;
}

/**
 * The packages of an image by directory, including those that a later layer deleted, and the projects: the directories
 * with a package.json that is not a dependency's. Follows the dependencies in the package.json files in the way in which
 * Node resolves packages (https://nodejs.org/api/modules.html#loading-from-node_modules-folders).
 */
export function findPackages({ all, visible }: ImageTree): { packages: Map<string, Package>; projects: string[] } {
  // Of a path in several layers, the uppermost layer's content counts.
  const notes = new Map(all.flatMap(({ path, note }) => (note ? [[path, note] as const] : [])));
  const packageJsons = new Map<string, PackageJson>();
  for (const [path, note] of notes) if (note.type === 'packageJson') packageJsons.set(parent(path), note);
  const projects = [...packageJsons.keys()].filter((directory) => packageDirectory(`${directory}/`) === null);
  // The symbolic links of pnpm and workspaces.
  const links = new Map<string, string>();
  for (const { kind, path, target = '' } of all) {
    if (kind !== 'symlink' || packageDirectory(path) !== path) continue;
    links.set(path, posix.resolve('/', parent(path), target).slice(1));
  }

  const resolve = (from: string, name: string): string | undefined => {
    for (let directory = from; ; directory = parent(directory)) {
      const candidate = `${directory}/node_modules/${name}`.replace(/^\//, '');
      const resolved = links.get(candidate) ?? candidate;
      if (posix.basename(directory) !== 'node_modules' && packageJsons.has(resolved)) return resolved;
      if (directory === '') return undefined;
    }
  };

  const production = new Set<string>();
  const development = new Set<string>();
  const requiredBy = new Map<string, Set<string>>();
  /** Adds the packages that a project names, and everything that they require. */
  const addDependencies = (added: Set<string>, project: string, names: string[] = []) => {
    for (const name of names) {
      const reached = new Set([resolve(project, name)]);
      // The loop also visits what is added to the set meanwhile.
      for (const directory of reached) {
        if (directory === undefined) continue;
        added.add(directory);
        requiredBy.set(directory, (requiredBy.get(directory) ?? new Set()).add(name));
        for (const other of packageJsons.get(directory)?.dependencies ?? []) reached.add(resolve(directory, other));
      }
    }
  };
  for (const project of projects) {
    addDependencies(production, project, packageJsons.get(project)?.dependencies);
    addDependencies(development, project, packageJsons.get(project)?.devDependencies);
  }
  // Where the app's package.json is not in the image, npm's own lockfile still marks the development dependencies.
  for (const [path, note] of notes) {
    if (note.type === 'hiddenLockfile') for (const name of note.dev) development.add(`${parent(path)}/${name}`);
  }

  const packages = new Map<string, Package>();
  for (const [path, { name, version }] of packageJsons) {
    if (packageDirectory(path) !== path) continue;
    packages.set(path, {
      path,
      name: name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: version ?? null,
      dev: development.has(path) && !production.has(path),
      deleted: !visible.has(`${path}/package.json`),
      requiredBy: [...(requiredBy.get(path) ?? [])].sort(),
    });
  }
  return { packages, projects };
}

/** The directory that a path is in; empty for the root. */
const parent = (path: string) => posix.dirname(`/${path}`).slice(1);
