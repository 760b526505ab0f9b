import { posix } from 'node:path';
import semver from 'semver';
import { type Fact, fact } from './fact.ts';
import { type LockedPackage, readLocalManifests } from './lockfile.ts';
import type { PackageManager } from './package-manager.ts';
import { listOf, mapOf, readYaml, textOf } from './read-data.ts';
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

/** Whether a package is compiled when it is installed, or downloads something compiled, and not for each platform. */
export const isNative = (one: LockedPackage) =>
  one.hasInstallScript !== false &&
  one.dependencies.some((name) => COMPILERS.test(name)) &&
  platformsOf(one).length === 0 &&
  !one.name.startsWith('@npmcli/');
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
  return {} as any;
}
