import { posix } from 'node:path';
import type { PackageManager } from './package-manager.ts';
import { type Data, listOf, mapOf, readYaml, textOf } from './read-data.ts';
import { type Manifest, type Project, readManifest } from './read-project.ts';

/** A package of the lockfile. Packages of the workspace itself are left out. */
export interface LockedPackage {
  name: string;
  version: string;
  /** In the production tree: in a workspace of pnpm or Yarn that of the app, if one is chosen. */
  isProduction: boolean;
  /** Null when the lockfile does not say: Yarn's never does, npm's first version neither, and pnpm's not from 9 on. */
  hasInstallScript: boolean | null;
  /** The names of its dependencies, with the optional ones. */
  dependencies: string[];
  /** The C libraries that it is made for: `['musl']`, `['glibc']`; empty for any, or when the lockfile does not say. */
  libc: string[];
  /** Only optional dependencies lead to it in production: an installation goes on when it fails. */
  isOptional: boolean;
  /** The versions of Node that it accepts; null when the lockfile does not say. */
  engines: string | null;
}

/** An entry of a lockfile, or a package.json of the workspace: then `info` is null. */
type Graph = Map<string, { entry: Data; info: LockedPackage | null; path: string }>;
type Find = (name: string, wanted: unknown, path: string) => string | undefined;

const localKey = (directory: string) => `local:${directory === '.' ? '' : directory}`;

/** The package.json files of a workspace by directory: the root's, the app's and what it needs; without an app, all. */
export function readLocalManifests(project: Project): Map<string, Manifest> {
  const all = new Map([['', project.rootManifest]]);
  const isWorkspace = project.rootManifest.workspaces !== undefined || project.has('pnpm-workspace.yaml');
  for (const file of project.files.filter((one) => isWorkspace && one.endsWith('/package.json'))) {
    try {
      all.set(posix.dirname(file), readManifest(project, posix.dirname(file)) ?? project.manifest);
    } catch {
      // Another one than those that are installed, or the installation says it.
    }
  }
  if (project.app === '') return all;
  const paths = new Map([...all].map(([path, { name }]) => [name, path]));
  const needed = new Set([project.app]);
  for (const directory of needed) {
    const { dependencies, devDependencies, optionalDependencies } = all.get(directory) ?? project.manifest;
    const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
    for (const name of names) needed.add(paths.get(name) ?? project.app);
  }
  return new Map([...all].filter(([path]) => path === '' || needed.has(path)));
}

/** The packages of the lockfile. Empty when it cannot be read. */
export function readLockedPackages(project: Project, manager: PackageManager): LockedPackage[] {
  const text = project.read(manager.lockfile) ?? '';
  try {
    if (manager.name === 'npm') return readNpm(mapOf(JSON.parse(text)));
    if (manager.name === 'pnpm') return readPnpm(readYaml(text), project.app);
    return readYarn(readYaml(manager.name === 'yarn' ? toYaml(text) : text), project);
  } catch {
    return [];
  }
}

/** `requires` is what npm's first version calls them. */
const namesOf = ({ dependencies, optionalDependencies, requires }: Data) =>
  Object.entries({ ...mapOf(dependencies), ...mapOf(requires), ...mapOf(optionalDependencies) });

const packageOf = (name: string, version: unknown, entry: Data, hasInstallScript: boolean | null): LockedPackage => ({
  ...{ name, version: String(version), hasInstallScript, dependencies: namesOf(entry).map(([key]) => key) },
  ...{ isProduction: false, isOptional: true, libc: listOf(entry.libc), engines: textOf(mapOf(entry.engines).node) },
});

