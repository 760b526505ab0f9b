import { posix } from 'node:path';
import semver from 'semver';
import { readDockerfile } from '../lib/dockerfile.ts';
import { type Fact, fact } from './fact.ts';
import type { LockedPackage } from './lockfile.ts';
import { findNodeRange } from './native-packages.ts';
import { fits, SUPPORTED, toNodeRange } from './node-releases.ts';
import { mapOf } from './read-data.ts';
import type { Project } from './read-project.ts';

export interface NodeChoice {
  major: number;
  /** What names a version, one each, in the order of trust. */
  facts: Fact<string>[];
  /** What the choice does not satisfy, and what cannot be understood. */
  notes: string[];
}

/**
 * The newest supported LTS version of Node that satisfies all that name one. When none does: of those that satisfy most,
 * the first that is not older than what is trusted most. `given` (--node) always wins.
 */
export function chooseNodeVersion(project: Project, given?: number, packages: LockedPackage[] = []): NodeChoice {
  const facts = findVersions(project);
  for (const one of packages.filter(({ isProduction }) => isProduction)) {
    const range = findNodeRange(one);
    if (range !== null) facts.push(fact(range, `${one.name} ${one.version} in the lockfile`));
  }
  const ranges = facts.map(({ value }) => toNodeRange(value));
  const count = (major: number) => ranges.filter((range) => fits(range, major)).length;
  const best = SUPPORTED.filter((major) => SUPPORTED.every((other) => count(major) >= count(other)));
  const first = ranges.find((range) => !SUPPORTED.every((major) => fits(range, major))) ?? '*';
  const isNotOlder = (major: number) => major >= (semver.minVersion(first)?.major ?? 0);
  const [newest = 0] = best;
  const major = given ?? (count(newest) === facts.length ? newest : (best.findLast(isNotOlder) ?? newest));
  const reason = given ? '--node was given' : `no supported LTS version (${SUPPORTED.join(', ')}) fits all`;
  const notes = facts.flatMap(({ value, source }, index) => {
    if (ranges[index] === null) return [`${source} says ${value}, which is not a version of Node.`];
    if (fits(ranges[index], major)) return [];
    return [
      `${source} says ${value}, but the image uses Node ${major}: ${reason}. Choose another version with --node.`,
    ];
  });
  if (given) facts.unshift(fact(`${given}`, '--node'));
  if (!SUPPORTED.includes(major))
    notes.push(`Node ${major} does not exist or receives no more fixes. Supported: ${SUPPORTED.join(', ')}.`);
  return { major, facts, notes };
}

function findVersions({ app, has, read, manifest, rootManifest }: Project): Fact<string>[] {
  const pathOf = (name: string) => [posix.join(app, name), name].find(has) ?? '';
  const find = (name: string, pattern: RegExp) => [pathOf(name), pattern.exec(read(pathOf(name)) ?? '')?.[1]];
  const manifests = new Map([[posix.join(app, 'package.json'), manifest]]).set('package.json', rootManifest);
  const found: unknown[][] = [
    [`FROM in ${pathOf('Dockerfile')}`, findImage(read(pathOf('Dockerfile')) ?? '')],
    find('.nvmrc', /^[ \t]*([^#\s]\S*)/m),
    find('.node-version', /^[ \t]*([^#\s]\S*)/m),
    find('.tool-versions', /^(?:nodejs|node)[ \t]+(\S+)/m),
  ];
  for (const [path, { volta, devEngines, engines }] of manifests) {
    const runtimes = [mapOf(devEngines).runtime].flat().map(mapOf);
    found.push([`volta in ${path}`, volta.node]);
    found.push([`devEngines in ${path}`, runtimes.find(({ name }) => name === 'node')?.version]);
    found.push([`engines in ${path}`, engines.node]);
  }
  return found.flatMap(([source, value]) => (typeof value === 'string' ? fact(value.slice(0, 100), `${source}`) : []));
}

/** The last image of Node in a Dockerfile, which is the one that runs. */
function findImage(text: string): string | undefined {
  try {
    const { bases } = readDockerfile(text.slice(0, 100_000), 'Dockerfile');
    return bases.findLast((image) => /(^|\/)node(:|@|$)|nodejs-?\d/.test(image))?.replace(/@.*/, '');
  } catch {
    return undefined;
  }
}
