// What test/images/take-home.test.ts expects of each project in docs/take-home.md.

/** How the image of a project responds, and what goes wrong without the changes of its row. */
export interface Expected {
  /** The chapters whose file it is tried with; all when absent. */
  chapters?: string[];
  /** The port that it listens on, when that is not 3000. */
  port?: number;
  /** A part of each response, by path. */
  responses: Record<string, string>;
  /** A package that must not be in the image, as the development dependencies must not. */
  leavesOut?: string;
  needs?: Need[];
}

/** What goes wrong with a chapter's file that is not changed. */
interface Need {
  chapter: string;
  /** Only these changes are left out; all of them when absent. */
  without?: RegExp;
  /** What the build that fails prints, or what the image does. */
  sees: RegExp | 'another response' | 'no start' | 'unhealthy' | 'SIGTERM ignored';
}

const NO_LOCK_FILE = [{ chapter: '02', sees: /package-lock\.json/ }];
const NO_BUILD_SCRIPT = [{ chapter: '02', sees: /Missing script: "build"/ }];

export const EXPECTED: Record<string, Expected> = {
  commonjs: { responses: { '/': 'CommonJS: require is a function' } },
  esm: { responses: { '/': 'ES module: index.js' } },
  'no-lockfile': { responses: { '/': 'No lock file' }, needs: NO_LOCK_FILE },
  pnpm: { responses: { '/': 'Installed by pnpm' }, needs: NO_LOCK_FILE },
  yarn: { responses: { '/': 'Installed by Yarn' }, needs: NO_LOCK_FILE },
  'yarn-4': { chapters: ['02', '03', '04'], responses: { '/': 'Installed by Yarn 4' }, needs: NO_LOCK_FILE },
  workspace: {
    responses: { '/': 'Hello from a workspace' },
    leavesOut: 'ejs', // Of the other app.
    needs: [{ chapter: '02', sees: /npm run build/ }],
  },
  'native-addon': {
    responses: { '/': 'Compiled for ' },
    needs: [{ chapter: '02', sees: /Unable to detect compiler/ }],
  },
  // What the unchanged file of 01 misses is musl's binary: a stand-in for Alpine has no musl, so that it works there.
  'native-prebuilt': { chapters: ['01', '03'], responses: { '/': 'Hashed with argon2id' } },
  views: {
    responses: { '/': '<h1>Hello from a view</h1>', '/style.css': 'color: teal' },
    needs: [{ chapter: '02', sees: 'another response' }],
  },
  'prepare-and-npmrc': {
    responses: { '/': 'Validated by Zod', '/users/7': '{"user":"7"}', '/users/nobody': 'expected number' },
    needs: [
      { chapter: '02', without: /--ignore-scripts/, sees: /husky: not found/ },
      { chapter: '03', sees: /ERESOLVE/ },
    ],
  },
  patches: {
    chapters: ['02', '03', '04'],
    responses: { '/': '"Patched"' },
    needs: [
      { chapter: '02', sees: 'another response' },
      { chapter: '04', without: /--ignore-scripts/, sees: 'another response' },
    ],
  },
  'no-sigterm': {
    responses: { '/': 'Nobody listens for SIGTERM' },
    needs: [
      { chapter: '02', sees: 'SIGTERM ignored' },
      { chapter: '03', sees: 'SIGTERM ignored' },
    ],
  },
  'no-build': { responses: { '/': 'Plain JavaScript' }, needs: NO_BUILD_SCRIPT },
  'entry-point': {
    chapters: ['02', '03'],
    responses: { '/': 'Started from server.js' },
    needs: [{ chapter: '02', sees: 'no start' }],
  },
  port: {
    chapters: ['02', '03'],
    port: 8080,
    responses: { '/': 'On port 8080' },
    needs: [{ chapter: '02', sees: 'unhealthy' }],
  },
  'output-directory': {
    chapters: ['02', '03', '04'],
    responses: { '/': 'Built to build/' },
    needs: [{ chapter: '02', sees: /\/app\/dist.*not found/ }],
  },
  'dev-start': { chapters: ['02'], responses: { '/': 'Started by Node itself' }, needs: NO_BUILD_SCRIPT },
};

/** Its builds get a secret: it has tests of its own in take-home.test.ts of the images. */
export const PRIVATE = 'private-registry';
