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

/** Whether a package is compiled, or downloads something compiled, when it is installed. */
export const isNative = (one: LockedPackage) =>
  one.hasInstallScript !== false &&
  one.dependencies.some((name) => COMPILERS.test(name)) &&
  platformsOf(one).length === 0 &&
  !NOT_NATIVE.test(one.name);
/** The packages that hold what is compiled for Linux, one per kind of processor and C library. */
const platformsOf = ({ dependencies }: LockedPackage) =>
  dependencies.filter((name) => /linux.*(x64|x86_64|arm64)/.test(name));

/** What the installation needs in the image, beside the package.json files and the lockfile. */
export function findInstallNeeds(project: Project, manager: PackageManager, packages: LockedPackage[]): InstallNeeds {
  const manifests = readLocalManifests(project);
  const isAllowed = readAllowed(project, manager);
  const direct = { ...project.manifest.optionalDependencies, ...project.rootManifest.optionalDependencies };
  const production = packages.filter((one) => one.isProduction && (!one.isOptional || Object.hasOwn(direct, one.name)));
  const scripted = production.filter((one) => platformsOf(one).length === 0 && isAllowed(one));
  const compiled = scripted.filter(isNative);
  const needScripts = scripted.filter(
    (one) =>
      isNative(one) || ((one.hasInstallScript ?? DOWNLOADERS.test(one.name)) && !HARMLESS_SCRIPTS.test(one.name)),
  );
  const libcOf = new Map(packages.map(({ name, libc }) => [name, libc]));
  const isFor = (platform: string, libc: RegExp) => libc.test([platform, ...(libcOf.get(platform) ?? [])].join(' '));
  const glibcOnly = production.filter((one) => {
    const platforms = platformsOf(one);
    const hasGlibc = platforms.some((name) => isFor(name, /gnu|glibc/));
    return GLIBC_ONLY.includes(one.name) || (hasGlibc && !platforms.some((name) => isFor(name, /musl/)));
  });
  const own: Record<string, string> = {};
  const inputs = new Set(CONFIG_FILES[manager.name].filter((path) => exists(project, path)));
  const usesPrisma = findPrismaGenerator(project, manifests, production);
  let isPrune = usesPrisma !== null;
  let isDevelopment = false;
  const addInputs = (directory: string, paths: string[]) => {
    for (const path of paths.map((one) => posix.join(directory, one))) if (exists(project, path)) inputs.add(path);
  };
  for (const [directory, manifest] of manifests) {
    for (const name of LIFECYCLE.filter((one) => manifest.scripts[one])) {
      own[directory === '' ? name : `${directory}: ${name}`] = manifest.scripts[name] ?? '';
      for (const command of commandsOf(manifest.scripts, manifest.scripts[name] ?? '')) {
        if (ANYWHERE.test(command)) continue;
        isDevelopment ||= DEVELOPMENT.test(command);
        if (DEVELOPMENT.test(command)) continue;
        isPrune = true;
        addInputs(directory, [...command.split(/[\s='"]+/).flatMap((word) => [word, `${word}.js`])]);
        if (/patch-package/.test(command)) addInputs(directory, ['patches']);
      }
    }
    const references = Object.values({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    });
    addInputs(
      directory,
      references.flatMap((one) => /^(?:file|portal):(.+)/.exec(one)?.[1] ?? []),
    );
  }
  const runsPrisma =
    /prisma/.test(Object.values(own).join()) || needScripts.some(({ name }) => name === '@prisma/client');
  if (runsPrisma) addInputs('', usesPrisma ?? []);
  addInputs('', patchesOf(project));
  const secretFile = findSecret(project, inputs);
  inputs.delete(secretFile?.value ?? '');
  const namesOf = (list: LockedPackage[]) => [...new Set(list.map(({ name }) => name))].sort();
  const factOf = (list: LockedPackage[], why: string) =>
    list.length > 0 ? fact(namesOf(list), `${why} in ${manager.lockfile}`) : null;
  const places = [...manifests.keys()].map((directory) => posix.join(directory, 'package.json')).join(', ');
  let scripts: InstallNeeds['scripts'] = needScripts.length > 0 ? 'run' : 'ignore';
  if (isPrune || (scripts === 'run' && isDevelopment)) scripts = 'prune';
  return {
    inputs: [...inputs].sort(),
    secretFile,
    compiled: factOf(compiled, 'tools that compile among their dependencies'),
    glibcOnly: factOf(glibcOnly, 'no package for musl'),
    ownScripts: Object.keys(own).length > 0 ? fact(own, `scripts in ${places}`) : null,
    scripts,
  };
}

const exists = ({ has, files }: Project, path: string) =>
  has(path) || (/^[^./]|^\.\w/.test(path) && files.some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`)));

/** The commands of a script, one by one. What it calls by `npm run` is followed, but not a build, which runs anyway. */
function commandsOf(scripts: Record<string, string>, text: string, depth = 0): string[] {
  return text.split(/&&|\|\||;|\n/).flatMap((part) => {
    const command = part.trim().replace(/^\(+\s*/, '');
    const words = command.split(/\s+/);
    const called = /^(npm run|npm-run-all|pnpm|yarn|run-s|run-p)\b/.test(command)
      ? words.filter((word) => scripts[word])
      : [];
    if (called.length === 0 || depth > 4) return command === '' ? [] : [command];
    return called.flatMap((name) =>
      /^(build|lint|test)/.test(name) ? ['build'] : commandsOf(scripts, scripts[name] ?? '', depth + 1),
    );
  });
}

/** The schemas of Prisma, when it generates its client into node_modules; null when it does not. */
function findPrismaGenerator(
  project: Project,
  manifests: Map<string, unknown>,
  production: LockedPackage[],
): string[] | null {
  if (!production.some(({ name }) => name === '@prisma/client')) return null;
  const directories = [...manifests.keys()];
  const schemas = project.files.filter(
    (file) => file.endsWith('.prisma') && directories.some((one) => file.startsWith(one)),
  );
  const generates = schemas.some((file) => {
    const [, generator] = /generator\s+\w+\s*\{([^}]*prisma-client-js[^}]*)\}/.exec(project.read(file) ?? '') ?? [];
    return generator !== undefined && !/^\s*output\s*=(?!.*node_modules)/m.test(generator);
  });
  return generates ? [...schemas, 'prisma.config.ts'] : null;
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
