import { posix } from 'node:path';
import { findCompiledFile } from '../../project/build-tools.ts';
import type { Project } from '../../project/read-project.ts';
import {
  readImageCommand,
  readLine,
  readScript,
  type ScriptCommand,
  splitNode,
  tidy,
} from '../../project/script-commands.ts';
import { TYPESCRIPT } from '../../project/tsconfig.ts';
import type { Build } from './build-command.ts';
import type { Framework } from './frameworks.ts';
import { MissingFact } from './missing-fact.ts';

/** How an app is started in production. */
export interface Start {
  /** What follows `node`: flags, the entry point, arguments; or `node_modules/.bin/next` and its arguments. */
  argv: string[];
  /** The entry point, relative to the app; null for a package's bin. */
  entry: string | null;
  /** The source file that the entry point is made of, or the entry point itself; null when unknown. */
  sourceEntry: string | null;
  /** Variables set in front of the command, without NODE_ENV. */
  env: Record<string, string>;
  /** What runs before in the container, each as `argv`: migrations. */
  before: string[][];
  source: string;
  notes: string[];
}

/** Commands that may start the app, and where they are written. */
type Candidate = [source: string, commands: ScriptCommand[]];

const PRODUCTION = 'start:prod start:production prod production start serve server start-server start:server'.split(
  ' ',
);
const FILES = 'server app index src/index src/server src/main src/app main'.split(' ');
const RUNNERS =
  /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev|nest|pm2(-\w+)?|forever)$/;
const LOADERS = /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc(?:-node)?\/register|esbuild-register|sucrase)(\/|$)/;
const NOT_A_START = /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/;
/** Bins that develop, build or check. */
const TOOLS =
  /^(vite|webpack\S*|react-scripts|ng|\S+-cli(-service)?|gatsby|nx|turbo|electron|expo|parcel|tsc|sass|rollup|esbuild|tsup|patch-package|rimraf|copyfiles|nps)( |$)|^\S+ (dev|develop|build|preview|watch|generate)( |$)/;
const ENDS = ' .js .mjs .cjs .ts .mts .cts .tsx /index.js /index.mjs /index.cjs /index.ts'.split(' ');

/**
 * Finds what starts the app: production scripts, its framework, Procfile, its own Dockerfile, development tools translated
 * to what they start, `bin`, `main`, the usual files.
 *
 * @throws {MissingFact} when nothing says it.
 */
export function findStart(
  project: Project,
  build: Build | null,
  framework: Framework | null,
  { entry, args }: { entry?: string; args?: string[] },
): Start {
  const start = entry ? startOf(project, [entry], entry, '--entry') : chooseStart(project, build, framework);
  if (start === null) {
    throw new MissingFact('entry', 'No script, Procfile, CMD, bin or main leads to a file that starts the app.', {
      hint: 'Name the file that runs in production: --entry dist/index.js',
    });
  }
  const end = start.entry === null ? 1 : start.argv.indexOf(start.entry) + 1;
  return args ? { ...start, argv: [...start.argv.slice(0, end), ...args] } : start;
}

const startOf = (project: Project, argv: string[], entry: string | null, source: string): Start => ({
  argv,
  entry,
  sourceEntry: entry && findSource(project, entry),
  env: {},
  before: [],
  source,
  notes: [],
});

