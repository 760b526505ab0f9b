import { posix } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import type { Project } from '../../project/read-project.ts';
import { findStartedFiles, readScript, tidy } from '../../project/script-commands.ts';
import { majorOf, readToolSettings } from '../../project/tsconfig.ts';

/** What a framework says of an app: what is built and what runs. Paths are relative to the app. */
export interface Framework {
  name: string;
  source: string;
  /** What builds when no script does. */
  build?: string;
  /** What runs in production, after `node`; null when the app has a server of its own. */
  command: string[] | null;
  /** What to copy from the build; null when everything is needed. */
  copies: { from: string; to: string }[] | null;
  needsModules: boolean;
  port: number;
  env: Record<string, string>;
  handlesSigterm: boolean;
}

/** How a framework is found, by its package, and what is said of it. Words are separated by spaces. */
interface Row extends Partial<Omit<Framework, 'copies' | 'command'>> {
  name: string;
  /** The name of its settings, without `.config.js`; and what has to be in them, in those of Vite or in a script. */
  config?: string;
  when?: RegExp;
  /** Why nothing can be started. */
  error?: string;
  /** The output directory, if the settings name no other: OUT in what follows. */
  out?: string;
  command?: string;
  /** `from:to`. With a question mark: if it exists. ROOT is the root of the workspace. */
  copies?: string;
}

const STATIC = 'builds static files here, and no server starts';
const NO_SERVER = 'builds no server for Node here: install @sveltejs/adapter-node and use it';
const BIN = 'node_modules/.bin/';
const HOST = { HOST: '0.0.0.0' };
const STANDALONE = { copies: '.next/standalone:ROOT .next/static public?', env: { HOSTNAME: '0.0.0.0' } };
const SIGTERM = { handlesSigterm: true };
const NEXT = { name: 'next', config: 'next', build: 'npx next build', ...SIGTERM };
const NITRO = { command: '.output/server/index.mjs', copies: '.output', needsModules: false, ...SIGTERM };
const KIT = { name: '@sveltejs/kit', config: 'svelte', build: 'npx vite build', out: 'build', copies: 'OUT' };
const ROUTER = { name: '@react-router/dev', config: 'react-router', build: 'npx react-router build', copies: 'build' };
const REMIX = { name: '@remix-run/dev', ...SIGTERM };
const ASTRO = { name: '@astrojs/node', config: 'astro', build: 'npx astro build', out: 'dist', copies: 'OUT' };
const ADONIS = { name: '@adonisjs/assembler', port: 3333, env: { ...HOST, PORT: '3333' }, ...SIGTERM };

/** The first row that fits counts. */
const ROWS: Row[] = [
  { ...NEXT, when: /\boutput:\s*['"]export/, error: STATIC },
  { ...NEXT, when: /\boutput:\s*['"]standalone/, command: 'server.js', needsModules: false, ...STANDALONE },
  { ...NEXT, command: `${BIN}next start`, copies: '.next public? next.config.js? next.config.mjs? next.config.ts?' },
  { name: 'nuxt', when: /\bnuxt generate/, error: STATIC },
  { name: 'nuxt', build: 'npx nuxt build', ...NITRO },
  ...['nitropack', 'nitro', 'vinxi'].map((name) => ({ name, ...NITRO })),
  { ...KIT, when: /@sveltejs\/adapter-node|\bnode (\.\/)?build\b/, command: 'OUT/index.js', ...SIGTERM },
  { ...KIT, error: NO_SERVER },
  { ...ROUTER, when: /\bssr:\s*false/, error: STATIC },
  { ...ROUTER, when: /react-router-serve/, command: `${BIN}react-router-serve ./build/server/index.js`, ...SIGTERM },
  ROUTER,
  { ...REMIX, when: /\bvite:build/, command: `${BIN}remix-serve ./build/server/index.js`, copies: 'build' },
  { ...REMIX, command: `${BIN}remix-serve ./build/index.js`, copies: 'build public' },
  { ...ASTRO, when: /\bmode:\s*['"]standalone/, command: 'OUT/server/entry.mjs', port: 4321, env: HOST },
  { ...ASTRO, port: 4321, env: HOST },
  { ...ADONIS, command: 'bin/server.js', copies: 'build:.' },
  { name: '@nestjs/core' },
  { name: '@strapi/strapi', command: `${BIN}strapi start`, port: 1337 },
];
/** Packages that answer requests: with one of them, a build of static files is only the client. */
const SERVERS =
  /^(express|fastify|koa|hono|polka|restify|connect|h3|ws|socket\.io|@hono\/node-server|@?hapi(\/hapi)?|@feathersjs\/.+|@apollo\/server)$/;
const CLIENT = /^(vite|react-scripts|gatsby|ng|vue-cli-service|docusaurus|astro|parcel|eleventy|vuepress|vitepress)\b/;

/**
 * Finds the framework that says what is built and what runs; null without one.
 *
 * @throws {ToolError} with the code `usage` when the project builds static files, or no server for Node.
 */
export function findFramework(project: Project): Framework | null {
  const { scripts, dependencies, devDependencies } = project.manifest;
  const versions = { ...devDependencies, ...dependencies };
  const exists = (path: string) => project.files.some((file) => file.startsWith(posix.join(project.app, path)));
  const read = (tool = '') => readToolSettings(project, project.app, tool);
  const started = findStartedFiles(project);
  const text = [read('vite'), scripts.build, scripts.start].join('\n');
  const fits = ({ name, config, when }: Row) => name in versions && (when?.test(read(config) + text) ?? true);
  for (const row of ROWS.filter(fits)) {
    if (row.error) throw cannotServe(row.name, row.error);
    const out = tidy(/\bout(?:Dir)?:\s*['"]([\w./-]+)/.exec(read(row.config))?.[1] ?? row.out ?? '');
    const split = (words: string) => words.replaceAll('OUT', out).split(' ');
    const copies = split(row.copies ?? '')
      .filter((word) => !word.endsWith('?') || exists(word.slice(0, -1)))
      .map((word) => {
        const [from = '', to = from] = word.replace('?', '').split(':');
        return { from, to: to.replace('ROOT', posix.relative(project.app, '') || '.') };
      });
    const command = row.command ? split(row.command) : null;
    const [first = ''] = command ?? [];
    const isMade = (file: string) =>
      copies.some(({ from }) => file.split('/')[0] === from.split('/')[0]) || (file === first && !exists(file));
    const hasServer = started.some((file) => first.startsWith(BIN) || !isMade(file));
    if (hasServer && row.needsModules === false) continue;
    return {
      name: row.name,
      source: `${row.name} in package.json`,
      build: row.build,
      command: hasServer ? null : command,
      copies: row.copies ? copies : null,
      needsModules: row.needsModules ?? Object.keys(dependencies).length > 0,
      port: row.port ?? 3000,
      env: row.env ?? {},
      handlesSigterm:
        !hasServer && row.handlesSigterm === true && (row.name !== 'next' || majorOf(versions.next) >= 14),
    };
  }
  const lines = readScript(project, 'build').map(({ argv }) => argv.join(' '));
  const client = lines.find((line) => CLIENT.test(line));
  const isServer = started.length > 0 || Object.keys(dependencies).some((name) => SERVERS.test(name));
  if (client && !isServer && !exists('Procfile') && !exists('server.')) throw cannotServe(client, STATIC);
  return null;
}

const cannotServe = (name: string, why: string) =>
  usageError(
    `\`${name}\` ${why}.`,
    'Serve its output with the image of a web server, or add a server to the app, with a start script.',
  );
