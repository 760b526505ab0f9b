import { posix } from 'node:path';
import { type Data, listOf, mapOf, readYaml, textOf } from './read-data.ts';

/** A package of a lockfile. Packages of the workspace itself are left out. */
export interface LockedPackage {
  name: string;
  version: string;
  /** In the production tree: in a workspace of pnpm or Yarn that of the app, if one is chosen. */
  isProduction: boolean;
  /** Only optional dependencies lead to it in production: an installation goes on when it fails. */
  isOptional: boolean;
  /** Null when the lockfile does not say: Yarn's never does, npm's first version neither, and pnpm's not from 9 on. */
  hasInstallScript: boolean | null;
  /** The names of its dependencies, with the optional ones. */
  dependencies: string[];
  /** The C libraries that it is made for: `['musl']`, `['glibc']`; empty for any, or when the lockfile does not say. */
  libc: string[];
  /** The versions of Node that it accepts; null when the lockfile does not say. */
  engines: string | null;
}

/** The app of a workspace, empty for the root, and the package.json files that count, by directory. */
interface Workspace {
  app: string;
  manifests: Map<string, { name?: string; dependencies: Data; optionalDependencies: Data }>;
}

/** What leads from one package to others; `info` is null for a package.json of the workspace. */
interface Node {
  info: LockedPackage | null;
  edges: { name: string; wanted: string; isOptional: boolean }[];
}
/** By `name@wanted`, and `link:directory` for a package of the workspace. */
type Nodes = Map<string, Node>;

/** The packages of a lockfile. Empty when it cannot be read. */
export function readLockfile(
  text: string,
  manager: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry',
  workspace: Workspace,
): LockedPackage[] {
  try {
    if (manager === 'npm') return readNpm(mapOf(JSON.parse(text)));
    if (manager === 'pnpm') return markProduction(readPnpm(readYaml(text)), workspace);
    return markProduction(readYarn(readYaml(manager === 'yarn' ? toYaml(text) : text), workspace), workspace);
  } catch {
    return [];
  }
}

/** `requires` is what npm's first version calls dependencies. */
function edgesOf({ dependencies, requires, optionalDependencies, dependenciesMeta }: Data): Node['edges'] {
  const [optional, meta] = [mapOf(optionalDependencies), mapOf(dependenciesMeta)];
  return Object.entries({ ...mapOf(dependencies), ...mapOf(requires), ...optional }).map(([name, value]) => ({
    name,
    wanted: textOf(value) ?? String(mapOf(value).version),
    isOptional: Object.hasOwn(optional, name) || mapOf(meta[name]).optional === true,
  }));
}

const packageOf = (name: string, version: unknown, entry: Data, hasInstallScript: boolean | null): LockedPackage => ({
  ...{ name, version: String(version), isProduction: false, isOptional: true, hasInstallScript },
  dependencies: edgesOf(entry).map((edge) => edge.name),
  ...{ libc: listOf(entry.libc), engines: textOf(mapOf(entry.engines).node) },
});

/** package-lock.json: npm says itself what belongs to production. Version 1 nests the packages, later ones have their paths. */
function readNpm(lock: Data): LockedPackage[] {
  const flatten = (level: unknown): [string, Data][] =>
    Object.entries(mapOf(level)).flatMap(([name, entry]) => [
      [`node_modules/${name}`, mapOf(entry)],
      ...flatten(mapOf(entry).dependencies),
    ]);
  const entries = lock.packages ? Object.entries(mapOf(lock.packages)) : flatten(lock.dependencies);
  return entries.flatMap(([path, value]) => {
    const entry = mapOf(value);
    const [, last] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (last === undefined || entry.link === true) return [];
    const hasScript = lock.packages ? entry.hasInstallScript === true : null;
    const info = packageOf(textOf(entry.name) ?? last, entry.version, entry, hasScript);
    return { ...info, isProduction: entry.dev !== true, isOptional: (entry.optional ?? entry.devOptional) === true };
  });
}

