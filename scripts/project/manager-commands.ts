import { lt } from 'semver';
import type { PackageManager } from './package-manager.ts';

/** The cache of npm, for root. The others have their store and their cache there, too, so that one directory holds all. */
const CACHE = '/root/.npm';

/** How a package manager is called. */
export interface ManagerCommands {
  /** Installs everything, or only what production needs. */
  install: string;
  production: string;
  /** Removes what only development needs, after the build. */
  prune: string;
  /** The directories that it fills. */
  leftovers: string[];
  /** Whether two of it may use one cache at the same time. */
  sharesCache: boolean;
  /** What a reader of the commands may ask about, and in which of them: a part of it. */
  note: { about: string; text: string } | null;
}

const KEPT = 'npm keeps development dependencies that are also optional peers, unless package.json does not list them.';
const ADDED = 'The app imports a development dependency, so install it here. Better: move it to dependencies.';
const NPX = 'npx downloads the package manager, because Node 25 and later do not include Corepack.';

/** How a package manager is started: all but npm with npx, because Node 25 and later come without Corepack. */
export function startManager({ name, version, isPlugAndPlay }: PackageManager): string {
  if (name === 'npm') return 'npm';
  // Yarn's lockfile is the same with and without node_modules.
  const linker = isPlugAndPlay ? 'YARN_NODE_LINKER=node-modules ' : '';
  return `${linker}npx --yes ${name === 'yarn-berry' ? '@yarnpkg/cli-dist' : name}@${version}`;
}

/**
 * The commands of a package manager.
 *
 * @param isIgnoring whether the scripts of packages do not run.
 * @param keeps whether npm keeps development dependencies, because packages name them as optional peers. It removes them
 *   once package.json does not list them.
 * @param added development dependencies that the app imports all the same, each as `name@version`.
 */
export function commandsOf(
  manager: PackageManager,
  { isIgnoring, keeps, added }: { isIgnoring: boolean; keeps: boolean; added: string[] },
): ManagerCommands {
  const start = startManager(manager);
  const flag = isIgnoring ? ' --ignore-scripts' : '';
  if (manager.name === 'npm') {
    const next = added.length > 0 ? `npm install --no-save${flag} ${added.join(' ')}` : 'npm prune';
    const unlist = added.length > 0 || keeps ? `npm pkg delete devDependencies && ${next}` : null;
    return {
      install: `npm ci${flag}`,
      production: `npm ci --omit=dev${flag}${unlist === null ? '' : ` && ${unlist}`}`,
      prune: unlist ?? 'npm prune --omit=dev',
      // Prisma's scripts leave a cache of their own.
      leftovers: keeps ? [CACHE, '/root/.cache'] : [CACHE],
      sharesCache: true,
      note: unlist === null ? null : { about: 'npm pkg delete', text: added.length > 0 ? ADDED : KEPT },
    };
  }
  const note = { about: start, text: NPX };
  if (manager.name === 'pnpm') {
    const install = `${start} install --frozen-lockfile --store-dir ${CACHE}/pnpm`;
    return {
      install: install + flag,
      production: `${install} --prod${flag}`,
      // With another store, pnpm would install everything again, and compile nothing.
      prune: `CI=true ${start} prune --prod --ignore-scripts --config.store-dir=${CACHE}/pnpm`,
      leftovers: [CACHE, '/root/.cache', '/root/.local'],
      sharesCache: true,
      note,
    };
  }
  if (manager.name === 'yarn') {
    const install = `${start} install --frozen-lockfile --cache-folder ${CACHE}/yarn`;
    const production = `${install} --production`;
    const prune = `${production} --ignore-scripts`;
    // Two Yarns at once damage their cache.
    return {
      install: install + flag,
      production: production + flag,
      prune,
      leftovers: [CACHE],
      sharesCache: false,
      note,
    };
  }
  // Only Yarn 4 installs what production needs, also with the lockfile of Yarn 2 or 3. It does not know --ignore-scripts.
  const isOld = lt(manager.version ?? '4.0.0', '4.0.0-0');
  const four = isOld ? `YARN_IGNORE_PATH=1 ${startManager({ ...manager, version: '4.13.0' })}` : start;
  const focus = `${four} workspaces focus --all --production`;
  const [none, scripts] = ['YARN_ENABLE_SCRIPTS=false ', isIgnoring ? 'YARN_ENABLE_SCRIPTS=false ' : ''];
  return {
    install: `${scripts}${start} install --immutable`,
    production: scripts + focus,
    prune: none + focus,
    leftovers: [CACHE, '/root/.yarn'],
    sharesCache: true,
    note,
  };
}