/** package-lock.json: npm says itself what belongs to production. Version 1 nests the packages, later ones have their paths. */
function readNpm(lock: Data): LockedPackage[] {
  const found: LockedPackage[] = [];
  const levels = [mapOf(lock.packages ?? lock.dependencies)];
  for (const level of levels) {
    for (const [path, value] of Object.entries(level)) {
      const entry = mapOf(value);
      if (!lock.packages) levels.push(mapOf(entry.dependencies));
      else if (!/(^|\/)node_modules\//.test(path) || entry.link === true) continue;
      const name = textOf(entry.name) ?? path.replace(/^.*node_modules\//s, '');
      const info = packageOf(name, entry.version, entry, lock.packages ? entry.hasInstallScript === true : null);
      info.isProduction = entry.dev !== true;
      info.isOptional = entry.optional === true || entry.devOptional === true;
      found.push(info);
    }
  }
  return found;
}

/** Marks what can be reached from the packages of the workspace: by required dependencies, then by all. */
function markProduction(graph: Graph, start: string[], find: Find): LockedPackage[] {
  for (const withOptional of [false, true]) {
    const reached = new Set(start);
    for (const key of reached) {
      const { entry = {}, info = null, path = '' } = graph.get(key) ?? {};
      if (info !== null) Object.assign(info, { isProduction: true, isOptional: info.isOptional && withOptional });
      const [optional, meta] = [mapOf(entry.optionalDependencies), mapOf(entry.dependenciesMeta)];
      for (const [name, wanted] of namesOf(entry)) {
        const isOptional = Object.hasOwn(optional, name) || mapOf(meta[name]).optional === true;
        if (withOptional || !isOptional) reached.add(find(name, wanted, path) ?? key);
      }
    }
  }
  return [...graph.values()].flatMap(({ info }) => info ?? []);
}

/** pnpm-lock.yaml: the keys are `name@1.0.0(peers)` in 9, `/name@1.0.0(peers)` in 6, `/name/1.0.0_peers` in 5. */
function readPnpm(lock: Data, app: string): LockedPackage[] {
  const [packages, snapshots] = [mapOf(lock.packages), mapOf(lock.snapshots ?? lock.packages)];
  const graph: Graph = new Map();
  for (const [path, entry] of Object.entries(lock.importers ? mapOf(lock.importers) : { '.': lock })) {
    graph.set(localKey(path), { entry: mapOf(entry), info: null, path });
  }
  const start = graph.has(localKey(app)) && app !== '' ? [localKey(app)] : [...graph.keys()];
  for (const [key, snapshot] of Object.entries(snapshots)) {
    const entry = { ...mapOf(packages[key.replace(/\(.*/s, '')]), ...mapOf(snapshot) };
    const [, name = key, version] = /^\/?((?:@[^/]+\/)?[^/@]+)[@/]([^(_]+)/.exec(key) ?? [];
    const hasScript = lock.snapshots ? null : entry.requiresBuild === true;
    const info = packageOf(textOf(entry.name) ?? name, entry.version ?? version, entry, hasScript);
    graph.set(key, { entry, info, path: '' });
  }
  return markProduction(graph, start, (name, wanted, path) => {
    const version = textOf(wanted) ?? String(mapOf(wanted).version);
    if (version.startsWith('link:')) return localKey(posix.join(path, version.slice(5)));
    return [`${name}@${version}`, version, `/${name}@${version}`, `/${name}/${version}`].find((key) => graph.has(key));
  });
}

/** yarn.lock: a key lists what was asked for, `name@^1.0.0, name@^1.1.0`, in berry with `npm:` in front of the range. */
function readYarn(lock: Data, project: Project): LockedPackage[] {
  const local = [...readLocalManifests(project)];
  const graph: Graph = new Map(local.map(([path, entry]) => [localKey(path), { entry, info: null, path }]));
  const start = project.app === '' ? [...graph.keys()] : [localKey(project.app)];
  const keys = new Map(local.map(([path, { name }]) => [name ?? '', localKey(path)]));
  for (const [key, value] of Object.entries(lock)) {
    if (key === '__metadata' || key.includes('@workspace:')) continue;
    const name = /^(?:@[^/]+\/)?[^@]+/.exec(key)?.[0] ?? key;
    const entry = { ...mapOf(value), libc: /libc=(\w+)/.exec(String(mapOf(value).conditions))?.[1] };
    graph.set(key, { entry, info: packageOf(name, mapOf(value).version, entry, null), path: '' });
    for (const asked of key.split(/, */)) keys.set(asked, key);
    if (!keys.has(name)) keys.set(name, key);
  }
  // By the name alone: a package of the workspace, or one that `resolutions` replaces.
  const find: Find = (name, range) =>
    keys.get(`${name}@${range}`) ?? keys.get(`${name}@npm:${range}`) ?? keys.get(name);
  return markProduction(graph, start, find);
}

/** The lockfile of Yarn 1 as YAML, which it nearly is: `"a@^1", a@^2:`, and below it `version "1.0.0"`. */
function toYaml(text: string): string {
  const keys = text.replace(/^(\S.*):\r?$/gm, (_, key: string) => `${JSON.stringify(key.replaceAll('"', ''))}:`);
  return keys.replace(/^( +)("[^"\n]+"|[^"\s]+) (.+)$/gm, '$1$2: $3');
}
