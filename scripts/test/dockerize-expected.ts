// What images/dockerize.test.ts expects of the projects in test/projects.

/** How the image of a project responds. */
export interface Expected {
  /** The port that it listens on, when that is not 3000. */
  port?: number;
  /** A part of each response, by path. */
  responses: Record<string, string>;
  /** What cannot be known from the files, as the README of the project says. */
  flags?: string[];
  /** The development dependencies that production needs all the same: the app imports them, or a package does. */
  keeps?: string[];
}

/** By directory. `no-lockfile` and `private-registry` have tests of their own. */
export const EXPECTED: Record<string, Expected> = {
  commonjs: { responses: { '/': 'CommonJS: require is a function' } },
  esm: { responses: { '/': 'ES module: index.js' } },
  pnpm: { responses: { '/': 'Installed by pnpm' } },
  yarn: { responses: { '/': 'Installed by Yarn' } },
  'yarn-4': { responses: { '/': 'Installed by Yarn 4' } },
  workspace: { responses: { '/': 'Hello from a workspace' }, flags: ['--workspace', 'apps/api'] },
  'native-addon': { responses: { '/': 'Compiled for ' } },
  'native-prebuilt': { responses: { '/': 'Hashed with argon2id' } },
  views: { responses: { '/': '<h1>Hello from a view</h1>', '/style.css': 'color: teal' } },
  'prepare-and-npmrc': {
    responses: { '/': 'Validated by Zod', '/users/7': '{"user":"7"}', '/users/nobody': 'expected number' },
  },
  patches: { responses: { '/': '"Patched"' } },
  'no-sigterm': { responses: { '/': 'Nobody listens for SIGTERM' } },
  'no-build': { responses: { '/': 'Plain JavaScript' } },
  'entry-point': { responses: { '/': 'Started from server.js' } },
  port: { port: 8080, responses: { '/': 'On port 8080' } },
  'output-directory': { responses: { '/': 'Built to build/' } },
  'dev-start': { responses: { '/': 'Started by Node itself' } },
  nest: { responses: { '/': 'Hello from Nest' } },
  next: { responses: { '/': 'Hello from Next', '/robots.txt': 'Disallow: /api/' } },
  fastify: { port: 8080, responses: { '/': 'Hello from Fastify' } },
  hono: { responses: { '/': 'Hello from Hono' } },
  sveltekit: { responses: { '/': 'Hello from SvelteKit', '/robots.txt': '' } },
  'react-router': { responses: { '/': 'Hello from React Router', '/robots.txt': 'Disallow' } },
  prisma: { keeps: ['@types/node'], responses: { '/': 'Prisma has counted 1 visit' } },
  turborepo: { responses: { '/': 'Hello from Turborepo' }, flags: ['--workspace', 'apps/api'] },
  'pnpm-workspace': { responses: { '/': 'Hello from a pnpm workspace' } },
  'yarn-workspace': { responses: { '/': 'Hello from a Yarn workspace' } },
  'workspace-argument': { responses: { '/': 'Hello from a verbose command' } },
  'type-stripping': { responses: { '/': 'Hello from a file with types' } },
  sharp: { responses: { '/': 'webp of 64 x 48' } },
  'better-sqlite3': { responses: { '/': 'Visits so far: 1' } },
  'dev-dependency-at-run-time': { responses: { '/': 'A new id' }, keeps: ['nanoid'] },
  hashbang: { responses: { '/': 'Started as a command' } },
  'parent-views': { responses: { '/': 'A view above the code', '/style.css': '' } },
  'lockfile-1': { port: 8000, responses: { '/': 'Hello from Express 4' } },
  astro: { port: 4321, responses: { '/': 'Hello from Astro', '/robots.txt': '' } },
  'nodemon-babel': { responses: { '/': 'Compiled by Babel' } },
};
