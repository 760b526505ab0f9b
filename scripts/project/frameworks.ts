import { posix } from 'node:path';
import { usageError } from '../lib/errors.ts';
import type { Project } from './read-project.ts';
import { findStartedFiles, tidy } from './script-commands.ts';
import { majorOf, readToolSettings } from './tsconfig.ts';

/** What a framework says of an app: what is built and what runs. Paths are relative to the app. */
export type Framework = NonNullable<ReturnType<typeof findFramework>>;

/**
 * A row of the table: `when` is in some settings or in a script, `error` says why nothing can be started. `copies`: `from:to`,
 * with a question mark if it exists. OUT is the directory that the settings name, or `out`; ROOT that of the workspace.
 */
type Row = Partial<Record<'build' | 'error' | 'out' | 'command' | 'copies', string>> &
  Partial<Record<'needsModules' | 'handlesSigterm', boolean>> & {
    name: string;
    when?: RegExp;
    port?: number;
    env?: Record<string, string>;
  };

const STATIC = 'builds static files here, and no server starts';
const HINT = 'Serve its output with the image of a web server, or add a server to the app, with a start script.';
const BIN = 'node_modules/.bin/';
const HOST = { HOST: '0.0.0.0' };
const SIGTERM = { handlesSigterm: true };
const NEXT = { name: 'next', build: 'npx next build', ...SIGTERM };
const STANDALONE = { copies: '.next/standalone:ROOT .next/static public?', env: { HOSTNAME: '0.0.0.0' } };
const NITRO = { command: '.output/server/index.mjs', copies: '.output', needsModules: false, ...SIGTERM };
const KIT = { name: '@sveltejs/kit', build: 'npx vite build', out: 'build', copies: 'OUT' };
const ROUTER = { name: '@react-router/dev', build: 'npx react-router build', copies: 'build' };
const REMIX = { name: '@remix-run/dev', ...SIGTERM };
const ASTRO = { name: '@astrojs/node', build: 'npx astro build', out: 'dist', copies: 'OUT', port: 4321, env: HOST };
const ADONIS = { name: '@adonisjs/assembler', port: 3333, env: { ...HOST, PORT: '3333' }, ...SIGTERM };

/** What frameworks keep between builds. */
const CACHES: Record<string, string> = {
  next: '.next',
  nuxt: '.nuxt',
  '@sveltejs/kit': '.svelte-kit',
  '@react-router/dev': '.react-router',
  '@astrojs/node': '.astro',
};

/** The first row that fits counts. */
const ROWS: Row[] = [
  { ...NEXT, when: /\boutput:\s*['"]export/, error: STATIC },
  { ...NEXT, when: /\boutput:\s*['"]standalone/, command: 'server.js', needsModules: false, ...STANDALONE },
  { ...NEXT, command: `${BIN}next start`, copies: '.next public? next.config.js? next.config.mjs? next.config.ts?' },
  { name: 'nuxt', when: /\bnuxt generate/, error: STATIC },
  ...['nuxt', 'nitropack', 'nitro', 'vinxi'].map((name) => ({ name, build: `npx ${name} build`, ...NITRO })),
  { ...KIT, when: /@sveltejs\/adapter-node|\bnode (\.\/)?build\b/, command: 'OUT/index.js', ...SIGTERM },
  { ...KIT, error: 'builds no server for Node here: install @sveltejs/adapter-node and use it' },
  { ...ROUTER, when: /\bssr:\s*false/, error: STATIC },
  { ...ROUTER, when: /react-router-serve/, command: `${BIN}react-router-serve ./build/server/index.js`, ...SIGTERM },
  ROUTER,
  { ...REMIX, when: /\bvite:build/, command: `${BIN}remix-serve ./build/server/index.js`, copies: 'build' },
  { ...REMIX, command: `${BIN}remix-serve ./build/index.js`, copies: 'build public' },
  { ...ASTRO, when: /\bmode:\s*['"]standalone/, command: 'OUT/server/entry.mjs' },
  ASTRO,
  { ...ADONIS, command: 'bin/server.js', copies: 'build:.' },
  { name: '@nestjs/core' },
  { name: 'fastify-cli', when: /\bfastify start\b/, ...SIGTERM },
  { name: '@strapi/strapi', command: `${BIN}strapi start`, port: 1337 },
];

/** Finds the framework that says what is built and what runs. @throws {ToolError} when no server for Node is built. */
export function findFramework(project: Project) {
  const { scripts, dependencies, devDependencies } = project.manifest;
  const versions = { ...devDependencies, ...dependencies };
  const exists = (path: string) => existsInApp(project, path);
  const tools = ['next', 'svelte', 'react-router', 'astro', 'vite'];
  const settings = tools.map((tool) => readToolSettings(project, project.app, tool)).join('');
  const fits = ({ name, when = / / }: Row) =>
    name in versions && when.test([settings, scripts.build, scripts.start].join(' '));
  const started = findStartedFiles(project);
  for (const { command, copies, needsModules, handlesSigterm = false, ...row } of ROWS.filter(fits)) {
    if (row.error) throw usageError(`\`${row.name}\` ${row.error}.`, HINT);
    const out = tidy(/\bout(?:Dir)?:\s*['"]([\w./-]+)/.exec(settings)?.[1] ?? row.out ?? '');
    const split = (words = '') => words.replaceAll('OUT', out).split(' ');
    const copied = split(copies).flatMap((word) => {
      const [from = '', to = from] = word.replace('?', '').split(':');
      if (word.endsWith('?') && !exists(from)) return [];
      return { from, to: to.replace('ROOT', posix.relative(project.app, '') || '.') };
    });
    const [first = ''] = split(command);
    const made = copied.map(({ from }) => from.split('/')[0]);
    const isMade = (file: string) => made.includes(file.split('/')[0]) || (file === first && !exists(file));
    const hasServer = started.some((file) => first.startsWith(BIN) || !isMade(file));
    if (hasServer && needsModules === false) continue;
    return {
      ...{ port: 3000, env: {}, ...row },
      source: `${row.name} in package.json`,
      cache: CACHES[row.name] ?? null,
      /** What runs in production, after `node`; null when the app has a server of its own. */
      command: hasServer || !command ? null : split(command),
      /** What to copy from the build; null when everything is needed. */
      copies: copies ? copied : null,
      needsModules: needsModules ?? Object.keys(dependencies).length > 0,
      handlesSigterm: handlesSigterm && !hasServer && (row.name !== 'next' || majorOf(versions.next) >= 14),
    };
  }
  return null;
}

/** Whether a path of the app begins so. */
export const existsInApp = ({ app, files }: Project, begin: string) =>
  files.some((file) => file.startsWith(posix.join(app, begin)));
