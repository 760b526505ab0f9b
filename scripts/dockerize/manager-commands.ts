import { lt } from 'semver';
import type { PackageManager } from '../project/package-manager.ts';
import type { ManagerCommands } from './plan-model.ts';

/** The store and the cache lie where chapter 02 deletes them and chapter 04 keeps them. */
const IN_CACHE = '/root/.npm';

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
  switch (manager.name) {
    case 'npm': {
      const next = added.length > 0 ? `npm install --no-save${flag} ${added.join(' ')}` : 'npm prune';
      const unlist = `npm pkg delete devDependencies && ${next}`;
      const isPlain = added.length === 0 && !keeps;
      return {
        install: `npm ci${flag}`,
        production: `npm ci --omit=dev${flag}${isPlain ? '' : ` && ${unlist}`}`,
        prune: isPlain ? 'npm prune --omit=dev' : unlist,
        // Prisma's scripts leave a cache of their own.
        leftovers: keeps ? [IN_CACHE, '/root/.cache'] : [IN_CACHE],
        sharesCache: true,
      };
    }
    case 'pnpm': {
      const command = `${start} install --frozen-lockfile --store-dir ${IN_CACHE}/pnpm`;
      return {
        install: `${command}${flag}`,
        production: `${command} --prod${flag}`,
        // With another store, pnpm would install everything again, and compile nothing.
        prune: `CI=true ${start} prune --prod --ignore-scripts --config.store-dir=${IN_CACHE}/pnpm`,
        leftovers: [IN_CACHE, '/root/.cache', '/root/.local'],
        sharesCache: true,
      };
    }
    case 'yarn': {
      const command = `${start} install --frozen-lockfile --cache-folder ${IN_CACHE}/yarn`;
      return {
        install: `${command}${flag}`,
        production: `${command} --production${flag}`,
        prune: `${command} --production --ignore-scripts`,
        leftovers: [IN_CACHE],
        // Two Yarns at once damage their cache.
        sharesCache: false,
      };
    }
    case 'yarn-berry': {
      // Yarn 4 does not know --ignore-scripts.
      const scripts = isIgnoring ? 'YARN_ENABLE_SCRIPTS=false ' : '';
      // Only Yarn 4 installs what production needs, also with the lockfile of Yarn 2 or 3.
      const isOld = lt(manager.version ?? '4.0.0', '4.0.0-0');
      const four = isOld ? `YARN_IGNORE_PATH=1 ${startManager({ ...manager, version: '4.13.0' })}` : start;
      const focus = `${four} workspaces focus --all --production`;
      return {
        install: `${scripts}${start} install --immutable`,
        production: `${scripts}${focus}`,
        prune: `YARN_ENABLE_SCRIPTS=false ${focus}`,
        leftovers: [IN_CACHE, '/root/.yarn'],
        sharesCache: true,
      };
    }
  }
}
