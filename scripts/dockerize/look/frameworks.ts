import { posix } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import type { Project } from './read-project.ts';
import { readScript } from './script-commands.ts';
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

/** Packages that answer requests: with one of them a build of static files is only the client. */
const SERVERS =
  /^(express|fastify|koa|hono|polka|restify|connect|h3|ws|socket\.io|@hono\/node-server|@hapi\/hapi|hapi|@feathersjs\/.+|@apollo\/server|apollo-server.*)$/;
/** Builds of static files, by their command. */
const STATIC =
  /^(vite|react-scripts|gatsby|ng|vue-cli-service|docusaurus|astro|parcel|nuxt generate|eleventy|vuepress|vitepress)\b/;
const DEFAULTS = { needsModules: true, port: 3000, env: {}, handlesSigterm: false };

/**
 * Finds the framework that says what is built and what runs; null without one.
 *
 * @throws {ToolError} with the code `usage` when the project builds static files, or no server for Node.
 */
export function findFramework(project: Project): Framework | null {
  const { dependencies, devDependencies, optionalDependencies } = project.manifest;
  const versions = { ...optionalDependencies, ...devDependencies, ...dependencies };
  const inApp = (path: string) => posix.join(project.app, path);
  const config = (...stems: string[]) =>
    stems
      .flatMap((stem) => ['ts', 'mts', 'js', 'mjs', 'cjs'].map((end) => `${stem}.config.${end}`))
      .map((name) => project.read(inApp(name)))
      .find((text) => text !== null)
      ?.slice(0, 50_000)
      .replace(/^\s*\/\/.*$/gm, '') ?? '';
  const find = (...names: string[]) => names.find((name) => name in versions);
  const make = (
    name: string,
    command: string[] | null,
    copies: Framework['copies'],
    more: Partial<Framework> = {},
  ): Framework => ({ ...DEFAULTS, name, source: `${name} in package.json`, command, copies, ...more });
  const copy = (...paths: string[]) => paths.map((path) => ({ from: path, to: path }));
  const starts = ['start:prod', 'start', 'serve', 'server'].flatMap((name) => readScript(project, name));
  const started = starts.flatMap(({ argv: [program = '', ...args] }) =>
    posix.basename(program) === 'node' ? args.filter((word) => !word.startsWith('-')) : [],
  );

  const next = find('next');
  if (next) {
    const text = config('next');
    if (/\boutput:\s*['"]export/.test(text)) throw staticError('next', "output: 'export' in next.config");
    const handlesSigterm = isAtLeast(versions.next, 14);
    const isPublic = project.files.some((file) => file.startsWith(inApp('public/')));
    const ownServer = started.some((file) => !file.startsWith('.next'));
    const files = [...(isPublic ? ['public'] : [])];
    if (/\boutput:\s*['"]standalone/.test(text) && !ownServer) {
      const copies = [
        { from: '.next/standalone', to: posix.relative(project.app, '') || '.' },
        ...copy('.next/static', ...files),
      ];
      return make('next', ['server.js'], copies, {
        source: "output: 'standalone' in next.config",
        needsModules: false,
        env: { HOSTNAME: '0.0.0.0' },
        handlesSigterm,
      });
    }
    const configs = project.files
      .filter((file) => file.startsWith(inApp('next.config.')))
      .map((file) => posix.relative(project.app, file));
    return make('next', ownServer ? null : ['node_modules/.bin/next', 'start'], copy('.next', ...files, ...configs), {
      handlesSigterm,
    });
  }
  const nitro = find('nuxt', 'nitropack', 'nitro', '@solidjs/start', '@tanstack/react-start', '@tanstack/solid-start');
  if (
    nitro &&
    (!nitro.startsWith('@tanstack') ||
      find('vinxi', 'nitro', 'nitropack') ||
      started.some((file) => file.startsWith('.output')) ||
      config('app') !== '')
  ) {
    if (readScript(project, 'build').some(({ argv }) => argv.join(' ').startsWith('nuxt generate')))
      throw staticError('nuxt', 'nuxt generate');
    return make(nitro, ['.output/server/index.mjs'], copy('.output'), { needsModules: false, handlesSigterm: true });
  }
  if (find('@sveltejs/kit')) {
    const text = config('svelte') + config('vite');
    const adapter = /@sveltejs\/adapter-node/.test(text)
      ? null
      : (/@sveltejs\/adapter-[\w-]+/.exec(text)?.[0] ?? 'no adapter');
    if (adapter && started.length === 0) {
      throw usageError(
        `SvelteKit builds no server for Node: ${adapter} in its config.`,
        'Install @sveltejs/adapter-node as a development dependency, and use it as the adapter in the config of SvelteKit.',
      );
    }
    const out = /\bout:\s*['"]([\w./-]+)/.exec(text)?.[1] ?? 'build';
    return make('@sveltejs/kit', [`${posix.normalize(out)}/index.js`], copy(posix.normalize(out)), {
      needsModules: Object.keys(dependencies).length > 0,
      handlesSigterm: true,
    });
  }
  const router = find('@react-router/dev', '@remix-run/dev');
  if (router) {
    if (/\bssr:\s*false/.test(config('react-router') + config('vite'))) throw staticError(router, 'ssr: false');
    const serve = find('@react-router/serve', '@remix-run/serve');
    const isVite = router === '@react-router/dev' || config('vite') !== '';
    const command = serve
      ? [
          `node_modules/.bin/${serve.startsWith('@remix') ? 'remix' : 'react-router'}-serve`,
          isVite ? './build/server/index.js' : './build/index.js',
        ]
      : null;
    return make(router, command, copy('build', ...(isVite ? [] : ['public'])), { handlesSigterm: serve !== undefined });
  }
  if (find('astro') && /@astrojs\/node/.test(config('astro'))) {
    const out = posix.normalize(/\boutDir:\s*['"]([\w./-]+)/.exec(config('astro'))?.[1] ?? 'dist');
    const isStandalone = /mode:\s*['"]standalone/.test(config('astro'));
    return make('astro', isStandalone ? [`${out}/server/entry.mjs`] : null, copy(out), {
      source: '@astrojs/node in astro.config',
      port: 4321,
      env: { HOST: '0.0.0.0' },
    });
  }
  if (find('@adonisjs/core') && find('@adonisjs/assembler')) {
    return make('@adonisjs/core', ['bin/server.js'], [{ from: 'build', to: '.' }], {
      port: 3333,
      env: { HOST: '0.0.0.0', PORT: '3333' },
      handlesSigterm: true,
    });
  }
  if (find('@nestjs/core') && find('@nestjs/cli')) return make('@nestjs/core', findNestEntry(project), null);
  const strapi = find('@strapi/strapi', 'strapi');
  if (strapi) return make(strapi, ['node_modules/.bin/strapi', 'start'], null, { port: 1337 });
  const built = readScript(project, 'build')
    .map(({ argv }) => argv.join(' '))
    .find((line) => STATIC.test(line));
  const hasServer =
    started.length > 0 ||
    Object.keys(dependencies).some((name) => SERVERS.test(name)) ||
    ['Procfile', 'server.js'].some((name) => project.has(inApp(name)));
  if (built && !hasServer) throw staticError(built.split(' ')[0] ?? built, `\`${built}\` in package.json`);
  return null;
}

const staticError = (name: string, source: string) =>
  usageError(
    `${name} builds static files here, there is no server to start (${source}).`,
    'Serve its output with the image of a web server, or add a server and --entry.',
  );

/** The entry point that `nest build` makes (https://docs.nestjs.com/cli/monorepo). */
function findNestEntry(project: Project): string[] {
  const read = (pattern: RegExp, otherwise: string) =>
    pattern.exec(project.read(posix.join(project.app, 'nest-cli.json')) ?? '')?.[1] ?? otherwise;
  const source = `${read(/"sourceRoot":\s*"([^"]+)"/, 'src')}/${read(/"entryFile":\s*"([^"]+)"/, 'main')}`;
  const names = ['tsconfig.build.json', 'tsconfig.json'].map((name) => posix.join(project.app, name));
  const config = readCompilation(project, names.find(project.has) ?? '');
  const isBundle = read(/"(?:webpack|monorepo)":\s*(true)/, '') !== '';
  const [root, out] = config
    ? [config.rootDir, config.outDir].map((path) => posix.relative(project.app, path))
    : ['src', 'dist'];
  const path = isBundle ? source.replace(/(^|\/)src\//, '$1') : posix.relative(root ?? '', source);
  return [`${posix.join(out || 'dist', path)}.js`];
}
