import semver from 'semver';
import { usageError } from '../../lib/errors.ts';
import { type Fact, fact } from './fact.ts';
import { mapOf, readYaml } from './read-data.ts';
import type { Project } from './read-project.ts';

export interface PackageManager {
  name: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry';
  /** The exact version for npx; null for the npm of the base image. */
  version: string | null;
  lockfile: string;
  /** The version of the lockfile's format; empty when it does not say. */
  lockfileVersion: string;
  /** Whether Yarn is set to install without node_modules. */
  isPlugAndPlay: boolean;
}

/** npm takes npm-shrinkwrap.json first: https://docs.npmjs.com/cli/v11/configuring-npm/npm-shrinkwrap-json */
const LOCKFILES = [
  { manager: 'npm', file: 'npm-shrinkwrap.json', command: '' },
  { manager: 'npm', file: 'package-lock.json', command: 'npm install --package-lock-only' },
  { manager: 'pnpm', file: 'pnpm-lock.yaml', command: 'pnpm install --lockfile-only' },
  { manager: 'yarn', file: 'yarn.lock', command: 'yarn install' },
] as const;

/**
 * The versions to run by the format of the lockfile, the preferred one last. `yarn install --immutable` refuses the format
 * of an older Yarn: 8 is that of Yarn 4.0 to 4.13, 10 that of 4.15 and later (tried with each).
 */
const VERSIONS = {
  pnpm: { 5: ['7.33.7'], 6: ['8.15.9'], 9: ['9.15.9', '10.34.8'] },
  yarn: { 1: ['1.22.22'] },
  'yarn-berry': { 4: ['2.4.2'], 5: ['3.1.1'], 6: ['3.8.7'], 8: ['4.13.0'], 9: ['4.14.1'], 10: ['4.18.1'] },
};

/**
 * The package manager: by the lockfile, and where there are several by what names a package manager.
 *
 * @throws {ToolError} with the code `usage`: no lockfile, several, or one of Bun alone.
 */
export function findPackageManager(project: Project): Fact<PackageManager> {
  const declared = readDeclared(project);
  const bun = ['bun.lock', 'bun.lockb'].find(project.has);
  const found = LOCKFILES.filter(({ file }) => project.has(file));
  const managers = new Set(found.map(({ manager }) => manager));
  const chosen = found.find(({ manager }) => manager === declared.name) ?? (managers.size === 1 ? found[0] : undefined);
  if (bun && (found.length === 0 || declared.name === 'bun')) {
    throw usageError(`Bun is not supported yet (${bun}).`, `Try "${LOCKFILES[1].command}", and delete ${bun}.`);
  }
  if (found.length === 0) {
    const { command } = LOCKFILES.findLast(({ manager }) => manager === declared.name) ?? LOCKFILES[1];
    const flag = /^[ \t]*package-lock *= *false/m.test(project.read('.npmrc') ?? '') ? ' --package-lock' : '';
    const hint = `Run "${command}${command.startsWith('npm') ? flag : ''}" there, and commit the lockfile.`;
    throw usageError(`There is no lockfile in ${project.directory}: each build could install other versions.`, hint);
  }
  if (chosen === undefined) {
    const hint = 'Delete the one that you do not use, or write packageManager in package.json.';
    throw usageError(`There are several lockfiles: ${found.map(({ file }) => file).join(', ')}.`, hint);
  }
  const text = project.read(chosen.file)?.slice(0, 10_000) ?? '';
  const isBerry = chosen.manager === 'yarn' && /^__metadata:/m.test(text);
  const name = isBerry ? 'yarn-berry' : chosen.manager;
  const pattern = isBerry ? /^ {2}version: (\d+)/m : /^\s*"?lockfileVersion"?: *['"]?([\d.]+)/m;
  const lockfileVersion = pattern.exec(text)?.[1] ?? (name === 'yarn' ? '1' : '');
  const version = name === 'npm' ? fact(null, chosen.file) : chooseVersion(project, name, lockfileVersion);
  // The default of Yarn is to have no node_modules: https://yarnpkg.com/configuration/yarnrc#nodeLinker
  const isPlugAndPlay = isBerry && (readYaml(project.read('.yarnrc.yml')).nodeLinker ?? 'pnp') === 'pnp';
  const value: PackageManager = { name, version: version.value, lockfile: chosen.file, lockfileVersion, isPlugAndPlay };
  return fact(value, version.source);
}

/** What names a package manager: `packageManager`, `devEngines`, or a `preinstall` with only-allow. */
function readDeclared({ rootManifest }: Project): { name: string; range: string; source: string } {
  const [, name, range] = /^(\w+)@([^+]+)/.exec(rootManifest.packageManager ?? '') ?? [];
  if (name && range) return { name, range, source: 'packageManager in package.json' };
  const [engine] = [mapOf(rootManifest.devEngines).packageManager].flat().map(mapOf);
  if (typeof engine?.name === 'string') {
    return { name: engine.name, range: String(engine.version ?? '*'), source: 'devEngines in package.json' };
  }
  const only = /only-allow (\w+)/.exec(rootManifest.scripts.preinstall ?? '')?.[1] ?? '';
  return { name: only, range: '*', source: 'preinstall in package.json' };
}

/** Exactly what is named; with a range, the newest version that fits it and is known to read the lockfile. */
function chooseVersion(project: Project, name: keyof typeof VERSIONS, format: string): Fact<string> {
  const command = name === 'yarn-berry' ? 'yarn' : name;
  const declared = readDeclared(project);
  const isDeclared = declared.name === command && declared.range !== '*';
  const wanted = isDeclared ? declared.range : (project.rootManifest.engines[command] ?? '*');
  const range = wanted.slice(0, 100);
  const source = isDeclared ? declared.source : 'engines in package.json';
  const isUsable = (version: string | null | undefined): version is string =>
    typeof version === 'string' && (name === 'pnpm' || semver.major(version) > 1 === (name === 'yarn-berry'));
  const exact = semver.valid(range);
  if (isUsable(exact)) return fact(exact, source);
  const { yarnPath } = readYaml(name === 'yarn-berry' ? project.read('.yarnrc.yml') : null);
  const inPath = /yarn-(\d+\.\d+\.\d+)\.cjs$/.exec(String(yarnPath))?.[1];
  // Of Yarn 2, npm has only what is known here; it starts the one of yarnPath.
  if (inPath && semver.major(inPath) > 2) return fact(inPath, 'yarnPath in .yarnrc.yml');
  const formats: Record<string, string[]> = VERSIONS[name];
  const known = formats[format.split('.')[0] ?? ''] ?? Object.values(formats).at(-1) ?? [];
  const lowest = semver.validRange(range) === null ? null : semver.minVersion(range)?.version;
  const fitting = known.findLast((version) => semver.satisfies(version, range)) ?? lowest;
  const preferred = known.at(-1) ?? '';
  const isByFormat = !isUsable(fitting) || (fitting === preferred && !isDeclared);
  return isByFormat ? fact(preferred, `format ${format} of the lockfile`) : fact(fitting, source);
}
