import semver from 'semver';
import { usageError } from '../lib/errors.ts';
import { type Fact, fact } from './fact.ts';
import { LOCKFILES, MAKE_LOCKFILE, readFormat } from './lockfile-formats.ts';
import { mapOf, readYaml } from './read-data.ts';
import type { Project } from './read-project.ts';

export interface PackageManager {
  name: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry';
  /** The exact version for npx; null for the npm of the base image. */
  version: string | null;
  lockfile: string;
  /** Whether Yarn is set to install without node_modules. */
  isPlugAndPlay: boolean;
}

/**
 * The package manager: by the lockfile, and where there are several by what names a package manager.
 *
 * @throws {ToolError} with the code `usage`: no lockfile, several, or one of Bun alone.
 */
export function findPackageManager(project: Project): Fact<PackageManager> {
  const declared = findDeclared(project);
  const found = Object.entries(LOCKFILES).filter(([file]) => project.has(file));
  const [lockfile, manager] = found.find(([, name]) => name === declared.name) ?? found[0] ?? [];
  const bun = ['bun.lock', 'bun.lockb'].find(project.has);
  if (bun && (!manager || declared.name === 'bun')) {
    throw usageError(`Bun is not supported yet (${bun}).`, `Try "${MAKE_LOCKFILE.npm}", and delete ${bun}.`);
  }
  const { dependencies, devDependencies, optionalDependencies, workspaces } = project.rootManifest;
  const isAlone = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).length === 0;
  // Without dependencies nothing is installed.
  if (!lockfile && isAlone && !workspaces)
    return fact(
      { name: 'npm', version: null, lockfile: 'package.json', isPlugAndPlay: false },
      'no dependencies, so no lockfile',
    );
  if (!lockfile || !manager) {
    const hint = `Run "${MAKE_LOCKFILE[declared.name] ?? MAKE_LOCKFILE.npm}" there, and commit the lockfile.`;
    throw usageError(
      `There is no lockfile in ${project.directory}: each build could install different versions.`,
      hint,
    );
  }
  if (manager !== declared.name && found.some(([, name]) => name !== manager)) {
    const hint = 'Delete the one that you do not use, or write packageManager in package.json.';
    throw usageError(`There are several lockfiles: ${found.map(([file]) => file).join(', ')}.`, hint);
  }
  const { name, format, versions } = readFormat(project.read(lockfile) ?? '', manager);
  const { nodeLinker = 'pnp', yarnPath } = readYaml(project.read('.yarnrc.yml'));
  // The default of Yarn is to have no node_modules: https://yarnpkg.com/configuration/yarnrc#nodeLinker
  const isPlugAndPlay = name === 'yarn-berry' && nodeLinker === 'pnp';
  if (name === 'npm') return fact({ name, version: null, lockfile, isPlugAndPlay }, lockfile);
  const inPath = /yarn-(\d+\.\d+\.\d+)\.cjs$/.exec(String(yarnPath))?.[1] ?? '';
  const engine = project.rootManifest.engines[manager] ?? '';
  const named = [
    fact(declared.name === manager ? declared.range : '', declared.source),
    // Of Yarn 2, npm has only what is known here; it starts the one of yarnPath.
    fact(manager === 'yarn' && !inPath.startsWith('2.') ? inPath : '', 'yarnPath in .yarnrc.yml'),
    // A range there may be older than the lockfile.
    fact(
      versions.length > 0 && semver.satisfies(versions.at(-1) ?? '', engine) ? '' : engine,
      'engines in package.json',
    ),
  ];
  const chosen = named.flatMap(({ value, source }) => {
    const version = chooseVersion(value.slice(0, 100), versions);
    // Yarn 1 reads no lockfile of a later one, nor the other way round.
    const isUsable = version !== null && (manager === 'pnpm' || semver.major(version) > 1 === (name === 'yarn-berry'));
    return isUsable ? fact(version, source) : [];
  });
  const { value: version, source } = chosen[0] ?? fact(versions.at(-1) ?? '', `format ${format} of the lockfile`);
  return fact({ name, version, lockfile, isPlugAndPlay }, source);
}

/** Exactly what is named; with a range, the newest version that fits it and is known to read the lockfile. */
function chooseVersion(range: string, known: string[]): string | null {
  if (range === '' || semver.validRange(range) === null) return null;
  const fitting = known.findLast((version) => semver.satisfies(version, range));
  return semver.valid(range) ?? fitting ?? semver.minVersion(range)?.version ?? null;
}

/** What names a package manager: `packageManager`, `devEngines`, or a `preinstall` with only-allow. */
function findDeclared({ rootManifest }: Project): { name: string; range: string; source: string } {
  const [, name, range] = /^(\w+)@([^+]+)/.exec(rootManifest.packageManager ?? '') ?? [];
  if (name && range) return { name, range, source: 'packageManager in package.json' };
  const [engine] = [mapOf(rootManifest.devEngines).packageManager].flat().map(mapOf);
  const only = /only-allow (\w+)/.exec(rootManifest.scripts.preinstall ?? '')?.[1] ?? '';
  const source = 'devEngines in package.json';
  return { name: String(engine?.name ?? only), range: String(engine?.version ?? ''), source };
}
