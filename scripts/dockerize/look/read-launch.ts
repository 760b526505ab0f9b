import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { readScript, type ScriptCommand } from './script-commands.ts';

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

const RUNNERS =
  /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev|nest|pm2(-\w+)?|forever)$/;
const MANAGERS = /^(pm2|forever)/;
const LOADERS = /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc(?:-node)?\/register|esbuild-register|sucrase)(\/|$)/;
const WITH_VALUE =
  /^(-r|--require|--import|--(experimental-)?loader|-C|--conditions|--env-file(-if-exists)?|--watch-path|--title)$/;
const NOT_A_START = /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/;
/** The packages of bins with another name. */
const BINS: Record<string, string> = {
  'react-router-serve': '@react-router/serve',
  'remix-serve': '@remix-run/serve',
  fastify: 'fastify-cli',
  strapi: '@strapi/strapi',
};
/** Bins that develop, build or check. */
const TOOLS =
  /^(vite|webpack\S*|react-scripts|ng|vue-cli-service|gatsby|nx|turbo|electron|expo|parcel|tsc|sass|rollup|esbuild|tsup|patch-package|rimraf|copyfiles|nps|prisma|knex|typeorm|sequelize|drizzle-kit)( |$)|^\S+ (dev|develop|build|preview|watch|generate)( |$)/;
const ENDS = ' .js .mjs .cjs .ts .mts .cts .tsx /index.js /index.mjs /index.cjs /index.ts'.split(' ');

/** A file as Node finds it, or TypeScript with that name, relative to the app. */
export function findFile(project: Project, path: string): string | null {
  const paths = ENDS.flatMap((end) => [path.replace(/\/$/, '') + end, path.replace(/\.js$/, '') + end]);
  return paths.find((each) => !each.startsWith('..') && project.has(posix.join(project.app, each))) ?? null;
}

/** The files that Node runs in the scripts with such names, as they are written, relative to the app. */
export function findStartedFiles(project: Project, names: RegExp): string[] {
  const called = Object.keys(project.manifest.scripts).filter((name) => names.test(name));
  const commands = called.flatMap((name) => readScript(project, name)).filter(({ argv }) => argv[0] === 'node');
  return commands.flatMap((each) => readLaunch(project, each)?.file ?? []);
}

/** Reads a command as the start of an app; null when it starts none. */
export function readLaunch(project: Project, { argv, directory, env }: ScriptCommand): Launch | null {
  const [program = '', ...args] = argv;
  const name = posix.basename(program);
  const { dependencies, optionalDependencies } = project.manifest;
  const isInstalled = (each: string) => each in dependencies || each in optionalDependencies;
  if (name === 'node') return readNode();
  if (RUNNERS.test(name)) return readRunner();
  if (TOOLS.test([name, ...args].join(' ')) || ![name, BINS[name] ?? name].some(isInstalled)) return null;
  return { flags: [`node_modules/.bin/${name}`], file: null, args, isDevelopment: false, notes: [] };

  /** A tool around Node: the first of its words that is a source file, or leads to one. */
  function readRunner(): Launch {
    const words = args.flatMap((word) => word.split(' '));
    const find = (word: string) => findFile(project, posix.join(directory, word));
    const at = [/\.[cm]?[jt]sx?$|\.json$/, /^[^-]/]
      .map((pattern) => words.findIndex((word) => pattern.test(word) && !/tsconfig/.test(word) && find(word) !== null))
      .find((index) => index >= 0);
    const written = at === undefined ? ({ nest: 'src/main.ts' }[name] ?? '.') : (words[at] ?? '');
    const isManager = MANAGERS.test(name);
    const config = isManager ? (project.read(posix.join(project.app, directory, written)) ?? '') : '';
    const configured = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(config.slice(0, 20_000))?.[1];
    const isKept = /^(tsx|ts-node)$/.test(name) && args[0] !== 'watch' && isInstalled(name);
    const flags = name === 'tsx' ? ['--import', 'tsx'] : ['--require', 'ts-node/register'];
    const notes = [
      ...(isKept ? [`${name} compiles at each start: a build starts faster, and the image is smaller`] : []),
      ...(isManager
        ? [`${name} is left out: Docker restarts the container, and more containers replace its workers`]
        : []),
    ];
    return {
      flags: isKept ? flags : [],
      file: posix.join(directory, configured ?? written),
      args: at === undefined || isManager ? [] : words.slice(at + 1),
      isDevelopment: !isKept && !isManager,
      notes,
    };
  }

  function readNode(): Launch | null {
    const [flags, notes]: [string[], string[]] = [[], []];
    let isDevelopment = env.NODE_ENV === 'development';
    let at = 0;
    while (args[at]?.startsWith('-')) {
      const words = args.slice(at, at + (WITH_VALUE.test(args[at] ?? '') ? 2 : 1));
      const [flag = '', value = /=(.*)/.exec(flag)?.[1] ?? ''] = words;
      const [, loader] = LOADERS.exec(value) ?? [];
      if (NOT_A_START.test(flag)) return null;
      if (/^--(watch|inspect)/.test(flag) || (loader && !isInstalled(loader))) isDevelopment = true;
      else if (flag.startsWith('--env-file')) notes.push(`${words.join(' ')} is left out: the image has no such file`);
      else if (!value.startsWith('dotenv/') || isInstalled('dotenv')) flags.push(...words);
      at += words.length;
    }
    const file = args[at];
    if (file === undefined || file === 'ace') return null;
    return { flags, file: posix.join(directory, file), args: args.slice(at + 1), isDevelopment, notes };
  }
}
