import { posix } from 'node:path';
import semver from 'semver';
import { type Fact, fact } from './fact.ts';
import { isNative } from './install-needs.ts';
import type { LockedPackage } from './lockfile.ts';
import { mapOf } from './read-data.ts';
import type { Project } from './read-project.ts';

export interface NodeChoice {
  major: number;
  /** What names a version, one each, in the order of trust. */
  facts: Fact<string>[];
  /** What the choice does not satisfy, and what cannot be understood. */
  notes: string[];
}

/** The LTS versions that get fixes, as of November 2026: https://github.com/nodejs/release#release-schedule */
const SUPPORTED = [26, 24, 22];
/** From 4 on, every second version: https://nodejs.org/en/about/previous-releases */
const CODE_NAMES = 'argon boron carbon dubnium erbium fermium gallium hydrogen iron jod krypton'.split(' ');
/** Locked versions of packages that a newer Node does not run or compile. Node 25 removed SlowBuffer, and has a newer V8. */
const LIMITED: [name: string, versions: string, node: string][] = [
  ['buffer-equal-constant-time', '<=1.0.1', '<25'],
  ['better-sqlite3', '<12.5.0', '<25'],
  ['nan', '<2.24.0', '<25'],
];
/** Names of the newest version, and tags of images without a version. */
const ANY = /^(\*|node|lts(\/\*)?|current|latest|stable|system|alpine|slim|trixie|bookworm|bullseye|)$/;

/**
 * The newest supported LTS version of Node that satisfies all that name one. When none does: the one that satisfies most,
 * and of these the nearest to the first that it cannot satisfy. `given` (--node) always wins. Of `packages` count those
 * that are native: an old addon may not compile with a new Node.
 */
export function chooseNodeVersion(project: Project, given?: number, packages: LockedPackage[] = []): NodeChoice {
  const facts = findVersions(project);
  for (const [name, versions, node] of LIMITED) {
    const old = packages.find(
      (one) => one.name === name && one.isProduction && semver.satisfies(one.version, versions),
    );
    if (old) facts.push(fact(node, `${name} ${old.version} in the lockfile`));
  }
  for (const one of packages) {
    const { name, engines, isProduction, isOptional } = one;
    const isAddon = isProduction && !isOptional && isNative(one);
    if (isAddon && engines) facts.push(fact(engines, `engines of ${name} in the lockfile`));
  }
  const ranges = facts.map(({ value }) => rangeOf(value));
  const fits = (range: string | null, major: number) => semver.intersects(range ?? '*', `${major}`);
  const count = (major: number) => ranges.filter((range) => fits(range, major)).length;
  const first = ranges.find((range) => !SUPPORTED.every((major) => fits(range, major))) ?? '*';
  const distance = (major: number) => Math.abs(major - (semver.minVersion(first)?.major ?? 0));
  const nearest = SUPPORTED.toSorted((a, b) => count(b) - count(a) || distance(a) - distance(b));
  const major = given ?? SUPPORTED.find((one) => count(one) === ranges.length) ?? nearest[0] ?? 0;
  const notes = facts.flatMap(({ value, source }, index) => {
    const range = ranges[index] ?? null;
    if (range === null) return [`${source} says ${value}, which is not a version of Node.`];
    if (fits(range, major)) return [];
    const isOld = !SUPPORTED.some((one) => fits(range, one));
    const reason = isOld ? 'which no supported LTS version satisfies' : 'which disagrees';
    return [`${source} says ${value}, ${reason}: Node ${major} is used. --node chooses another.`];
  });
  return { major, facts, notes };
}

function findVersions(project: Project): Fact<string>[] {
  const found: Fact<string>[] = [];
  const add = (value: unknown, source: string) => {
    if (typeof value === 'string') found.push(fact(value.trim().slice(0, 100), source));
  };
  const addFile = (name: string, pattern: RegExp) => {
    const file = [posix.join(project.app, name), name].find(project.has);
    if (file) add(pattern.exec(project.read(file) ?? '')?.[1], file);
  };
  const file = [posix.join(project.app, 'Dockerfile'), 'Dockerfile'].find(project.has);
  if (file) add(readFrom(project.read(file) ?? ''), `FROM in ${file}`);
  for (const name of ['.nvmrc', '.node-version']) addFile(name, /^[ \t]*([^#\s]\S*)/m);
  addFile('.tool-versions', /^(?:nodejs|node)[ \t]+(\S+)/m);
  for (const path of new Set([posix.join(project.app, 'package.json'), 'package.json'])) {
    const manifest = path === 'package.json' ? project.rootManifest : project.manifest;
    add(manifest.volta.node, `volta in ${path}`);
    const runtimes = [mapOf(manifest.devEngines).runtime].flat().map(mapOf);
    add(runtimes.find(({ name }) => name === 'node')?.version, `devEngines in ${path}`);
    add(manifest.engines.node, `engines in ${path}`);
  }
  return found;
}

/** The last image of Node in a Dockerfile, which is the one that runs, with the defaults of ARG. */
function readFrom(text: string): string | undefined {
  const args = text.matchAll(/^[ \t]*ARG[ \t]+(\w+)=["']?([^\s"']+)/gim);
  const defaults = new Map([...args].map(([, key, value]) => [key, value]));
  const images = [...text.matchAll(/^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)?(\S+)/gim)].map(([, image = '']) =>
    image.replace(/\$\{?(\w+)(?::-([^}]*))?\}?/g, (_, key, other) => defaults.get(key) ?? other ?? ''),
  );
  return images.findLast((image) => /(^|\/)node(:|@|$)|nodejs-?\d/.test(image))?.replace(/@.*/, '');
}

/** What a version file, a tag of an image or `engines` says, as a range; null when it is none. */
function rangeOf(text: string): string | null {
  const version = /(?:^|\/)node(?:js)?(?::|-|@|$)?(\d[^-@:]*|[^-@:]*)/.exec(text);
  const name = (text.includes('node') ? (version?.[1] ?? '') : text).toLowerCase().replace(/^v(?=\d)/, '');
  const codeName = CODE_NAMES.indexOf(name.replace(/^lts\//, ''));
  if (ANY.test(name)) return '*';
  return codeName === -1 ? semver.validRange(name) : `${codeName * 2 + 4}`;
}
