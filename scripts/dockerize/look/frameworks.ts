import { posix } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import type { Project } from './read-project.ts';
import { readScript, splitFlags } from './script-commands.ts';
import { isAtLeast, readCompilation } from './tsconfig.ts';

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

/** Packages that answer requests: with one of them, a build of static files is only the client. */
const SERVERS =
  /^(express|fastify|koa|hono|polka|restify|connect|h3|ws|socket\.io|@hono\/node-server|@?hapi(\/hapi)?|@feathersjs\/.+|@apollo\/server)$/;
const STATIC = /^(vite|react-scripts|gatsby|ng|vue-cli-service|docusaurus|astro|parcel|eleventy|vuepress|vitepress)\b/;
const NITRO = ['nuxt', 'nitropack', 'nitro', '@solidjs/start', '@tanstack/react-start', '@tanstack/solid-start'];
const HOST = { HOST: '0.0.0.0' };

/**
 * Finds the framework that says what is built and what runs; null without one.
 *
 * @throws {ToolError} with the code `usage` when the project builds static files, or no server for Node.
 */
export function findFramework(project: Project): Framework | null {
  const { dependencies, devDependencies } = project.manifest;
  const versions = { ...devDependencies, ...dependencies };
  const find = (...names: string[]) => names.find((name) => name in versions);
  const has = (path: string) => project.files.some((file) => file.startsWith(posix.join(project.app, path)));
  const read = (stem: string) => readConfig(project, stem);
  const make = (
    name: string,
    command: string[] | null,
    paths: string[] | null,
    more: Partial<Framework> = {},
  ): Framework => {
    const copies = paths?.map((path) => ({ from: path, to: path })) ?? null;
    const defaults = { needsModules: true, port: 3000, env: {}, handlesSigterm: false };
    return { name, source: `${name} in package.json`, command, copies, ...defaults, ...more };
  };
  const scripts = ['start:prod', 'start', 'serve', 'server'].flatMap((name) => readScript(project, name));
  const started = scripts.flatMap(({ argv: [program = '', ...args] }) =>
    posix.basename(program) === 'node' ? (splitFlags(args).file ?? []) : [],
  );
  const builds = readScript(project, 'build').map(({ argv }) => argv.join(' '));

  if (find('next')) {
    const output = /\boutput:\s*['"](export|standalone)/.exec(read('next'))?.[1];
    if (output === 'export') throw staticError('next', "output: 'export' in next.config");
    const [publicFiles, handlesSigterm] = [has('public/') ? ['public'] : [], isAtLeast(versions.next, 14)];
    const ownServer = started.some((file) => !file.startsWith('.next'));
    if (output === 'standalone' && !ownServer) {
      const framework = make('next', ['server.js'], ['.next/static', ...publicFiles], {
        handlesSigterm,
        needsModules: false,
      });
      // In a workspace, .next/standalone has the directories of the workspace.
      const standalone = { from: '.next/standalone', to: posix.relative(project.app, '') || '.' };
      const copies = [standalone, ...(framework.copies ?? [])];
      return { ...framework, source: "output: 'standalone' in next.config", copies, env: { HOSTNAME: '0.0.0.0' } };
    }
    const configs = ['js', 'mjs', 'ts'].map((end) => `next.config.${end}`).filter(has);
    const command = ownServer ? null : ['node_modules/.bin/next', 'start'];
    return make('next', command, ['.next', ...publicFiles, ...configs], { handlesSigterm });
  }
  const nitro = find(...NITRO);
  const isNitro =
    find('vinxi', 'nitro', 'nitropack') || read('app') || started.some((file) => file.startsWith('.output'));
  if (nitro && (isNitro || !nitro.startsWith('@tanstack'))) {
    if (builds.some((line) => line.startsWith('nuxt generate'))) throw staticError('nuxt', 'nuxt generate');
    return make(nitro, ['.output/server/index.mjs'], ['.output'], { needsModules: false, handlesSigterm: true });
  }
  if (find('@sveltejs/kit')) {
    const text = read('svelte') + read('vite');
    const out = posix.normalize(/\bout:\s*['"]([\w./-]+)/.exec(text)?.[1] ?? 'build');
    const needsModules = Object.keys(dependencies).length > 0;
    if (text.includes('@sveltejs/adapter-node') || started.length > 0)
      return make('@sveltejs/kit', [`${out}/index.js`], [out], { needsModules, handlesSigterm: true });
    const adapter = /@sveltejs\/adapter-\w+/.exec(text)?.[0] ?? 'it has no adapter';
    throw usageError(
      `SvelteKit builds no server for Node: ${adapter}.`,
      'Install @sveltejs/adapter-node and use it instead.',
    );
  }
  const router = find('@react-router/dev', '@remix-run/dev');
  if (router) {
    if (/\bssr:\s*false/.test(read('react-router') + read('vite'))) throw staticError(router, 'ssr: false');
    const isVite = router === '@react-router/dev' || read('vite') !== '';
    const bin = find('@react-router/serve', '@remix-run/serve')?.replace(/@(remix|react-router)(-run)?\//, '$1-');
    const command = [`node_modules/.bin/${bin}`, isVite ? './build/server/index.js' : './build/index.js'];
    return make(router, bin ? command : null, isVite ? ['build'] : ['build', 'public'], {
      handlesSigterm: bin !== undefined,
    });
  }
  if (find('astro') && read('astro').includes('@astrojs/node')) {
    const out = posix.normalize(/\boutDir:\s*['"]([\w./-]+)/.exec(read('astro'))?.[1] ?? 'dist');
    const command = /mode:\s*['"]standalone/.test(read('astro')) ? [`${out}/server/entry.mjs`] : null;
    return make('astro', command, [out], { source: '@astrojs/node in astro.config', port: 4321, env: HOST });
  }
  if (find('@adonisjs/assembler')) {
    const env = { ...HOST, PORT: '3333' };
    const copies = [{ from: 'build', to: '.' }];
    return make('@adonisjs/core', ['bin/server.js'], null, { copies, port: 3333, env, handlesSigterm: true });
  }
  if (find('@nestjs/cli')) return make('@nestjs/core', [findNestEntry(project)], null);
  if (find('@strapi/strapi'))
    return make('@strapi/strapi', ['node_modules/.bin/strapi', 'start'], null, { port: 1337 });
  const client = builds.find((line) => STATIC.test(line));
  const isServer = started.length > 0 || Object.keys(dependencies).some((name) => SERVERS.test(name));
  if (client && !isServer && !has('Procfile') && !has('server.')) throw staticError(client, 'build in package.json');
  return null;
}

const staticError = (name: string, source: string) =>
  usageError(
    `\`${name}\` builds static files here, and no server starts (${source}).`,
    'Serve its output with the image of a web server, or add a server to the app, with a start script.',
  );

/** The text of a config file, without comment lines. */
function readConfig(project: Project, stem: string): string {
  const names = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((end) => posix.join(project.app, `${stem}.config.${end}`));
  return (project.read(names.find(project.has) ?? '') ?? '').slice(0, 50_000).replace(/^\s*\/\/.*$/gm, '');
}

/** The entry point that `nest build` makes (https://docs.nestjs.com/cli/monorepo). */
function findNestEntry(project: Project): string {
  const text = project.read(posix.join(project.app, 'nest-cli.json'))?.slice(0, 50_000) ?? '';
  const read = (name: string) => new RegExp(`"${name}":\\s*"?([^",\\s]+)`).exec(text)?.[1];
  const source = `${read('sourceRoot') ?? 'src'}/${read('entryFile') ?? 'main'}`;
  const names = ['tsconfig.build.json', 'tsconfig.json'].map((name) => posix.join(project.app, name));
  const config = readCompilation(project, names.find(project.has) ?? '');
  const isBundle = read('webpack') === 'true' || read('monorepo') === 'true';
  const root = posix.relative(project.app, config?.rootDir ?? posix.join(project.app, 'src'));
  const path = isBundle ? source.replace(/(^|\/)src\//, '$1') : posix.relative(root, source);
  return `${posix.join(posix.relative(project.app, config?.outDir ?? project.app) || 'dist', path)}.js`;
}
