import { posix } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import type { Project } from '../../project/read-project.ts';
import { findStartedFiles, readScript, tidy } from '../../project/script-commands.ts';
import { majorOf, readToolSettings } from '../../project/tsconfig.ts';

/** What a framework says of an app: what is built and what runs. Paths are relative to the app. */
export interface Framework {
  name: string;
  source: string;
  /** What runs in production, after `node`; null when the app has a server of its own. */
  command: string[] | null;
  /** What to copy from the build; null when everything is needed. */
  copies: { from: string; to: string }[] | null;
  needsModules: boolean;
  port: number;
  env: Record<string, string>;
  handlesSigterm: boolean;
}

/** How a framework is found, and what is said of it. */
interface Row extends Partial<Omit<Framework, 'copies' | 'command'>> {
  /** Its package. */
  name: string;
  /** The file of settings, without `.config.js`; and what has to be in it, in that of Vite or in a script. */
  config?: string;
  when?: RegExp;
  /** Why nothing can be started. */
  error?: string;
  /** What runs, separated by spaces. OUT is the output directory of the settings, or what follows. */
  command?: string;
  /** What is copied: `from:to`, and with a question mark only what is there. ROOT is the root of the workspace. */
  copies?: string;
}

const STATIC = 'builds static files here, and no server starts';
const BIN = 'node_modules/.bin/';
const SERVER = './build/server/index.js';
const HOST = { HOST: '0.0.0.0' };
const NEXT = {
  name: 'next',
  config: 'next',
  handlesSigterm: true,
  copies: '.next/standalone:ROOT .next/static public?',
};
const NITRO = { command: '.output/server/index.mjs', copies: '.output', handlesSigterm: true, needsModules: false };
const KIT = { name: '@sveltejs/kit', config: 'svelte', command: 'OUT=build/index.js', copies: 'OUT=build' };
const ROUTER = { name: '@react-router/dev', config: 'react-router', copies: 'build', handlesSigterm: true };
const REMIX = { name: '@remix-run/dev', copies: 'build public', handlesSigterm: true };
const ASTRO = { name: '@astrojs/node', config: 'astro', copies: 'OUT=dist', port: 4321, env: HOST };
const ADONIS = { name: '@adonisjs/assembler', port: 3333, env: { ...HOST, PORT: '3333' }, handlesSigterm: true };

/** The first row that fits counts. */
const ROWS: Row[] = [
  { ...NEXT, when: /\boutput:\s*['"]export/, error: STATIC },
  {
    ...NEXT,
    when: /\boutput:\s*['"]standalone/,
    source: "output: 'standalone' in next.config",
    command: 'server.js',
    needsModules: false,
    env: { HOSTNAME: '0.0.0.0' },
  },
  { ...NEXT, command: `${BIN}next start`, copies: '.next public? next.config.js? next.config.mjs? next.config.ts?' },
  { name: 'nuxt', when: /\bnuxt generate/, error: STATIC },
  ...['nuxt', 'nitropack', 'nitro', 'vinxi'].map((name) => ({ name, ...NITRO })),
  { ...KIT, when: /@sveltejs\/adapter-node|\bnode (\.\/)?build\b/, handlesSigterm: true },
  { ...KIT, error: 'builds no server for Node here: install @sveltejs/adapter-node and use it' },
  { ...ROUTER, when: /\bssr:\s*false/, error: STATIC },
  { ...ROUTER, when: /react-router-serve/, command: `${BIN}react-router-serve ${SERVER}` },
  ROUTER,
  { ...REMIX, when: /\bvite:build/, command: `${BIN}remix-serve ${SERVER}`, copies: 'build' },
  { ...REMIX, command: `${BIN}remix-serve ./build/index.js` },
  { ...ASTRO, when: /\bmode:\s*['"]standalone/, command: 'OUT=dist/server/entry.mjs' },
  ASTRO,
  { ...ADONIS, command: 'bin/server.js', copies: 'build:.' },
  { name: '@nestjs/core' },
  { name: 'fastify-cli', when: /\bfastify start\b/, handlesSigterm: true },
  { name: '@strapi/strapi', command: `${BIN}strapi start`, port: 1337 },
];
/** Packages that answer requests: with one of them, a build of static files is only the client. */
const SERVERS =
  /^(express|fastify|koa|hono|polka|restify|connect|h3|ws|socket\.io|@hono\/node-server|@?hapi(\/hapi)?|@feathersjs\/.+|@apollo\/server)$/;
const CLIENT =
  /^(vite|react-scripts|gatsby|ng|vue-cli-service|docusaurus|astro|parcel|eleventy|vuepress|vitepress)\b(?! check)/;

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
  const started = findStartedFiles(project, /^(start(:prod)?|serve|server)$/);
  const text = [read('vite'), scripts.build, scripts.start].join('\n');
  for (const row of ROWS) {
    const { name } = row;
    const settings = read(row.config);
    if (!(name in versions) || !(row.when?.test(settings + text) ?? true)) continue;
    if (row.error) throw cannotServe(name, row.error);
    const [, out] = /\bout(?:Dir)?:\s*['"]([\w./-]+)/.exec(settings) ?? [];
    const split = (words = '') =>
      words.split(' ').map((word) => word.replace(/^OUT=(\w+)/, (_, otherwise) => tidy(out ?? otherwise)));
    const copies = split(row.copies)
      .filter((word) => !word.endsWith('?') || exists(word.slice(0, -1)))
      .map((word) => {
        const [from = '', to = from] = word.replace('?', '').split(':');
        // In a workspace, .next/standalone has the directories of the workspace.
        return { from, to: to === 'ROOT' ? posix.relative(project.app, '') || '.' : to };
      });
    const command = row.command ? split(row.command) : null;
    const made = copies.flatMap(({ from }) => [from, from.replace(/\/.*/, '')]);
    const isMade = (file: string) =>
      made.some((path) => `${file}/`.startsWith(`${path}/`)) || (file === command?.[0] && !exists(file));
    const hasServer = started.some((file) => command?.[0]?.startsWith(BIN) || !isMade(file));
    if (hasServer && row.needsModules === false) continue;
    return {
      name,
      source: row.source ?? `${name} in package.json`,
      command: hasServer ? null : command,
      copies: row.copies ? copies : null,
      needsModules: row.needsModules ?? Object.keys(dependencies).length > 0,
      port: row.port ?? 3000,
      env: row.env ?? {},
      handlesSigterm: !hasServer && row.handlesSigterm === true && (name !== 'next' || majorOf(versions.next) >= 14),
    };
  }
  const client = readScript(project, 'build')
    .map(({ argv }) => argv.join(' '))
    .find((line) => CLIENT.test(line));
  const isServer = started.length > 0 || Object.keys(dependencies).some((name) => SERVERS.test(name));
  if (client && !isServer && !exists('Procfile') && !exists('server.')) throw cannotServe(client, STATIC);
  return null;
}

const cannotServe = (name: string, why: string) =>
  usageError(
    `\`${name}\` ${why}.`,
    'Serve its output with the image of a web server, or add a server to the app, with a start script.',
  );
