import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findBuild } from '../dockerize/look/build-command.ts';
import { findStart } from '../dockerize/look/start-command.ts';
import { findWorkspace } from '../dockerize/look/workspace.ts';
import { lookAtProject } from '../dockerize/look-at-project.ts';
import { makePlan } from '../dockerize/make-plan.ts';
import { findFramework } from '../project/frameworks.ts';
import { cpuTimeOf } from './cpu-time.ts';
import { projectOf } from './dockerize-project.ts';

const look = (
  files: Record<string, string | object>,
  given: { entry?: string; args?: string[]; workspace?: string } = {},
) => {
  const { project, workspace } = findWorkspace(projectOf(files), given.workspace);
  const framework = findFramework(project);
  const build = findBuild(project, framework);
  return { project, workspace, framework, build, start: findStart(project, build, framework, given) };
};
const SRC = { 'src/index.ts': '' };
const tsconfig = (compilerOptions: object, more: object = {}) => ({ 'tsconfig.json': { compilerOptions, ...more } });

// [what it is, package.json, other files, argv after node, script or command of the build, its outputs]
const starts: [string, object, Record<string, string | object>, string[], string | null, string[]][] = [
  [
    'a production script before start',
    { scripts: { start: 'nodemon a.js', 'start:prod': 'node dist/a', build: 'tsc' } },
    { 'a.ts': '', ...tsconfig({ outDir: 'dist' }) },
    ['dist/a.js'],
    'build',
    ['dist'],
  ],
  [
    'flags, arguments, variables and a pipe',
    { scripts: { start: 'cross-env NODE_ENV=production X=1 node --enable-source-maps a.js serve --x | pino-pretty' } },
    { 'a.js': '' },
    ['--enable-source-maps', 'a.js', 'serve', '--x'],
    null,
    [],
  ],
  [
    'scripts that call scripts',
    { scripts: { start: 'npm run serve', serve: 'run-s migrate app', migrate: 'echo x', app: 'exec node app' } },
    { 'app.js': '' },
    ['app.js'],
    null,
    [],
  ],
  [
    'scripts in a circle',
    { scripts: { start: 'npm run a && npm run a', a: 'npm start && npm start' }, main: 'm.js' },
    { 'm.js': '' },
    ['m.js'],
    null,
    [],
  ],
  [
    'nodemon in a circle',
    { scripts: { start: 'nodemon --exec nodemon --exec npm start' }, main: 'm.js' },
    { 'm.js': '' },
    ['m.js'],
    null,
    [],
  ],
  [
    'main for node .',
    { main: 'lib/index.js', scripts: { start: 'node .' } },
    { 'lib/index.js': '' },
    ['lib/index.js'],
    null,
    [],
  ],
  [
    'a directory',
    { scripts: { start: 'node lib/', compile: 'shx rm -rf lib/ && tsc' } },
    { ...SRC, ...tsconfig({ outDir: 'lib', rootDir: 'src' }) },
    ['lib/index.js'],
    'compile',
    ['lib'],
  ],
  [
    'cd',
    { scripts: { start: 'cd server && node index.js' } },
    { 'server/index.js': '' },
    ['server/index.js'],
    null,
    [],
  ],
  [
    'tsx watch without a build',
    { scripts: { start: 'tsx watch src/index.ts' }, devDependencies: { typescript: '^5', tsx: '4' } },
    { ...SRC, ...tsconfig({ outDir: 'dist', rootDir: 'src' }) },
    ['dist/index.js'],
    'npx tsc',
    ['dist'],
  ],
  [
    'a start of what nothing builds',
    { scripts: { start: 'node ./dist/app.js' }, dependencies: { typescript: '^5' } },
    { 'src/app.ts': '', ...tsconfig({ outDir: './dist' }) },
    ['dist/app.js'],
    'npx tsc',
    ['dist'],
  ],
  [
    'a package that is used as it is written',
    { exports: { '.': './src/index.ts' }, main: 'src/index.ts', devDependencies: { typescript: '^5' } },
    { ...SRC, ...tsconfig({ outDir: 'dist' }) },
    ['src/index.ts'],
    null,
    [],
  ],
  [
    'tsx as a production dependency',
    { scripts: { start: 'tsx src/index.ts' }, dependencies: { tsx: '4' } },
    SRC,
    ['--import', 'tsx', 'src/index.ts'],
    null,
    [],
  ],
  [
    'TypeScript that Node runs',
    { scripts: { start: 'node --env-file=.env src/index.ts' }, devDependencies: { typescript: '^5' } },
    { ...SRC, ...tsconfig({ outDir: 'dist' }) },
    ['src/index.ts'],
    null,
    [],
  ],
  [
    'nodemon and babel-node',
    { scripts: { start: 'nodemon --exec babel-node src/index.js', build: 'babel src -d lib' } },
    { 'src/index.js': '' },
    ['lib/index.js'],
    'build',
    ['lib'],
  ],
  [
    'nodemon over JavaScript',
    { scripts: { start: 'nodemon --watch x server.js', build: 'vite build' } },
    { 'server.js': '', 'vite.config.ts': "build: { outDir: 'web' }" },
    ['server.js'],
    'build',
    ['web'],
  ],
  [
    'swc without its first directory',
    { scripts: { start: 'node --watch src/index.ts', build: 'swc src -d out --strip-leading-paths' } },
    SRC,
    ['out/index.js'],
    'build',
    ['out'],
  ],
  [
    'swc',
    { scripts: { start: 'ts-node src/index.ts', build: 'swc src -d out' } },
    SRC,
    ['out/src/index.js'],
    'build',
    ['out'],
  ],
  [
    'esbuild to a file',
    { scripts: { start: 'ts-node src/index.ts', build: 'esbuild src/index.ts --bundle --outfile=out/server.cjs' } },
    SRC,
    ['out/server.cjs'],
    'build',
    ['out'],
  ],
  [
    'the common root of TypeScript 5',
    { scripts: { start: 'tsx src/index.ts', build: 'tsc' }, devDependencies: { typescript: '^5' } },
    { ...SRC, 'test/a.ts': '', ...tsconfig({ outDir: 'dist' }) },
    ['dist/src/index.js'],
    'build',
    ['dist'],
  ],
  [
    'a root made by include',
    { scripts: { start: 'tsx src/index.ts', build: 'tsc' }, devDependencies: { typescript: '^5' } },
    { ...SRC, 'test/a.ts': '', ...tsconfig({ outDir: 'dist' }, { include: ['src'] }) },
    ['dist/index.js'],
    'build',
    ['dist'],
  ],
  [
    'the root of TypeScript 6',
    { scripts: { start: 'tsx src/index.ts', build: 'tsc' }, devDependencies: { typescript: '^7' } },
    { ...SRC, ...tsconfig({ outDir: 'dist' }) },
    ['dist/src/index.js'],
    'build',
    ['dist'],
  ],
  [
    'extends, comments, and a package that is not there',
    { scripts: { start: 'tsx src/index.ts', build: 'tsc -p tsconfig.build.json' } },
    {
      ...SRC,
      'tsconfig.build.json': '{ // a\n "extends": "./tsconfig", /* b */ }',
      ...tsconfig({ outDir: 'out', rootDir: 'src' }, { extends: '@tsconfig/node22/tsconfig.json' }),
    },
    ['out/index.js'],
    'build',
    ['out'],
  ],
  [
    'configs in a circle',
    { scripts: { start: 'node a.js', build: 'tsc' } },
    {
      'a.js': '',
      'tsconfig.json': { extends: './tsconfig.json', references: [{ path: '.' }], compilerOptions: { outDir: 'out' } },
    },
    ['a.js'],
    'build',
    ['out'],
  ],
  [
    'a build that only prints',
    { scripts: { start: 'node a.js', build: 'echo nothing && eslint .' } },
    { 'a.js': '' },
    ['a.js'],
    null,
    [],
  ],
  [
    'a directory that an unknown build makes',
    { scripts: { start: 'node ./out/main.js', build: 'node build.js' } },
    { 'build.js': '' },
    ['out/main.js'],
    'build',
    ['out'],
  ],
  [
    'a client in another directory',
    { scripts: { start: 'node server.js', build: 'npm --prefix client run build' } },
    { 'server.js': '', 'client/package.json': { scripts: { build: 'react-scripts build' } } },
    ['server.js'],
    'build',
    ['client/build'],
  ],
  [
    'the default value of a variable',
    { scripts: { start: 'node a.js --port ${PORT:=9000} --host $HOST' } },
    { 'a.js': '' },
    ['a.js', '--port', '9000'],
    null,
    [],
  ],
  [
    'pm2',
    { scripts: { start: 'pm2-runtime start ecosystem.config.cjs' } },
    { 'ecosystem.config.cjs': "apps: [{ script: './app.js' }]", 'app.js': '' },
    ['app.js'],
    null,
    [],
  ],
  [
    'the bin of a production dependency',
    { scripts: { start: 'fastify start app.js' }, dependencies: { 'fastify-cli': '7' } },
    { 'app.js': '' },
    ['node_modules/.bin/fastify', 'start', 'app.js'],
    null,
    [],
  ],
  [
    'no bin of a development dependency',
    { scripts: { start: 'serve -s build' }, devDependencies: { serve: '14' } },
    { 'server.js': '' },
    ['server.js'],
    null,
    [],
  ],
  ['Procfile', {}, { Procfile: 'web: node a.js\n', 'a.js': '' }, ['a.js'], null, []],
  [
    'CMD, exec form',
    {},
    { Dockerfile: 'FROM node\nWORKDIR /app\nCMD ["node", \\\n "/app/a.js"]', 'a.js': '' },
    ['a.js'],
    null,
    [],
  ],
  [
    'CMD, shell form, and an ENTRYPOINT',
    {},
    { Dockerfile: 'FROM node\nENTRYPOINT ["tini", "--"]\nCMD node a.js', 'a.js': '' },
    ['a.js'],
    null,
    [],
  ],
  ['bin before main', { bin: { x: './cli.js' }, main: 'lib.js' }, { 'cli.js': '', 'lib.js': '' }, ['cli.js'], null, []],
  [
    'a development script when main is missing',
    { main: 'index.js', scripts: { dev: 'nodemon src/index.js' } },
    { 'src/index.js': '' },
    ['src/index.js'],
    null,
    [],
  ],
  ['a file with a usual name', {}, { 'src/index.js': '' }, ['src/index.js'], null, []],
];
test.each(starts)('start: %s', (_, manifest, files, argv, built, outputs) => {
  const { start, build } = look({ 'package.json': manifest, ...files });
  expect(start.argv).toEqual(argv);
  expect(build?.script ?? build?.command ?? null).toBe(built);
  expect(build?.outputs ?? []).toEqual(outputs);
});