/** pnpm-lock.yaml: the keys are `name@1.0.0(peers)` in 9, `/name@1.0.0(peers)` in 6, `/name/1.0.0_peers` in 5. */
function readPnpm(lock: Data): Nodes {
  const toKey = (key: string) => key.replace(/^\/((?:@[^/]+\/)?[^/@]+)[/@]/, '$1@');
  const nodes: Nodes = new Map();
  for (const [path, entry] of Object.entries(lock.importers ? mapOf(lock.importers) : { '.': lock })) {
    const edges = edgesOf(mapOf(entry)).map((edge) => ({
      ...edge,
      wanted: edge.wanted.replace(/^link:(.*)/s, (_, to: string) => `link:${posix.join(path, to)}`),
    }));
    nodes.set(`link:${path}`, { info: null, edges });
  }
  const packages = mapOf(lock.packages);
  for (const [key, snapshot] of Object.entries(mapOf(lock.snapshots ?? packages))) {
    const entry = { ...mapOf(packages[key.replace(/\(.*/s, '')]), ...mapOf(snapshot) };
    const [, name = key, version] = /^((?:@[^/]+\/)?[^/@]+)@([^(_]+)/.exec(toKey(key)) ?? [];
    const hasScript = lock.snapshots ? null : entry.requiresBuild === true;
    const info = packageOf(textOf(entry.name) ?? name, entry.version ?? version, entry, hasScript);
    nodes.set(toKey(key), { info, edges: edgesOf(entry).map((edge) => ({ ...edge, wanted: toKey(edge.wanted) })) });
  }
  return nodes;
}

/** yarn.lock: a key lists what was asked for, `name@^1.0.0, name@^1.1.0`, in berry with `npm:` in front of the range. */
function readYarn(lock: Data, { manifests }: Workspace): Nodes {
  const nodes: Nodes = new Map();
  for (const [path, manifest] of manifests) {
    const node = { info: null, edges: edgesOf({ ...manifest }) };
    nodes.set(`link:${posix.join(path)}`, node).set(manifest.name ?? '', node);
  }
  for (const [key, value] of Object.entries(lock)) {
    if (key === '__metadata' || key.includes('@workspace:')) continue;
    const name = /^(?:@[^/]+\/)?[^@]+/.exec(key)?.[0] ?? key;
    const { version, conditions, ...entry } = mapOf(value);
    const libc = /libc=(\w+)/.exec(String(conditions))?.[1];
    const node = { info: packageOf(name, version, { ...entry, libc }, null), edges: edgesOf(entry) };
    for (const asked of key.split(/, */)) nodes.set(asked, node);
    // By the name alone: a package that `resolutions` replaces.
    if (!nodes.has(name)) nodes.set(name, node);
  }
  return nodes;
}

/** Marks what can be reached from the app: by required dependencies, then by all. */
function markProduction(nodes: Nodes, { app }: Workspace): LockedPackage[] {
  const start = app === '' ? undefined : nodes.get(`link:${app}`);
  for (const isOptional of [false, true]) {
    const reached = new Set(start ? [start] : [...nodes.values()].filter(({ info }) => info === null));
    for (const { info, edges } of reached) {
      if (info) Object.assign(info, { isProduction: true, isOptional: isOptional && info.isOptional });
      for (const { name, wanted } of edges.filter((edge) => isOptional || !edge.isOptional)) {
        const keys = [`${name}@${wanted}`, `${name}@npm:${wanted}`, wanted, name];
        const next = nodes.get(keys.find((key) => nodes.has(key)) ?? '');
        if (next) reached.add(next);
      }
    }
  }
  return [...new Set(nodes.values())].flatMap(({ info }) => info ?? []);
}

/** The lockfile of Yarn 1 as YAML, which it nearly is: `"a@^1", a@^2:`, and below it `version "1.0.0"`. */
function toYaml(text: string): string {
  const keys = text.replace(/^(\S.*):\r?$/gm, (_, key: string) => `${JSON.stringify(key.replaceAll('"', ''))}:`);
  return keys.replace(/^( +)("[^"\n]+"|[^"\s]+) (.+)$/gm, '$1$2: $3');
}
