import semver from 'semver';
import { usageError } from '../../lib/errors.ts';
import { mapOf, readYaml } from '../../lib/read-data.ts';
import { type Fact, fact } from './fact.ts';
import type { Project } from './read-project.ts';

export interface PackageManager {
  name: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry';
  /** The exact version for npx; null for the npm of the base image. */
  version: string | null;
  lockfile: string;
  /** Whether Yarn is set to install without node_modules. */
  isPlugAndPlay: boolean;
}

/** npm takes npm-shrinkwrap.json first: https://docs.npmjs.com/cli/v11/configuring-npm/npm-shrinkwrap-json */
const LOCKFILES = {
  'npm-shrinkwrap.json': 'npm',
  'package-lock.json': 'npm',
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
};
/** What makes a lockfile. The last flag is for projects that have `package-lock=false` in .npmrc. */
const MAKE_LOCKFILE: Record<string, string> = {
  npm: 'npm install --package-lock-only --package-lock',
  pnpm: 'pnpm install --lockfile-only',
  yarn: 'yarn install',
};

/**
 * The versions to run by the format of the lockfile, the preferred one last. `yarn install --immutable` refuses the format
 * of an older Yarn: 8 is that of Yarn 4.0 to 4.13, 10 that of 4.15 and later (tried with each).
 */
const VERSIONS: Record<string, Record<string, string[]>> = {
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
  const found = Object.entries(LOCKFILES).filter(([file]) => project.has(file));
  const [lockfile = '', manager = ''] = found.find(([, name]) => name === declared.name) ?? found[0] ?? [];
  const bun = ['bun.lock', 'bun.lockb'].find(project.has);
  if (bun && (found.length === 0 || declared.name === 'bun')) {
    throw usageError(`Bun is not supported yet (${bun}).`, `Try "${MAKE_LOCKFILE.npm}", and delete ${bun}.`);
  }
  if (found.length === 0) {
    const hint = `Run "${MAKE_LOCKFILE[declared.name] ?? MAKE_LOCKFILE.npm}" there, and commit the lockfile.`;
    throw usageError(`There is no lockfile in ${project.directory}: each build could install other versions.`, hint);
  }
  if (manager !== declared.name && found.some(([, name]) => name !== manager)) {
    const hint = 'Delete the one that you do not use, or write packageManager in package.json.';
    throw usageError(`There are several lockfiles: ${found.map(([file]) => file).join(', ')}.`, hint);
  }
  const text = project.read(lockfile)?.slice(0, 10_000) ?? '';
  const [, format] = /^(?:\s*"?lockfileVersion"?: *['"]?| {2}version: )(\d[\d.]*)/m.exec(text) ?? [];
  const isBerry = manager === 'yarn' && /^__metadata:/m.test(text);
  const name = isBerry ? 'yarn-berry' : (manager as 'npm' | 'pnpm' | 'yarn');
  const settings = readYaml(isBerry ? project.read('.yarnrc.yml') : null);
  const { value: version, source } =
    name === 'npm' ? fact(null, lockfile) : chooseVersion(project, name, format ?? '1', `${settings.yarnPath}`);
  // The default of Yarn is to have no node_modules: https://yarnpkg.com/configuration/yarnrc#nodeLinker
  const isPlugAndPlay = isBerry && (settings.nodeLinker ?? 'pnp') === 'pnp';
  return fact({ name, version, lockfile, isPlugAndPlay }, source);
}

/** What names a package manager: `packageManager`, `devEngines`, or a `preinstall` with only-allow. */
function readDeclared({ rootManifest }: Project): { name: string; range: string; source: string } {
  const [, name, range] = /^(\w+)@([^+]+)/.exec(rootManifest.packageManager ?? '') ?? [];
  if (name && range) return { name, range, source: 'packageManager in package.json' };
  const [engine] = [mapOf(rootManifest.devEngines).packageManager].flat().map(mapOf);
  const only = /only-allow (\w+)/.exec(rootManifest.scripts.preinstall ?? '')?.[1] ?? '';
  return {
    name: String(engine?.name ?? only),
    range: String(engine?.version ?? ''),
    source: 'devEngines in package.json',
  };
}

/** Exactly what is named; with a range, the newest version that fits it and is known to read the lockfile. */
function chooseVersion(project: Project, name: string, format: string, yarnPath: string): Fact<string> {
  const command = name.replace('-berry', '');
  const known = VERSIONS[name]?.[format.split('.')[0] ?? ''] ?? Object.values(VERSIONS[name] ?? {}).at(-1) ?? [];
  const preferred = known.at(-1) ?? '';
  const declared = readDeclared(project);
  const named = [
    ...(declared.name === command ? [fact(declared.range, declared.source)] : []),
    fact(/yarn-(\d+\.\d+\.\d+)\.cjs$/.exec(yarnPath)?.[1] ?? '', 'yarnPath in .yarnrc.yml'),
    fact(project.rootManifest.engines[command] ?? '', 'engines in package.json'),
  ];
  for (const { value, source } of named) {
    const range = value.slice(0, 100);
    if (range === '' || semver.validRange(range) === null) continue;
    const fitting = known.findLast((one) => semver.satisfies(one, range)) ?? semver.minVersion(range)?.version;
    const version = semver.valid(range) ?? fitting ?? preferred;
    // Yarn 1 reads no lockfile of a later one, nor the other way round.
    const isUsable = command !== 'yarn' || semver.major(version) > 1 === (name === 'yarn-berry');
    if (isUsable && (version !== preferred || source !== 'engines in package.json')) return fact(version, source);
  }
  return fact(preferred, `format ${format} of the lockfile`);
}