test('the parts of a start command', () => {
  const scripts = {
    start: 'prisma migrate deploy && X=1 NODE_ENV=production node --env-file=.env dist/main --verbose',
    build: 'tsc',
  };
  const files = { 'src/main.ts': '', ...tsconfig({ outDir: 'dist', rootDir: 'src' }) };
  const { start } = look({ 'package.json': { scripts, dependencies: { prisma: '7' } }, ...files });
  expect(start).toMatchObject({
    argv: ['dist/main.js', '--verbose'],
    entry: 'dist/main.js',
    sourceEntry: 'src/main.ts',
    env: { X: '1' },
    source: 'start in package.json',
  });
  expect(start.before).toEqual([['node_modules/.bin/prisma', 'migrate', 'deploy']]);
  expect(start.notes).toEqual([expect.stringContaining('--env-file')]);
  const withoutTool = look({ 'package.json': { scripts, devDependencies: { prisma: '7' } }, ...files }).start;
  expect(withoutTool.before).toEqual([]);
  expect(withoutTool.notes.join()).toContain('prisma is not a production dependency');
});

test('--entry and --args win', () => {
  const files = { 'package.json': { scripts: { start: 'node --x a.js old' } }, 'a.js': '', 'b.js': '' };
  expect(look(files, { entry: 'b.js' }).start).toMatchObject({ argv: ['b.js'], entry: 'b.js', source: '--entry' });
  expect(look(files, { args: ['new'] }).start.argv).toEqual(['--x', 'a.js', 'new']);
  expect(look(files, { entry: 'made/later.js', args: ['x'] }).start.argv).toEqual(['made/later.js', 'x']);
});

