import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { type ScriptCommand, splitNode } from './script-commands.ts';

const RUNNERS =
  /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev|nest|pm2(-\w+)?|forever)$/;
const LOADERS = /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc(?:-node)?\/register|esbuild-register|sucrase)(\/|$)/;
const NOT_A_START = /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/;
/** What runs as a part of Node. */
const REGISTER = new Map([
  ['node', []],
  ['tsx', ['--import', 'tsx']],
  ['ts-node', ['--require', 'ts-node/register']],
]);
/** Bins that develop, build or check. */
const TOOLS =
  /^(vite|webpack\S*|react-scripts|ng|\S+-cli(-service)?|gatsby|nx|turbo|electron|expo|parcel|tsc|sass|rollup|esbuild|tsup|patch-package|rimraf|copyfiles|nps)( |$)|^\S+ (dev|develop|build|preview|watch|generate)( |$)/;
const ENDS = ' .js .mjs .cjs .ts .mts .cts .tsx /index.js /index.mjs /index.cjs /index.ts'.split(' ');

/** A file as Node finds it, or TypeScript with that name, relative to the app. */
export function findFile(project: Project, path: string): string | null {
  const paths = ENDS.flatMap((end) => [path.replace(/\/$/, '') + end, path.replace(/\.js$/, '') + end]);
  return paths.find((each) => !each.startsWith('..') && project.has(posix.join(project.app, each))) ?? null;
}

/**
 * Reads a command as the start of an app; null when it starts none. `flags` are those of Node, or the bin of a package when
 * there is no `file`. What `isDevelopment` has to be built, or Node runs it as it is.
 */
export function readLaunch(project: Project, { argv, directory, env }: ScriptCommand) {
  const [name, ...args] = [posix.basename(argv[0] ?? ''), ...argv.slice(1)];
  const installed = Object.keys({ ...project.manifest.dependencies, ...project.manifest.optionalDependencies });
  const register = REGISTER.get(name);
  const isKept = name === 'node' || (installed.includes(name) && args[0] !== 'watch');
  if (register && isKept) {
    const { flags, file, args: rest } = splitNode(['node', ...register, ...args]);
    const isTool = ([flag = '', value = /=(.*)/.exec(flag)?.[1] ?? '']: string[]) => {
      const loader = LOADERS.exec(value)?.[1];
      return /^--(watch|inspect)/.test(flag) || (loader !== undefined && !installed.includes(loader));
    };
    const isEnvFile = ([flag = '']: string[]) => flag.startsWith('--env-file');
    if (!file || file === 'ace' || flags.some(([flag = '']) => NOT_A_START.test(flag))) return null;
    return {
      flags: flags.filter((each) => !isTool(each) && !isEnvFile(each)).flat(),
      file: posix.join(directory, file),
      args: rest,
      isDevelopment: env.NODE_ENV === 'development' || flags.some(isTool),
      notes: flags.filter(isEnvFile).map((each) => `${each.join(' ')} is left out: the image has no such file`),
    };
  }
  if (RUNNERS.test(name)) return { ...readRunner(project, name, args, directory), flags: [], notes: [] };
  // The program of @remix-run/serve is remix-serve, and that of fastify-cli is fastify.
  const programOf = (each: string) => each.replace(/^@|-run(?=\/)|-cli$/g, '').replace('/', '-');
  const isProgram = installed.some((each) => each === name || programOf(each) === name);
  if (!isProgram || TOOLS.test([name, ...args].join(' '))) return null;
  return { flags: [`node_modules/.bin/${name}`], file: null, args, isDevelopment: false, notes: [] };
}

/** A tool around Node: it runs the first of its words that is a source file, or leads to one. */
function readRunner(project: Project, name: string, args: string[], directory: string) {
  const words = args.flatMap((word) => word.split(' '));
  const isFile = (word: string) => !word.startsWith('-') && findFile(project, posix.join(directory, word)) !== null;
  const file = words.find((word) => /\.([cm]?[jt]sx?|config\.json)$/.test(word) && isFile(word)) ?? words.find(isFile);
  const isManager = /^(pm2|forever)/.test(name);
  const config = (isManager && file && project.read(posix.join(project.app, directory, file))) || '';
  const [, script] = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(config.slice(0, 20_000)) ?? [];
  return {
    file: posix.join(directory, script ?? file ?? (name === 'nest' ? 'src/main.ts' : '.')),
    args: file && !isManager ? words.slice(words.indexOf(file) + 1) : [],
    isDevelopment: !isManager,
  };
}
