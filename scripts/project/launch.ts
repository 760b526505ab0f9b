import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { type ScriptCommand, splitNode } from './script-commands.ts';

const RUNNERS =
  /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev|nest|pm2(-\w+)?|forever)$/;
const MANAGERS = /^(pm2|forever)/;
const LOADERS = /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc(?:-node)?\/register|esbuild-register|sucrase)(\/|$)/;
const NOT_A_START = /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/;
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
  const launch = { flags: [`node_modules/.bin/${name}`], file: null, args, isDevelopment: false, notes: [] };
  if (name === 'node') {
    const { flags, file, ...rest } = splitNode(argv);
    const isTool = ([flag = '', value = /=(.*)/.exec(flag)?.[1] ?? '']: string[]) => {
      const loader = LOADERS.exec(value)?.[1];
      return /^--(watch|inspect)/.test(flag) || (loader !== undefined && !installed.includes(loader));
    };
    const isEnvFile = ([flag = '']: string[]) => flag.startsWith('--env-file');
    if (!file || file === 'ace' || flags.some(([flag = '']) => NOT_A_START.test(flag))) return null;
    return {
      flags: flags.filter((each) => !isTool(each) && !isEnvFile(each)).flat(),
      file: posix.join(directory, file),
      ...rest,
      isDevelopment: env.NODE_ENV === 'development' || flags.some(isTool),
      notes: flags.filter(isEnvFile).map((each) => `${each.join(' ')} is left out: the image has no such file`),
    };
  }
  if (RUNNERS.test(name)) {
    const isKept = /^(tsx|ts-node)$/.test(name) && args[0] !== 'watch' && installed.includes(name);
    const register = name === 'tsx' ? ['--import', 'tsx'] : ['--require', 'ts-node/register'];
    const isDevelopment = !isKept && !MANAGERS.test(name);
    return { ...launch, ...findRun(project, name, args, directory), flags: isKept ? register : [], isDevelopment };
  }
  // The program of @remix-run/serve is remix-serve, and that of fastify-cli is fastify.
  const programOf = (each: string) => each.replace(/^@|-run(?=\/)|-cli$/g, '').replace('/', '-');
  const isProgram = installed.some((each) => each === name || programOf(each) === name);
  return isProgram && !TOOLS.test([name, ...args].join(' ')) ? launch : null;
}

/** What a tool around Node runs: the first of its words that is a source file, or leads to one. */
function findRun(project: Project, name: string, args: string[], directory: string) {
  const words = args.flatMap((word) => word.split(' '));
  const isFile = (word: string) => !word.startsWith('-') && findFile(project, posix.join(directory, word)) !== null;
  const file = words.find((word) => /\.([cm]?[jt]sx?|config\.json)$/.test(word) && isFile(word)) ?? words.find(isFile);
  const otherwise = posix.join(directory, file ?? (name === 'nest' ? 'src/main.ts' : '.'));
  if (!MANAGERS.test(name)) return { file: otherwise, args: file ? words.slice(words.indexOf(file) + 1) : [] };
  const config = project.read(posix.join(project.app, otherwise))?.slice(0, 20_000) ?? '';
  const script = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(config)?.[1];
  return { file: script ? posix.join(directory, script) : otherwise, args: [] };
}
