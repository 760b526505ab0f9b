import { posix } from 'node:path';
import semver from 'semver';
import { type Fact, fact } from './fact.ts';
import { type LockedPackage, readLocalManifests } from './lockfile.ts';
import type { PackageManager } from './package-manager.ts';
import { listOf, mapOf, readYaml } from './read-data.ts';
import type { Project } from './read-project.ts';

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
  ownScripts: Fact<Record<string, string>> | null;
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
const GLIBC_ONLY = ['onnxruntime-node', 'uWebSockets.js', '@duckdb/node-bindings'];
/** Install scripts that print, count or only check. */
const HARMLESS_SCRIPTS =
  /^(core-js(-pure|-bundle)?|(@apollo\/)?protobufjs|esbuild|@swc\/core|@nestjs\/core|es5-ext|@fortawesome\/.*|@scarf\/scarf)$/;
/** Packages that download what they need, for lockfiles that do not say what has a script. */
const DOWNLOADERS = /^(@prisma\/engines|puppeteer|ffmpeg-static|youtube-dl-exec)$/;
const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];
/** Own scripts that work in any installation, and those of development alone: hooks of Git, types, builds that run anyway. */
const ANYWHERE = /only-allow|^(echo|true|exit|:|\[|cd \.|is-ci)\b|^\[/;
const DEVELOPMENT =
  /husky|lefthook|git-hooks|^git |^((npx|yarn|pnpm)( exec| --yes)? )?(nuxi?t?|svelte-kit|astro|tsc|tsup|tsdown|vite|rollup|webpack|swc|nest|turbo|nx|lerna|babel|unbuild|playwright|cypress|build)\b/;
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

/** What the installation needs in the image, in addition to the package.json files and the lockfile. */
export function findInstallNeeds(project: Project, manager: PackageManager, packages: LockedPackage[]): InstallNeeds {
  const manifests = readLocalManifests(project);
  const direct = { ...project.manifest.optionalDependencies, ...project.rootManifest.optionalDependencies };
  const production = packages.filter((one) => one.isProduction && (!one.isOptional || Object.hasOwn(direct, one.name)));
  const isAllowed = readAllowed(project, manager);
  const allowed = production.filter((one) => platformsOf(one).length === 0 && isAllowed(one));
  const compiled = allowed.filter(isNative);
  const isScripted = ({ name, hasInstallScript }: LockedPackage) =>
    !HARMLESS_SCRIPTS.test(name) && (hasInstallScript ?? DOWNLOADERS.test(name));
  const own: Record<string, string> = {};
  const inputs = new Set(CONFIG_FILES[manager.name].filter((path) => exists(project, path)));
  const addInputs = (directory: string, paths: string[]) => {
    const short = paths.filter((one) => one.length < 300).map((one) => posix.join(directory, one));
    for (const path of short) if (exists(project, path)) inputs.add(path);
  };
  const schemas = findPrismaSchemas(project, production);
  addInputs('', [...schemas, ...patchesOf(project)]);
  let isPrune = schemas.length > 0;
  let isDevelopment = false;
  for (const [directory, { scripts, dependencies, devDependencies, optionalDependencies }] of manifests) {
    for (const [name, text] of Object.entries(scripts).filter(([key]) => LIFECYCLE.includes(key))) {
      own[directory === '' ? name : `${directory}: ${name}`] = text;
      for (const command of commandsOf(scripts, text).filter((one) => !ANYWHERE.test(one))) {
        isDevelopment = true;
        if (DEVELOPMENT.test(command)) continue;
        isPrune = true;
        const words = command.split(/[\s='"]+/, 100);
        addInputs(directory, [...words, ...words.map((word) => `${word}.js`)]);
        if (command.includes('patch-package')) addInputs(directory, ['patches']);
      }
    }
    const ranges = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies });
    const files = ranges.flatMap((range) => /^(?:file|portal):(.+)/.exec(range)?.[1] ?? []);
    addInputs(directory, files);
  }
  const secretFile = findSecret(project, inputs);
  inputs.delete(secretFile?.value ?? '');
  const factOf = (list: LockedPackage[], why: string) => {
    const names = [...new Set(list.map(({ name }) => name))].sort();
    return names.length > 0 ? fact(names, `${why} in ${manager.lockfile}`) : null;
  };
  let scripts: InstallNeeds['scripts'] = compiled.length > 0 || allowed.some(isScripted) ? 'run' : 'ignore';
  if (isPrune || (scripts === 'run' && isDevelopment)) scripts = 'prune';
  return {
    inputs: [...inputs].sort(),
    secretFile,
    compiled: factOf(compiled, 'tools that compile among their dependencies'),
    glibcOnly: factOf(findGlibcOnly(packages, production), 'no package for musl'),
    ownScripts: Object.keys(own).length > 0 ? fact(own, 'scripts in package.json') : null,
    scripts,
  };
}

function findGlibcOnly(packages: LockedPackage[], production: LockedPackage[]): LockedPackage[] {
  const libcOf = new Map(packages.map(({ name, libc }) => [name, libc.join()]));
  return production.filter((one) => {
    const platforms = platformsOf(one).map((name) => `${name} ${libcOf.get(name)}`);
    const isForGlibc = platforms.some((text) => /gnu|glibc/.test(text)) && !platforms.some((text) => /musl/.test(text));
    return GLIBC_ONLY.includes(one.name) || isForGlibc;
  });
}

const exists = ({ has, files }: Project, path: string) =>
  has(path) || (/^[^./]|^\.\w/.test(path) && files.some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`)));

/** The commands of a script, one by one. What it calls by `npm run` is followed, but not a build, which runs anyway. */
function commandsOf(scripts: Record<string, string>, text: string, seen = new Set<string>()): string[] {
  const parts = text.split(/&&|\|\||;|\n/).map((part) => part.replace(/^[\s(]+/, '').trim());
  return parts.filter(Boolean).flatMap((command) => {
    const words = /^(npm run|npm-run-all|pnpm|yarn|run-s|run-p)\b/.test(command) ? command.split(/\s+/) : [];
    const called = words.filter((word) => Object.hasOwn(scripts, word));
    if (called.length === 0) return [command];
    return called.flatMap((name) => {
      if (/^(build|lint|test)/.test(name)) return ['build'];
      return seen.has(name) ? [] : commandsOf(scripts, scripts[name] ?? '', seen.add(name));
    });
  });
}

/** The schemas of Prisma, if it generates its client into node_modules. */
function findPrismaSchemas({ files, read }: Project, production: LockedPackage[]): string[] {
  if (!production.some(({ name }) => name === '@prisma/client')) return [];
  const schemas = files.filter((file) => file.endsWith('.prisma'));
  const blocks = schemas.flatMap((file) => (read(file) ?? '').split('}'));
  const isGenerated = blocks.some((block) => {
    const output = /^[ \t]*output[ \t]*=(.*)/m.exec(block)?.[1] ?? 'node_modules';
    return block.includes('"prisma-client-js"') && output.includes('node_modules');
  });
  return isGenerated ? [...schemas, 'prisma.config.ts'] : [];
}

/** Directories of patches that the package manager applies itself. */
function patchesOf(project: Project): string[] {
  const settings = [mapOf(project.rootManifest.pnpm), readYaml(project.read('pnpm-workspace.yaml'))];
  const files = settings.flatMap((one) => listOf(Object.values(mapOf(one.patchedDependencies))));
  const inYarn = [...(project.read('package.json') ?? '').matchAll(/"patch:[^"#]*#(?:~\/)?([^"]+\.patch)"/g)];
  return [...files, ...inYarn.map(([, file = '']) => file)].map((file) => posix.dirname(posix.normalize(file)));
}

/** What a project allows to run its install script. pnpm 10 and later run none that is not listed. */
function readAllowed({ rootManifest, read }: Project, manager: PackageManager): (one: LockedPackage) => boolean {
  const npm = mapOf(rootManifest.allowScripts);
  if (manager.name !== 'pnpm') return ({ name, version }) => (npm[`${name}@${version}`] ?? npm[name]) !== false;
  const settings = { ...mapOf(rootManifest.pnpm), ...readYaml(read('pnpm-workspace.yaml')) };
  const builds = mapOf(settings.allowBuilds);
  const only = [
    ...listOf(settings.onlyBuiltDependencies),
    ...Object.keys(builds).filter((name) => builds[name] === true),
  ];
  const runsAll = settings.dangerouslyAllowAllBuilds === true || semver.lt(manager.version ?? '10.0.0', '10.0.0');
  const isListed = ({ name }: LockedPackage) => only.some((one) => one === name || one.startsWith(`${name}@`));
  return (one) => isListed(one) || (runsAll && settings.onlyBuiltDependencies === undefined);
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
