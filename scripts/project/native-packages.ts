import semver from 'semver';
import type { LockedPackage } from './lockfile.ts';
import { type Data, listOf, mapOf } from './read-data.ts';

/** What a package depends on to compile an addon or to download one. */
const COMPILERS =
  /^(node-gyp|node-gyp-build|prebuild-install|bindings|nan|node-addon-api|(@mapbox\/)?node-pre-gyp|cmake-js)$/;
/** Packages with such a dependency that need nothing compiled. Yarn adds node-gyp to some by itself. */
const NOT_NATIVE = /^(@npmcli\/.*|@vercel\/nft|evp_bytestokey|ssh2|node-addon-api|nan)$/;
/** Packages that come compiled for glibc alone, which the lockfile does not say. */
const GLIBC_ONLY = /^(onnxruntime-node|uWebSockets\.js|@duckdb\/node-bindings)$/;
/** Install scripts that print, count or only check. */
const HARMLESS =
  /^(core-js(-pure|-bundle)?|(@apollo\/)?protobufjs|esbuild|@swc\/core|@nestjs\/core|es5-ext|@fortawesome\/.*|@scarf\/scarf)$/;
/** Packages that download what they need, for lockfiles that do not say what has a script. */
const DOWNLOADERS = /^(@prisma\/engines|puppeteer|ffmpeg-static|youtube-dl-exec)$/;

/** The packages that hold what is compiled for Linux, one per kind of processor and C library. */
const platformsOf = ({ dependencies }: LockedPackage) =>
  dependencies.filter((name) => /linux.*(x64|x86_64|arm64)/.test(name));

/** Whether a package is compiled, or downloads something compiled, when it is installed. */
export const isNative = (one: LockedPackage) =>
  one.hasInstallScript !== false &&
  one.dependencies.some((name) => COMPILERS.test(name)) &&
  platformsOf(one).length === 0 &&
  !NOT_NATIVE.test(one.name);

/** Whether a package does not work without its install script. */
export const needsScript = (one: LockedPackage) =>
  isNative(one) ||
  (platformsOf(one).length === 0 && !HARMLESS.test(one.name) && (one.hasInstallScript ?? DOWNLOADERS.test(one.name)));

/** Whether a package comes compiled, but not for musl. */
export function isGlibcOnly(packages: LockedPackage[]): (one: LockedPackage) => boolean {
  const libcOf = new Map(packages.map(({ name, libc }) => [name, libc.join()]));
  return (one) => {
    const platforms = platformsOf(one)
      .map((name) => `${name} ${libcOf.get(name)}`)
      .join();
    return GLIBC_ONLY.test(one.name) || (/gnu|glibc/.test(platforms) && !platforms.includes('musl'));
  };
}

/**
 * Whether npm would compile a package that comes compiled: one without an install script, but with a binding.gyp. npm does
 * not read its `gypfile: false` from a lockfile (tried with npm 11.21).
 */
export const isCompiledNeedlessly = ({ isProduction, hasInstallScript, dependencies }: LockedPackage) =>
  isProduction && hasInstallScript === false && dependencies.some((name) => /^(nan|node-addon-api)$/.test(name));

/** Locked versions of packages that Node 25 and later do not run or compile: no SlowBuffer, and a newer V8. */
const OLD_PACKAGES: Record<string, string> = {
  'buffer-equal-constant-time': '<=1.0.1',
  'better-sqlite3': '<12.5.0',
  // Its workers end with Node 26.
  next: '<13.0.0',
  nan: '<2.24.0',
};

/** The versions of Node that a package needs, when that matters: an old addon may not compile with a new one. */
export function findNodeRange(one: LockedPackage): string | null {
  const isOld = semver.satisfies(one.version, OLD_PACKAGES[one.name] ?? '<0.0.0');
  if (isOld) return '<25';
  return !one.isOptional && isNative(one) ? one.engines : null;
}

/** What a project allows to run its install script. pnpm 10 and later run none that is not listed. */
export function readAllowed(
  { onlyBuiltDependencies: only, allowBuilds, dangerouslyAllowAllBuilds, allowScripts }: Data,
  { name, version }: { name: string; version: string | null },
): (one: LockedPackage) => boolean {
  const rules = { ...mapOf(allowScripts), ...mapOf(allowBuilds) };
  for (const one of listOf(only)) rules[one] = true;
  const isNew = dangerouslyAllowAllBuilds !== true && semver.gte(version ?? '0.0.0', '10.0.0');
  const others = name !== 'pnpm' || (only === undefined && !isNew);
  return (one) => (rules[`${one.name}@${one.version}`] ?? rules[one.name] ?? others) === true;
}
