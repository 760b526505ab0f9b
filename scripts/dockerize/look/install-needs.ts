import { posix } from 'node:path';
import semver from 'semver';
import type { LockedPackage } from '../../lib/lockfile.ts';
import { listOf, mapOf, readYaml } from '../../lib/read-data.ts';
import { type Fact, fact } from './fact.ts';
import type { PackageManager } from './package-manager.ts';
import type { Manifest, Project } from './read-project.ts';

export interface InstallNeeds {
  /** Files and directories that the installation reads, in addition to package.json files and lockfile. */
  inputs: string[];
  /** The file that holds a token or refers to one. It is given as a secret and never copied. The source names no value. */
  secretFile: Fact<string> | null;
  /** Production packages that are compiled when they are installed. */
  compiled: Fact<string[]> | null;
  /** Production packages that come compiled, but not for musl. */
  glibcOnly: Fact<string[]> | null;
  /** Own scripts that each installation runs: `postinstall`, and of a package of the workspace `packages/db: postinstall`. */
  ownScripts: Fact<string[]> | null;
  /**
   * Scripts in the production installation. `run`: packages need theirs. `ignore`: nothing needs them, or an own one only
   * works in development. `prune`: an own one, or Prisma's generator, has to have run where all dependencies are.
   */
  scripts: 'run' | 'ignore' | 'prune';
}

const CONFIG_FILES: Record<PackageManager['name'], string[]> = {
  npm: ['.npmrc'],
  pnpm: ['.npmrc', 'pnpm-workspace.yaml', '.pnpmfile.cjs', '.pnpmfile.mjs'],
  yarn: ['.npmrc', '.yarnrc', '.yarn/releases'],
  'yarn-berry': ['.yarnrc.yml', '.yarn/releases', '.yarn/plugins', '.yarn/patches'],
};
/** What a package depends on to compile an addon or to download one. */
const COMPILERS =
  /^(node-gyp|node-gyp-build|prebuild-install|bindings|nan|node-addon-api|(@mapbox\/)?node-pre-gyp|cmake-js)$/;
/** Packages with such a dependency that need nothing compiled. Yarn adds node-gyp to some by itself. */
const NOT_NATIVE = /^(@npmcli\/.*|@vercel\/nft|evp_bytestokey|ssh2|node-addon-api|nan)$/;
/** Packages that come compiled for glibc alone, which the lockfile does not say. */
const GLIBC_ONLY = /^(onnxruntime-node|uWebSockets\.js|@duckdb\/node-bindings)$/;
/** Install scripts that print, count or only check. */
const HARMLESS_SCRIPTS =
  /^(core-js(-pure|-bundle)?|(@apollo\/)?protobufjs|esbuild|@swc\/core|@nestjs\/core|es5-ext|@fortawesome\/.*|@scarf\/scarf)$/;
