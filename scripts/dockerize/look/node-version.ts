import { posix } from 'node:path';
import semver from 'semver';
import { readDockerfile } from '../../lib/dockerfile.ts';
import type { LockedPackage } from '../../lib/lockfile.ts';
import { mapOf } from '../../lib/read-data.ts';
import { type Fact, fact } from './fact.ts';
import { isNative } from './install-needs.ts';
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
/** Names of the newest version, and tags of images without a version. */
const ANY = /^(\*|node|lts(\/\*)?|current|latest|stable|system|alpine|slim|trixie|bookworm|bullseye|)$/;
/** Locked versions of packages that a newer Node does not run or compile. Node 25 removed SlowBuffer, and has a newer V8. */
const LIMITED: Record<string, string> = {
  'buffer-equal-constant-time': '<=1.0.1',
  'better-sqlite3': '<12.5.0',
  nan: '<2.24.0',
};

/**
 * The newest supported LTS version of Node that satisfies all that name one. When none does: of those that satisfy most,
 * the first that is not older than what is trusted most. `given` (--node) always wins. Packages count when a newer Node
 * does not run or compile them.
 */
export function chooseNodeVersion(project: Project, given?: number, packages: LockedPackage[] = []): NodeChoice {
  const facts = [...findVersions(project), ...packages.filter((one) => one.isProduction).flatMap(readPackage)];
  const ranges = facts.map(({ value }) => rangeOf(value));
  const fits = (range: string | null, major: number) => semver.intersects(range ?? '*', `${major}`);
  const count = (major: number) => ranges.filter((range) => fits(range, major)).length;
  const best = SUPPORTED.filter((major) => SUPPORTED.every((other) => count(major) >= count(other)));
  const first = ranges.find((range) => !SUPPORTED.every((major) => fits(range, major))) ?? '*';
  const isNotOlder = (major: number) => major >= (semver.minVersion(first)?.major ?? 0);
  const [newest = 0] = best;
  const major = given ?? (count(newest) === facts.length ? newest : (best.findLast(isNotOlder) ?? newest));
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

/** What a package says of Node: an old addon may not compile with a new one. */
function readPackage(one: LockedPackage): Fact<string>[] {
  const old = LIMITED[one.name];
  if (old && semver.satisfies(one.version, old)) return [fact('<25', `${one.name} ${one.version} in the lockfile`)];
  const isAddon = one.engines && !one.isOptional && isNative(one);
  return isAddon ? [fact(one.engines ?? '', `engines of ${one.name} in the lockfile`)] : [];
}

function findVersions({ app, has, read, manifest, rootManifest }: Project): Fact<string>[] {
  const find = (name: string, pattern: RegExp, prefix = '') => {
    const file = [posix.join(app, name), name].find(has) ?? '';
    return [prefix + file, pattern.exec(name === 'Dockerfile' ? findImage(read(file) ?? '') : (read(file) ?? ''))?.[1]];
  };
  const manifests = new Map([[posix.join(app, 'package.json'), manifest]]).set('package.json', rootManifest);
  const found: unknown[][] = [
    find('Dockerfile', /^([^@]+)/, 'FROM in '),
    find('.nvmrc', /^[ \t]*([^#\s]\S*)/m),
    find('.node-version', /^[ \t]*([^#\s]\S*)/m),
    find('.tool-versions', /^(?:nodejs|node)[ \t]+(\S+)/m),
    ...[...manifests].flatMap(([path, { volta, devEngines, engines }]) => [
      [`volta in ${path}`, volta.node],
      [
        `devEngines in ${path}`,
        [mapOf(devEngines).runtime]
          .flat()
          .map(mapOf)
          .find(({ name }) => name === 'node')?.version,
      ],
      [`engines in ${path}`, engines.node],
    ]),
  ];
  return found.flatMap(([source, value]) => (typeof value === 'string' ? fact(value.slice(0, 100), `${source}`) : []));
}

/** The last image of Node in a Dockerfile, which is the one that runs. */
function findImage(text: string): string {
  try {
    const { bases } = readDockerfile(text.slice(0, 100_000), 'Dockerfile');
    return bases.findLast((image) => /(^|\/)node(:|@|$)|nodejs-?\d/.test(image)) ?? '';
  } catch {
    return '';
  }
}

/** What a version file, a tag of an image or `engines` says, as a range; null when it is none. */
function rangeOf(text: string): string | null {
  const version = /(?:^|\/)node(?:js)?(?::|-|@|$)?(\d[^-@:]*|[^-@:]*)/.exec(text);
  const name = (text.includes('node') ? (version?.[1] ?? '') : text).toLowerCase().replace(/^v(?=\d)/, '');
  const codeName = CODE_NAMES.indexOf(name.replace(/^lts\//, ''));
  if (ANY.test(name)) return '*';
  return codeName === -1 ? semver.validRange(name) : `${codeName * 2 + 4}`;
}
