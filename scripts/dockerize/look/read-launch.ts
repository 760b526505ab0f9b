import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { readLine, type ScriptCommand, splitFlags } from './script-commands.ts';

/** A command that starts an app. */
export interface Launch {
  /** Flags of node; the bin of a package when there is no file. */
  flags: string[];
  /** The file as it is written, relative to the app. */
  file: string | null;
  args: string[];
  /** Whether a development tool starts the file: then it has to be built, or Node runs it as it is. */
  isDevelopment: boolean;
  notes: string[];
}

const RUNNERS = /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev)$/;
const LOADERS =
  /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc-node\/register|esbuild-register|@swc\/register|sucrase)(\/|$)/;
const NODEMON_FLAGS = /^(-e|--ext|-w|--watch|-i|--ignore|-d|--delay|-x|--exec|--signal|-r|--require|--config)$/;
const NOT_A_START = /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/;
/** The packages of bins with another name. */
const BINS: Record<string, string> = {
  'react-router-serve': '@react-router/serve',
  'remix-serve': '@remix-run/serve',
  fastify: 'fastify-cli',
  strapi: '@strapi/strapi',
  medusa: '@medusajs/cli',
};
/** Bins that develop, build or check. */
const TOOLS =
  /^(vite|webpack|webpack-dev-server|react-scripts|ng|vue-cli-service|gatsby|nx|turbo|electron|expo|parcel|tsc|sass|rollup|esbuild|tsup|patch-package|rimraf|copyfiles|nest|nps|prisma|knex|typeorm|sequelize|drizzle-kit)( |$)|^\S+ (dev|develop|build|preview|watch|generate)( |$)/;

/** Reads a command as the start of an app; null when it starts none. */
export function readLaunch(
  project: Project,
  { argv: [program = '', ...args], directory, env }: ScriptCommand,
): Launch | null {
  const name = posix.basename(program);
  const { dependencies, optionalDependencies } = project.manifest;
  const isInstalled = (each: string) => each in dependencies || each in optionalDependencies;
  const launch = (file: string | null | undefined, more: Partial<Launch>): Launch => ({
    flags: [],
    file: file == null ? null : posix.join(directory, file),
    args: [],
    isDevelopment: false,
    notes: [],
    ...more,
  });
  if (name === 'node') return readNode();
  if (name === 'nodemon') {
    const { flags, file = '.', args: more } = splitFlags(args, NODEMON_FLAGS);
    const exec = flags.find(([flag]) => flag === '-x' || flag === '--exec')?.[1]?.split(' ');
    if (exec === undefined) return launch(file, { args: more, isDevelopment: true });
    const inner =
      exec[0] === 'nodemon'
        ? null
        : readLaunch(project, { argv: [...exec, ...args.slice(flags.flat().length)], directory, env });
    return inner && { ...inner, isDevelopment: true };
  }
  if (RUNNERS.test(name)) {
    const { file = '.', args: more } = splitFlags(args[0] === 'watch' ? args.slice(1) : args);
    const runs = /^(tsx|ts-node)$/.test(name) && args[0] !== 'watch' && isInstalled(name);
    const flags = name === 'tsx' ? ['--import', 'tsx'] : ['--require', 'ts-node/register'];
    const notes = [`${name} compiles at each start: a build starts faster, and the image is smaller`];
    return launch(file, { args: more, isDevelopment: !runs, ...(runs ? { flags, notes } : {}) });
  }
  if (/^(pm2(-runtime|-docker)?|forever)$/.test(name)) {
    const { file = '' } = splitFlags(args.filter((word) => word !== 'start'));
    const text = project.read(posix.join(project.app, directory, file)) ?? '';
    const configured = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(text.slice(0, 20_000))?.[1];
    const more = args.includes('--') ? args.slice(args.indexOf('--') + 1) : [];
    return launch(configured ?? file, {
      args: more,
      notes: [`${name} is left out: Docker restarts the container, and more containers replace its workers`],
    });
  }
  const shell = /^(ba|a)?sh$/.test(name) ? (args[0] ?? '') : program;
  if (shell.endsWith('.sh')) {
    const lines = (project.read(posix.join(project.app, directory, shell)) ?? '').split('\n');
    const commands = readLine(project, lines.filter((line) => !/^\s*(#|if|fi|then|else|set)/.test(line)).join(';'));
    const inner = commands.map((each) =>
      each.argv.some((word) => /sh$/.test(word)) ? null : readLaunch(project, each),
    );
    return inner.findLast((each) => each !== null) ?? null;
  }
  if (TOOLS.test([name, ...args].join(' ')) || ![name, BINS[name] ?? name].some(isInstalled)) return null;
  return launch(null, { flags: [`node_modules/.bin/${name}`], args });

  function readNode(): Launch | null {
    const { flags, file, args: more } = splitFlags(args);
    if (file === undefined || flags.some(([flag = '']) => NOT_A_START.test(flag)) || file === 'ace') return null;
    const result = launch(file, { args: more, isDevelopment: env.NODE_ENV === 'development' });
    for (const [flag = '', value = /=(.*)/.exec(flag)?.[1] ?? ''] of flags) {
      const [, loader = ''] = LOADERS.exec(value) ?? [];
      if (/^--(watch|inspect)/.test(flag)) result.isDevelopment = true;
      else if (loader !== '' && !isInstalled(loader)) result.isDevelopment = true;
      else if (value.startsWith('dotenv/') && !isInstalled('dotenv')) continue;
      else if (flag.startsWith('--env-file')) {
        result.notes.push(
          `${flag} ${value} is left out, the image has no such file: docker run --env-file ${value} gives the variables`,
        );
      } else result.flags.push(flag, ...(flag.includes('=') || value === '' ? [] : [value]));
    }
    return result;
  }
}