test.each([[{}], [{ scripts: { start: 'node gone.js' } }], [{ scripts: { start: '${' }, main: '../outside.js' }]])(
  'a start that cannot be known names --entry: %j',
  (manifest) =>
    expect(() => look({ 'package.json': manifest, 'a.js': '' })).toThrow(
      expect.objectContaining({ code: 'usage', option: 'entry', hint: expect.stringContaining('--entry') }),
    ),
);

// [package, its version, scripts, files, command, first copy, whether node_modules are needed]
const frameworks: [
  string,
  object,
  Record<string, string>,
  Record<string, string>,
  string[] | null,
  string | undefined,
  boolean,
][] = [
  [
    'next standalone',
    { next: '16' },
    { build: 'next build', start: 'next start' },
    { 'next.config.ts': "output: 'standalone'" },
    ['server.js'],
    '.next/standalone',
    false,
  ],
  [
    'next',
    { next: '16' },
    { build: 'next build', start: 'next start -p 4000' },
    { 'next.config.ts': "// output: 'standalone'" },
    ['node_modules/.bin/next', 'start', '-p', '4000'],
    '.next',
    true,
  ],
  [
    'next with its own server',
    { next: '16' },
    { build: 'next build', start: 'node server.js' },
    { 'server.js': '', 'next.config.ts': "output: 'standalone'" },
    ['server.js'],
    '.next',
    true,
  ],
  [
    'nuxt',
    { nuxt: '4' },
    { build: 'nuxt build', start: 'nuxt start' },
    {},
    ['.output/server/index.mjs'],
    '.output',
    false,
  ],
  [
    'SvelteKit',
    { '@sveltejs/kit': '2' },
    { build: 'vite build', preview: 'vite preview' },
    { 'svelte.config.js': "import a from '@sveltejs/adapter-node'; a({ out: 'made' })" },
    ['made/index.js'],
    'made',
    true,
  ],
  [
    'React Router',
    { '@react-router/dev': '7', '@react-router/serve': '7' },
    { build: 'react-router build', start: 'react-router-serve ./build/server/index.js' },
    {},
    ['node_modules/.bin/react-router-serve', './build/server/index.js'],
    'build',
    true,
  ],
  [
    'React Router with its own server',
    { '@react-router/dev': '7' },
    { build: 'react-router build', start: 'node server.js' },
    { 'server.js': '' },
    ['server.js'],
    'build',
    true,
  ],
  [
    'Astro',
    { astro: '5', '@astrojs/node': '9' },
    { build: 'astro build', start: 'astro dev' },
    { 'astro.config.mjs': "import node from '@astrojs/node'; node({ mode: 'standalone' })" },
    ['dist/server/entry.mjs'],
    'dist',
    true,
  ],
  [
    'AdonisJS',
    { '@adonisjs/core': '6', '@adonisjs/assembler': '7' },
    { build: 'node ace build', start: 'node bin/server.js' },
    { 'bin/server.ts': '' },
    ['bin/server.js'],
    'build',
    true,
  ],
  [
    'Nest',
    { '@nestjs/core': '11', '@nestjs/cli': '11', typescript: '^5' },
    { build: 'nest build', start: 'nest start' },
    {
      'src/main.ts': '',
      'test/a.ts': '',
      'tsconfig.json': '{"compilerOptions":{"outDir":"./dist"}}',
      'tsconfig.build.json': '{"extends":"./tsconfig.json","exclude":["test"]}',
    },
    ['dist/main.js'],
    undefined,
    true,
  ],
  [
    'Nest with more than src',
    { '@nestjs/core': '11', '@nestjs/cli': '11', typescript: '^5' },
    { build: 'nest build', start: 'nest start' },
    { 'src/main.ts': '', 'test/a.ts': '', 'tsconfig.json': '{"compilerOptions":{"outDir":"./dist"}}' },
    ['dist/src/main.js'],
    undefined,
    true,
  ],
  [
    'the command line of fastify, whose port is 3000',
    { 'fastify-cli': '7' },
    { start: 'fastify start app.js' },
    { 'app.js': '' },
    ['node_modules/.bin/fastify', 'start', 'app.js'],
    undefined,
    true,
  ],
  [
    'Strapi',
    { '@strapi/strapi': '5' },
    { build: 'strapi build', start: 'strapi start' },
    {},
    ['node_modules/.bin/strapi', 'start'],
    undefined,
    true,
  ],
];
test.each(frameworks)('framework: %s', (_, dependencies, scripts, files, argv, copy, needsModules) => {
  const { framework, start } = look({ 'package.json': { dependencies, scripts }, ...files });
  expect(start.argv).toEqual(argv);
  expect(framework?.copies?.[0]?.from).toBe(copy);
  expect(framework?.needsModules).toBe(needsModules);
});

