// What a person changes in 02-multi-stage/Dockerfile.multi for a project in test/projects. images/dockerize.test.ts holds the
// image of dockerize against the image of that file.

type Edits = [from: string, to: string][];

/** The edits for a package manager: its lockfile, how it installs, and what it leaves behind. */
const manager = (lockfile: string, install: string, production: string, leftovers: string): Edits => [
  ['package-lock.json', lockfile],
  ['npm ci --omit=dev', production],
  ['npm ci', install],
  ['rm -rf /root/.npm', `rm -rf ${leftovers}`],
];

const PNPM = 'npx --yes pnpm@10.34.8 install --frozen-lockfile --store-dir /root/.npm/pnpm';
const YARN = 'npx --yes yarn@1.22.22 install --frozen-lockfile --cache-folder /root/.npm/yarn';
const YARN_4 = 'npx --yes @yarnpkg/cli-dist@4.18.1';
const INIT = `FROM node:\${NODE_VERSION}-slim AS init
RUN apt-get update && apt-get install -y --no-install-recommends tini
`;

/** By project. Each edit is done wherever its text stands. */
export const BY_HAND: Record<string, Edits> = {
  commonjs: [],
  esm: [],
  'native-prebuilt': [],
  'dev-start': [['npm run build', 'npx tsc']],
  pnpm: manager('pnpm-lock.yaml', PNPM, `${PNPM} --prod`, '/root/.npm /root/.cache /root/.local'),
  yarn: manager('yarn.lock', YARN, `${YARN} --production`, '/root/.npm'),
  'yarn-4': manager(
    'yarn.lock .yarnrc.yml',
    `${YARN_4} install --immutable`,
    `${YARN_4} workspaces focus --all --production`,
    '/root/.npm /root/.yarn',
  ),
  workspace: [
    [
      'COPY package.json package-lock.json ./',
      `COPY package.json package-lock.json ./
COPY apps/api/package.json apps/api/
COPY packages/greeting/package.json packages/greeting/`,
    ],
    [
      'COPY --from=builder /app/dist ./dist',
      `COPY --from=builder /app/apps/api/dist apps/api/dist
COPY --from=builder /app/packages/greeting/dist packages/greeting/dist`,
    ],
    ['dist/index.js', 'apps/api/dist/index.js'],
  ],
  'native-addon': [
    ['-alpine AS builder', ' AS builder'],
    ['-alpine AS runner', '-slim AS runner'],
    ['RUN npm run build', 'RUN npm run build && npm prune --omit=dev'],
    ['RUN npm ci --omit=dev \\\n  && rm -rf /root/.npm /tmp/*', 'COPY --from=builder /app/node_modules ./node_modules'],
    ['npm ci', 'npm_config_nodedir=/usr/local npm ci'],
  ],
  views: [['EXPOSE 3000', 'EXPOSE 3000\nCOPY views ./views\nCOPY public ./public']],
  'prepare-and-npmrc': [
    ['package-lock.json ./', 'package-lock.json .npmrc ./'],
    ['npm ci --omit=dev', 'npm ci --omit=dev --ignore-scripts'],
  ],
  patches: [
    ['COPY package.json package-lock.json ./', 'COPY package.json package-lock.json ./\nCOPY patches ./patches'],
  ],
  'no-sigterm': [
    ['FROM node:${NODE_VERSION}-alpine AS builder', `${INIT}FROM node:\${NODE_VERSION}-alpine AS builder`],
    ['EXPOSE 3000', 'EXPOSE 3000\nCOPY --from=init /usr/bin/tini-static /tini\nENTRYPOINT ["/tini", "--"]'],
  ],
  'no-build': [
    ['RUN npm run build', ''],
    ['/app/dist', '/app/src'],
    ['./dist', './src'],
    ['dist/index.js', 'src/index.js'],
  ],
  'entry-point': [['dist/index.js', 'dist/server.js']],
  port: [['3000', '8080']],
  'output-directory': [
    ['/app/dist', '/app/build'],
    ['./dist', './build'],
    ['dist/index.js', 'build/index.js'],
  ],
};