function chooseStart(project: Project, build: Build | null, framework: Framework | null): Start | null {
  const { main = '', bin = '' } = project.manifest;
  const find = (candidates: Candidate[], isTranslated: boolean) =>
    candidates.reduce<Start | null>((found, each) => found ?? readStart(project, build, each, isTranslated), null);
  const script = (name: string): Candidate => [`${name} in package.json`, readScript(project, name)];
  const file = (path: string, source: string): Candidate => [
    source,
    path === '' ? [] : [{ argv: ['node', path], env: {}, directory: '' }],
  ];
  const own = find(PRODUCTION.map(script), false);
  const image: Candidate = ['CMD in Dockerfile', readImageCommand(project)];
  // The image that it had may have migrated its database first: npm run migrate && npm start.
  const inImage = find([image], false);
  if (own?.before.length === 0 && String(own.argv) === String(inImage?.argv)) own.before = inImage?.before ?? [];
  if (framework?.command && !own?.entry) {
    const [first = ''] = framework.command;
    if (own?.argv[0] === first) return own;
    const start = startOf(
      project,
      framework.command,
      first.startsWith('node_modules/') ? null : first,
      framework.source,
    );
    return own ? { ...start, env: own.env, before: own.before, notes: own.notes } : start;
  }
  const web = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const others = [
    script('start'),
    file(typeof bin === 'string' ? bin : (Object.values(bin)[0] ?? ''), 'bin in package.json'),
    file(main, 'main in package.json'),
    ...['dev', 'start:dev', 'develop', 'server'].map(script),
    ...FILES.map((path) => file(path, `${path}, which exists`)),
  ];
  return own ?? find([['web in Procfile', readLine(project, web)], image], false) ?? find(others, true);
}

/** The last command of a candidate that starts something, with what starts before it: migrations. */
function readStart(project: Project, build: Build | null, [source, commands]: Candidate, isTranslated: boolean) {
  const launches = commands.map((command) => {
    const launch = readLaunch(project, command);
    if (launch === null || (launch.isDevelopment && !isTranslated)) return null;
    const entry = launch.file === null ? null : findEntry(project, build, launch.file, isTranslated);
    if (launch.file !== null && entry === null) return null;
    const argv = withoutVariables([...launch.flags, ...(entry === null ? [] : [entry]), ...launch.args]);
    return { ...launch, argv, entry, isBefore: entry === null || command.argv[0] === 'node' };
  });
  const last = launches.findLastIndex((launch) => launch !== null);
  const launch = launches[last];
  if (!launch) return null;
  const { argv, entry } = launch;
  const { NODE_ENV, ...env } = commands[last]?.env ?? {};
  const start = startOf(project, argv, entry, source);
  const isLeftOut = (_: unknown, index: number) => index < last && launches[index] === null;
  const notes = commands.filter(isLeftOut).map(({ argv: words }) => {
    return `\`${words.join(' ')}\` is left out of the start: ${words[0]} is not a production dependency`;
  });
  return {
    ...start,
    sourceEntry: start.sourceEntry ?? argv.find((word) => project.has(posix.join(project.app, word))) ?? null,
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => !value.includes('${'))),
    before: launches.slice(0, last).flatMap((each) => (each?.isBefore ? [each.argv] : [])),
    notes: [...launch.notes, ...notes],
  };
}

/** Without variables of the environment, each with its flag: no shell expands them in the image. */
function withoutVariables(words: string[]): string[] {
  const isVariable = (word = '') => word.includes('${');
  return words.filter((word, at) => !isVariable(word) && !(/^-[^=]*$/.test(word) && isVariable(words[at + 1])));
}

/**
 * Reads a command as the start of an app; null when it starts none. `flags` are those of Node, or the bin of a package when
 * there is no `file`. What `isDevelopment` has to be built, or Node runs it as it is.
 */
function readLaunch(project: Project, command: ScriptCommand) {
  const [program = '', ...args] = command.argv;
  const name = posix.basename(program);
  const { dependencies, optionalDependencies } = project.manifest;
  const installed = Object.keys({ ...dependencies, ...optionalDependencies });
  if (name === 'node') return readNode(command, installed);
  if (RUNNERS.test(name)) return readRunner(project, command, name, installed.includes(name));
  // The program of @remix-run/serve is remix-serve, and that of fastify-cli is fastify.
  const programOf = (each: string) => each.replace(/^@|-run(?=\/)|-cli$/g, '').replace('/', '-');
  const isProgram = installed.some((each) => each === name || programOf(each) === name);
  if (!isProgram || TOOLS.test([name, ...args].join(' '))) return null;
  return { flags: [`node_modules/.bin/${name}`], file: null, args, isDevelopment: false, notes: [] };
}