test('a server of the app beside a framework: the whole context is copied', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'own-server-'));
  try {
    const manifest = {
      dependencies: { next: '16', express: '5' },
      scripts: { build: 'next build', start: 'node server.js' },
    };
    await writeFile(join(directory, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(directory, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages: {} }));
    await writeFile(join(directory, 'server.js'), '');
    const given = { secrets: [], buildArgs: [] };
    const plan = makePlan(lookAtProject(directory, given), '02', given);
    expect(plan.copies.map(({ from, path }) => `${from} ${path}`)).toEqual(['build .next']);
    expect(plan).toMatchObject({ copiesContext: true, command: ['server.js'], init: true });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what starts before the app, and what is left out', () => {
  const scripts = { start: 'echo a && node migrate.js && pm2 delete all && wait-on x && node a.js' };
  const { start } = look({ 'package.json': { scripts, main: 'a.js' }, 'a.js': '', 'migrate.js': '' });
  expect(start).toMatchObject({ argv: ['a.js'], before: [['migrate.js']] });
  expect(start.notes.join()).toContain('wait-on is not a production dependency');
  expect(start.notes.join()).not.toContain('echo');
});

test.each([
  [{ vite: '7' }, 'vite build', {}],
  [{ 'react-scripts': '5' }, 'react-scripts build', {}],
  [{ next: '16' }, 'next build', { 'next.config.js': "output: 'export'" }],
  [{ '@sveltejs/kit': '2' }, 'vite build', { 'svelte.config.js': '@sveltejs/adapter-auto' }],
  [{ '@react-router/dev': '7' }, 'react-router build', { 'react-router.config.ts': 'ssr: false' }],
  [{ astro: '5' }, 'astro check && astro build', {}],
])('static files have no server: %j', (dependencies, build, files) => {
  const contents = { 'package.json': { dependencies, scripts: { build } }, 'src/main.js': '', ...files };
  expect(() => look(contents)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(/for a browser|static files|no server/) }),
  );
});

