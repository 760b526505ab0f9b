import { posix } from 'node:path';
import { type Fact, fact } from './fact.ts';
import type { LockedPackage } from './lockfile.ts';
import { isGlibcOnly, isNative, needsScript, readAllowed } from './native-packages.ts';
import { LIFECYCLE, splitScripts } from './npm-scripts.ts';
import type { PackageManager } from './package-manager.ts';
import { listOf, mapOf, readYaml } from './read-data.ts';
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
  /** Own scripts that each installation runs: `postinstall`, and of a member of the workspace `packages/db: postinstall`. */
  ownScripts: Fact<string[]> | null;
  /** In production `run` them, `ignore` them, or `prune` after a whole installation, because an own one is needed. */
  scripts: 'run' | 'ignore' | 'prune';
}

const CONFIG_FILES: Record<PackageManager['name'], string[]> = {
  npm: ['.npmrc'],
  pnpm: ['.npmrc', 'pnpm-workspace.yaml', '.pnpmfile.cjs', '.pnpmfile.mjs'],
  yarn: ['.npmrc', '.yarnrc', '.yarn/releases'],
  'yarn-berry': ['.yarnrc.yml', '.yarn/releases', '.yarn/plugins', '.yarn/patches'],
};
/** Commands that production does not need: checks, hooks of Git, types, and builds that run anyway. */
const NEEDLESS =
  /only-allow|husky|lefthook|git-hooks|^(git |\[|:|cd \.|(echo|true|exit|is-ci)\b)|^((npx|yarn|pnpm)( exec| --yes)? )?(nuxi?t?|svelte-kit|astro|tsc|tsup|tsdown|vite|rollup|webpack|swc|nest|turbo|nx|lerna|babel|unbuild|playwright|cypress)\b/;
/** A line that is not a comment, with a token or a variable. */
const SECRET = /^(?!\s*[#;]).*?(?:(_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?\s*[=:]|(\$\{\w+\}))/;

/** What the installation needs in the image. `manifests` are the package.json files that are installed, by directory. */
export function findInstallNeeds(
  project: Project,
  manager: PackageManager,
  packages: LockedPackage[],
  manifests: Map<string, Manifest>,
): InstallNeeds {
  const direct = { ...project.manifest.optionalDependencies, ...project.rootManifest.optionalDependencies };
  const production = packages.filter((one) => one.isProduction && (!one.isOptional || Object.hasOwn(direct, one.name)));
  const pnpm = { ...mapOf(project.rootManifest.pnpm), ...readYaml(project.read('pnpm-workspace.yaml')) };
  const allowed = production.filter(readAllowed({ ...pnpm, allowScripts: project.rootManifest.allowScripts }, manager));
  const schemas = findPrismaSchemas(project, production);
  const patches = listOf(Object.values(mapOf(pnpm.patchedDependencies))).map(posix.dirname);
  const paths = new Set([...CONFIG_FILES[manager.name], ...schemas, ...patches]);
  const ownScripts: string[] = [];
  let isPrune = schemas.length > 0;
  for (const [directory, manifest] of manifests) {
    const own = LIFECYCLE.filter((name) => Object.hasOwn(manifest.scripts, name));
    for (const name of own) ownScripts.push(directory === '' ? name : `${directory}: ${name}`);
    const commands = splitScripts(manifest.scripts, own).filter((command) => !NEEDLESS.test(command));
    const words = commands.flatMap((command) => command.split(/[\s='"]+/, 100));
    const ranges = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    const files = ranges.flatMap((range) => /^(?:file|portal):(.+)/.exec(range)?.[1] ?? []);
    // patch-package reads `patches`.
    const read = words.flatMap((word) => [word, `${word}.js`, word === 'patch-package' ? 'patches' : '']);
    for (const path of [...read, ...files]) if (/^.{1,300}$/.test(path)) paths.add(posix.join(directory, path));
    isPrune ||= commands.length > 0;
  }
  const inputs = new Set([...paths].map(posix.normalize).filter((path) => exists(project, path)));
  const secretFile = findSecret(project, inputs);
  inputs.delete(secretFile?.value ?? '');
  const isRun = allowed.some(needsScript);
  const scripts = isRun ? 'run' : 'ignore';
  return {
    inputs: [...inputs].sort(),
    secretFile,
    compiled: factOf(namesOf(allowed.filter(isNative)), `what they depend on, in ${manager.lockfile}`),
    glibcOnly: factOf(namesOf(production.filter(isGlibcOnly(packages))), `no package for musl in ${manager.lockfile}`),
    ownScripts: factOf(ownScripts, 'scripts in package.json'),
    scripts: isPrune || (isRun && ownScripts.length > 0) ? 'prune' : scripts,
  };
}

const namesOf = (packages: LockedPackage[]) => packages.map(({ name }) => name);
const factOf = (names: string[], source: string) => (names[0] ? fact([...new Set(names)].sort(), source) : null);
const exists = ({ has, files }: Project, path: string) =>
  has(path) || files.some((file) => file.startsWith(posix.join(path, '/')));

/** The schemas of Prisma, if it generates its client into node_modules. */
function findPrismaSchemas({ files, read }: Project, production: LockedPackage[]): string[] {
  if (!namesOf(production).includes('@prisma/client')) return [];
  const schemas = files.filter((file) => file.endsWith('.prisma'));
  const blocks = schemas.flatMap((file) => (read(file) ?? '').split('}'));
  const generators = blocks.filter((block) => block.includes('"prisma-client-js"'));
  const isGenerated = generators.some((one) => !/^[ \t]*output[ \t]*=(?!.*node_modules)/m.test(one));
  return isGenerated ? [...schemas, 'prisma.config.ts'] : [];
}

function findSecret({ read }: Project, inputs: Set<string>): Fact<string> | null {
  for (const file of ['.npmrc', '.yarnrc.yml'].filter((one) => inputs.has(one))) {
    for (const [index, line] of (read(file) ?? '').split('\n').entries()) {
      const [, setting, variable] = SECRET.exec(line) ?? [];
      if (setting || variable) return fact(file, `${setting ?? variable} in ${file}:${index + 1}`);
    }
  }
  return null;
}