/** A tool around Node: it runs the first of its words that is a source file, or leads to one. */
function readRunner(project: Project, { argv, directory }: ScriptCommand, name: string, isInstalled: boolean) {
  const words = argv.slice(1).flatMap((word) => word.split(' '));
  const isFile = (word: string) => !word.startsWith('-') && findFile(project, posix.join(directory, word)) !== null;
  const file = words.find((word) => /\.([cm]?[jt]sx?|config\.json)$/.test(word) && isFile(word)) ?? words.find(isFile);
  const isManager = /^(pm2|forever)/.test(name);
  const config = isManager && file ? (project.read(posix.join(project.app, directory, file)) ?? '') : '';
  const [, script] = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(config.slice(0, 20_000)) ?? [];
  const isKept = /^(tsx|ts-node)$/.test(name) && words[0] !== 'watch' && isInstalled;
  const register = name === 'tsx' ? ['--import', 'tsx'] : ['--require', 'ts-node/register'];
  return {
    flags: isKept ? register : [],
    file: posix.join(directory, script ?? file ?? (name === 'nest' ? 'src/main.ts' : '.')),
    args: file && !isManager ? words.slice(words.indexOf(file) + 1) : [],
    isDevelopment: !isKept && !isManager,
    notes: [isKept ? `${name} compiles at each start: a build starts faster` : `${name} is left out of the start`],
  };
}

function readNode({ argv, directory, env }: ScriptCommand, installed: string[]) {
  const { flags, file, args } = splitNode(argv);
  const isTool = ([flag = '', value = /=(.*)/.exec(flag)?.[1] ?? '']: string[]) => {
    const [, loader] = LOADERS.exec(value) ?? [];
    return /^--(watch|inspect)/.test(flag) || (loader !== undefined && !installed.includes(loader));
  };
  if (!file || file === 'ace' || flags.some(([flag = '']) => NOT_A_START.test(flag))) return null;
  const isFile = ([flag = '']: string[]) => flag.startsWith('--env-file');
  return {
    flags: flags.filter((each) => !isTool(each) && !isFile(each)).flat(),
    file: posix.join(directory, file),
    args,
    isDevelopment: env.NODE_ENV === 'development' || flags.some(isTool),
    notes: flags.filter(isFile).map((each) => `${each.join(' ')} is left out: the image has no such file`),
  };
}

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry(project: Project, build: Build | null, written: string, isTranslated: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build ? findCompiledFile(build.tools, source) : null;
  if (compiled && (isTranslated || compiled === path)) return compiled;
  const isSame = source !== null && TYPESCRIPT.test(source) === TYPESCRIPT.test(path);
  if (source && (build === null || isSame) && !source.endsWith('.tsx')) return source;
  // A package may have a node_modules in its source code, which is not read.
  if (/(^|\/)node_modules\//.test(path)) return path;
  const name = tidy(path);
  const output = build?.outputs.find((each) => `${name}/`.startsWith(`${each}/`));
  if (output === undefined || /\.[cm]?js$/.test(path)) return output === undefined ? null : path;
  return path.endsWith('/') || name === output ? `${name}/index.js` : `${name}.js`;
}

/** A file as Node finds it, or TypeScript with that name, relative to the app. */
function findFile(project: Project, path: string): string | null {
  const paths = ENDS.flatMap((end) => [path.replace(/\/$/, '') + end, path.replace(/\.js$/, '') + end]);
  return paths.find((each) => !each.startsWith('..') && project.has(posix.join(project.app, each))) ?? null;
}

/** The source file of a built one: the same path in another directory. */
function findSource(project: Project, entry: string): string | null {
  const parts = entry.replace(/\.[cm]?js$/, '').split('/');
  const ends = parts.map((_, at) => parts.slice(at).join('/'));
  const stems = [entry, ...ends.flatMap((end) => [`src/${end}`, end, `source/${end}`, `server/${end}`])];
  return stems.map((stem) => findFile(project, stem)).find((file) => file !== null) ?? null;
}