test('a client beside a server is no framework', () => {
  const manifest = {
    dependencies: { express: '5' },
    devDependencies: { vite: '7' },
    scripts: { build: 'vite build', start: 'node server.js' },
  };
  const { framework, build } = look({ 'package.json': manifest, 'server.js': '' });
  expect(framework).toBeNull();
  expect(build?.outputs).toEqual(['dist']);
});

const workspace = (root: object = {}, apps: Record<string, string | object> = {}) => ({
  'package.json': { workspaces: ['packages/*', '!packages/old', './apps/**'], ...root },
  'packages/greeting/package.json': { name: '@x/greeting', dependencies: { '@x/api': '*' } },
  'packages/config/package.json': { name: '@x/config' },
  'packages/old/package.json': { name: '@x/old' },
  'apps/api/package.json': {
    name: '@x/api',
    scripts: { start: 'node i.js' },
    dependencies: { '@x/greeting': '^1' },
    devDependencies: { '@x/config': 'workspace:*' },
  },
  'apps/api/i.js': '',
  ...apps,
});
const paths = (members: { path: string }[] | undefined) => members?.map(({ path }) => path);

test('the app of a workspace, and what it needs, also in a circle', () => {
  const found = look(workspace({}, { 'apps/web/package.json': { name: 'web' } }));
  expect(found.project.app).toBe('apps/api');
  expect(paths(found.workspace?.needed)).toEqual(['packages/config', 'packages/greeting', 'apps/api']);
  expect(found.workspace?.others).toEqual(['apps/web']);
  expect(found.workspace).toMatchObject({ usesTurbo: false, source: 'workspaces in package.json' });
});