/** Packages that download what they need, for lockfiles that do not say what has a script. */
const DOWNLOADERS = /^(@prisma\/engines|puppeteer|ffmpeg-static|youtube-dl-exec)$/;
const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];
/** Commands that production does not need: checks, hooks of Git, types, and builds that run anyway. */
const NEEDLESS =
  /only-allow|husky|lefthook|git-hooks|^(git |\[|:|cd \.|(echo|true|exit|is-ci)\b)|^((npx|yarn|pnpm)( exec| --yes)? )?(nuxi?t?|svelte-kit|astro|tsc|tsup|tsdown|vite|rollup|webpack|swc|nest|turbo|nx|lerna|babel|unbuild|playwright|cypress)\b/;
const SECRET = /(_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?\s*[=:]|(\$\{\w+)/;

/**
 * Whether npm would compile a package that comes compiled: one without an install script, but with a binding.gyp. npm does
 * not read its `gypfile: false` from a lockfile (tried with npm 11.21).
 */
export const isCompiledNeedlessly = ({ isProduction, hasInstallScript, dependencies }: LockedPackage) =>
  isProduction && hasInstallScript === false && dependencies.some((name) => /^(nan|node-addon-api)$/.test(name));

/** Whether a package is compiled, or downloads something compiled, when it is installed. */
export const isNative = (one: LockedPackage) =>
  one.hasInstallScript !== false &&
  one.dependencies.some((name) => COMPILERS.test(name)) &&
  platformsOf(one).length === 0 &&
  !NOT_NATIVE.test(one.name);
/** The packages that hold what is compiled for Linux, one per kind of processor and C library. */
const platformsOf = ({ dependencies }: LockedPackage) =>
  dependencies.filter((name) => /linux.*(x64|x86_64|arm64)/.test(name));

/**
 * What the installation needs in the image, in addition to the package.json files and the lockfile.
 *
 * @param manifests the package.json files that are installed, by directory.
 */
export function findInstallNeeds(
  project: Project,
  manager: PackageManager,
  packages: LockedPackage[],
  manifests: Map<string, Manifest>,
): InstallNeeds {
  const direct = { ...project.manifest.optionalDependencies, ...project.rootManifest.optionalDependencies };
  const production = packages.filter((one) => one.isProduction && (!one.isOptional || Object.hasOwn(direct, one.name)));
  const allowed = production.filter(readAllowed(project, manager)).filter((one) => platformsOf(one).length === 0);
  const compiled = allowed.filter(isNative);
  const isScripted = ({ name, hasInstallScript }: LockedPackage) =>
    !HARMLESS_SCRIPTS.test(name) && (hasInstallScript ?? DOWNLOADERS.test(name));
  const libcOf = new Map(packages.map(({ name, libc }) => [name, libc.join()]));
  const glibcOnly = production.filter((one) => {
    const platforms = platformsOf(one).map((name) => `${name} ${libcOf.get(name)}`);
    return GLIBC_ONLY.test(one.name) || (/gnu|glibc/.test(platforms.join()) && !/musl/.test(platforms.join()));
  });
  const schemas = findPrismaSchemas(project, production);
  const { patchedDependencies } = readPnpmSettings(project);
  const patches = listOf(Object.values(mapOf(patchedDependencies))).map(posix.dirname);
  const ownScripts: string[] = [];
  const paths = [...CONFIG_FILES[manager.name], ...schemas, ...patches];
  let isPrune = schemas.length > 0;
  for (const [directory, { scripts, dependencies, devDependencies, optionalDependencies }] of manifests) {
    const own = LIFECYCLE.filter((name) => Object.hasOwn(scripts, name));
    const commands = commandsOf(scripts, own).filter((command) => !NEEDLESS.test(command));
    const words = commands.flatMap((command) => command.split(/[\s='"]+/, 100));
    const ranges = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies });
    const files = ranges.flatMap((range) => /^(?:file|portal):(.{1,300})$/.exec(range)?.[1] ?? []);
    const more = words.includes('patch-package') ? ['patches'] : [];
    const read = [...words, ...words.map((word) => `${word}.js`), ...files, ...more];
    paths.push(...read.map((path) => posix.join(directory, path.slice(0, 300))));
    ownScripts.push(...own.map((name) => (directory === '' ? name : `${directory}: ${name}`)));
    isPrune ||= commands.length > 0;
  }
  const inputs = new Set(paths.map((path) => posix.normalize(path)).filter((path) => exists(project, path)));
  const secretFile = findSecret(project, inputs);
  inputs.delete(secretFile?.value ?? '');
  const factOf = (names: string[], source: string) =>
    names.length > 0 ? fact([...new Set(names)].sort(), source) : null;
  const isRun = compiled.length > 0 || allowed.some(isScripted);
  if (isRun && ownScripts.length > 0) isPrune = true;
  return {
    inputs: [...inputs].sort(),
    secretFile,
    compiled: factOf(
      compiled.map(({ name }) => name),
      `tools that compile among their dependencies in ${manager.lockfile}`,
    ),
    glibcOnly: factOf(
      glibcOnly.map(({ name }) => name),
      `no package for musl in ${manager.lockfile}`,
    ),
    ownScripts: factOf(ownScripts, 'scripts in package.json'),
    scripts: isPrune ? 'prune' : (isRun && 'run') || 'ignore',
  };
}

const exists = ({ has, files }: Project, path: string) =>
  has(path) || (/^[^./]|^\.\w/.test(path) && files.some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`)));

/** The commands of scripts, one by one. What they call by `npm run` is followed, but not a build, which runs anyway. */
function commandsOf(scripts: Record<string, string>, names: string[]): string[] {
  const commands: string[] = [];
  const all = new Set(names);
  for (const name of all) {
    for (const command of (scripts[name] ?? '').split(/&&|\|\||;|\n/).map((part) => part.replace(/^[\s(]+/, ''))) {
      const isCall = /^(npm run|npm-run-all|pnpm|yarn|run-s|run-p)\b/.test(command);
      const called = isCall ? command.split(/\s+/).filter((word) => Object.hasOwn(scripts, word)) : [];
      for (const one of called) if (!/^(build|lint|test)/.test(one)) all.add(one);
      if (called.length === 0 && command !== '') commands.push(command);
    }
  }
  return commands;
}

/** The schemas of Prisma, if it generates its client into node_modules. */
function findPrismaSchemas({ files, read }: Project, production: LockedPackage[]): string[] {
  if (!production.some(({ name }) => name === '@prisma/client')) return [];
  const schemas = files.filter((file) => file.endsWith('.prisma'));
  const isGenerated = schemas
    .flatMap((file) => (read(file) ?? '').split('}'))
    .filter((block) => block.includes('"prisma-client-js"'))
    .some((block) => (/^[ \t]*output[ \t]*=(.*)/m.exec(block)?.[1] ?? 'node_modules').includes('node_modules'));
  return isGenerated ? [...schemas, 'prisma.config.ts'] : [];
}

const readPnpmSettings = ({ rootManifest, read }: Project) => ({
  ...mapOf(rootManifest.pnpm),
  ...readYaml(read('pnpm-workspace.yaml')),
});

/** What a project allows to run its install script. pnpm 10 and later run none that is not listed. */
function readAllowed(project: Project, { name: manager, version }: PackageManager): (one: LockedPackage) => boolean {
  const settings = readPnpmSettings(project);
  const listed = listOf(settings.onlyBuiltDependencies).map((name) => [name, true]);
  const rules = {
    ...mapOf(project.rootManifest.allowScripts),
    ...mapOf(settings.allowBuilds),
    ...Object.fromEntries(listed),
  };
  const isStrict = settings.dangerouslyAllowAllBuilds !== true && semver.gte(version ?? '10.0.0', '10.0.0');
  const others = manager !== 'pnpm' || (settings.onlyBuiltDependencies === undefined && !isStrict);
  return (one) => (rules[`${one.name}@${one.version}`] ?? rules[one.name] ?? others) === true;
}

function findSecret({ read }: Project, inputs: Set<string>): Fact<string> | null {
  for (const file of ['.npmrc', '.yarnrc.yml'].filter((one) => inputs.has(one))) {
    for (const [index, line] of (read(file) ?? '').split('\n').entries()) {
      const [, setting, variable] = (/^\s*[#;]/.test(line) ? null : SECRET.exec(line)) ?? [];
      if (setting || variable) return fact(file, `${setting ?? `${variable}}`} in ${file}:${index + 1}`);
    }
  }
  return null;
}