const two = { 'apps/web/package.json': { name: 'web', scripts: { start: 'node i.js' } }, 'apps/web/i.js': '' };
test('several apps: --workspace, or the start script of the root', () => {
  expect(() => look(workspace({}, two))).toThrow(
    expect.objectContaining({
      option: 'workspace',
      choices: ['apps/api', 'apps/web'],
      hint: expect.stringContaining('--workspace apps/api'),
    }),
  );
  expect(look(workspace({}, two), { workspace: './apps/web/' }).project.app).toBe('apps/web');
  expect(look(workspace({}, two), { workspace: 'web' }).project.app).toBe('apps/web');
  expect(() => look(workspace({}, two), { workspace: 'gone' })).toThrow(expect.objectContaining({ code: 'usage' }));
  for (const start of [
    'npm start -w @x/api',
    'pnpm --filter=@x/api start',
    'yarn workspace @x/api start',
    'cd apps/api && npm start',
  ])
    expect(look(workspace({ scripts: { start } }, two)).project.app).toBe('apps/api');
});

test('pnpm and turbo', () => {
  const files = {
    ...workspace({ workspaces: undefined, devDependencies: { turbo: '2' } }),
    'turbo.json': {},
    'pnpm-workspace.yaml': 'packages: [packages/*, apps/*]',
  };
  expect(look(files).workspace).toMatchObject({ usesTurbo: true, source: 'pnpm-workspace.yaml' });
});

test.each([[{ 'pnpm-workspace.yaml': 'onlyBuiltDependencies: []' }], [{ 'pnpm-workspace.yaml': '[' }], [{}]])(
  'no workspace: %j',
  (files) => {
    expect(findWorkspace(projectOf(files), undefined).workspace).toBeNull();
  },
);

test('hostile texts end soon', () => {
  const texts = [
    '\\"'.repeat(50_000),
    `"${'\\"'.repeat(50_000)}`,
    '/*'.repeat(50_000),
    ','.repeat(50_000),
    '['.repeat(50_000),
    '&a [*a, *a]',
  ];
  const lookAtAll = () => {
    for (const text of texts) {
      const configs = Object.fromEntries(
        [
          'tsconfig.json',
          'next.config.ts',
          'vite.config.ts',
          'nest-cli.json',
          'pnpm-workspace.yaml',
          'Dockerfile',
          'Procfile',
        ].map((name) => [name, text]),
      );
      const manifest = {
        scripts: { build: 'tsc && vite build', start: text },
        dependencies: { express: '5', '@nestjs/core': '1', '@nestjs/cli': '1' },
      };
      look({ 'package.json': manifest, ...configs, 'a.js': '' }, { entry: 'a.js' });
    }
    const names = Array.from({ length: 5000 }, (_, at) => [`a${at}`, 'run-s '.concat('a* '.repeat(100))]);
    const scripts = { start: 'npm run constructor && run-p a*', build: 'tsc', ...Object.fromEntries(names) };
    look({ 'package.json': { scripts }, 'a.js': '' }, { entry: 'a.js' });
  };
  expect(cpuTimeOf(lookAtAll)).toBeLessThan(5000);
});

test('takes the migrations before the start from its own Dockerfile', () => {
  const scripts = { start: 'node a.js', migrate: 'knex migrate:latest' };
  const manifest = { scripts, dependencies: { knex: '3.1.0' } };
  const Dockerfile = 'FROM node\nCMD npm run migrate && npm start';
  const { before, source } = look({ 'package.json': manifest, Dockerfile, 'a.js': '' }).start;
  expect([before, source]).toEqual([[['node_modules/.bin/knex', 'migrate:latest']], 'start in package.json']);
});

test('builds a framework that no script builds', () => {
  const { build } = look({ 'package.json': { dependencies: { next: '16' } } });
  expect(build).toMatchObject({ script: null, command: 'npx next build', outputs: ['.next'] });
});
