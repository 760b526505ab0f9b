import { posix } from 'node:path';
import { quote } from 'shell-quote';
import { usageError } from '../../lib/errors.ts';
import { type Build, findCompiledFile } from './build-command.ts';
import type { Framework } from './frameworks.ts';
import { readLaunch } from './read-launch.ts';
import type { Project } from './read-project.ts';
import { readLine, readScript, type ScriptCommand } from './script-commands.ts';

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

interface Candidate {
  commands: ScriptCommand[];
  source: string;
  /** Whether a development tool counts too: what it starts is translated to what is built of it. */
  isTranslated?: boolean;
}

interface App {
  project: Project;
  build: Build | null;
}

const PRODUCTION = 'start:prod start:production prod production start serve server start-server start:server'.split(
  ' ',
);
const FILES = 'server app index src/index src/server src/main src/app main'.split(' ');
const ENDS = ' .js .mjs .cjs .ts .mts .cts .tsx /index.js /index.mjs /index.cjs /index.ts'.split(' ');
const TYPESCRIPT = /\.[cm]?tsx?$/;
const NOTHING = { argv: [], entry: null, sourceEntry: null, env: {}, before: [], notes: [] };
/** Programs that migrate a database, and their packages. */
const MIGRATIONS = new Map(
  'prisma knex typeorm sequelize:sequelize-cli sequelize-cli drizzle-kit mikro-orm:@mikro-orm/cli node-pg-migrate db-migrate'
    .split(' ')
    .map((each): [string, string] => [each.replace(/:.*/, ''), each.replace(/.*:/, '')]),
);

/**
 * Finds what starts the app: production scripts, its framework, Procfile, its own Dockerfile, development tools translated
 * to what they start, `bin`, `main`, the usual files.
 *
 * @throws {ToolError} with the code `usage` when nothing says it.
 */
export function findStart(
  project: Project,
  build: Build | null,
  framework: Framework | null,
  given: { entry?: string; args?: string[] },
): Start {
  const { scripts, main, bin = {} } = project.manifest;
  const find = (candidates: Candidate[]) => {
    for (const candidate of candidates) {
      const start = readStart({ project, build }, candidate);
      if (start) return start;
    }
    return null;
  };
  const script = (name: string): Candidate => ({
    commands: readScript(project, name),
    source: `${name} in package.json`,
  });
  const translated = (name: string) => ({ ...script(name), isTranslated: true });
  const file = (path = '', source = `${path}, which exists`): Candidate => ({
    commands: path === '' ? [] : [{ argv: ['node', path], env: {}, directory: '' }],
    source,
    isTranslated: source !== '--entry',
  });
  const findAny = () => {
    const { entry } = given;
    if (entry) return find([file(entry, '--entry')]) ?? { ...NOTHING, argv: [entry], entry, source: '--entry' };
    const own = find(
      [...PRODUCTION, ...Object.keys(scripts).filter((name) => name.startsWith('serve:ssr'))].map(script),
    );
    if (framework?.command && !own?.entry) return preferFramework(project, framework.command, framework.source, own);
    const procfile = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
    return (
      own ??
      find([
        { commands: readLine(project, procfile), source: 'web in Procfile' },
        readDockerfile(project),
        translated('start'),
        file(typeof bin === 'string' ? bin : Object.values(bin)[0], 'bin in package.json'),
        file(main, 'main in package.json'),
        ...['dev', 'start:dev', 'develop', 'server'].map(translated),
        ...FILES.map((path) => file(path)),
      ])
    );
  };
  const start = findAny();
  if (start === null) {
    throw usageError(
      'Nothing says what starts the app: no production script, Procfile, CMD, bin or main leads to a file.',
      'Name the file that runs in production: --entry dist/index.js',
    );
  }
  const end = start.entry === null ? 1 : start.argv.indexOf(start.entry) + 1;
  return given.args ? { ...start, argv: [...start.argv.slice(0, end), ...given.args] } : start;
}

/** The command of a framework. What an own script adds stays: the arguments of the same bin, else the port. */
function preferFramework(project: Project, argv: string[], source: string, own: Start | null): Start {
  if (own && own.argv[0] === argv[0]) return own;
  const entry = argv[0]?.startsWith('node_modules/') ? null : (argv[0] ?? null);
  const port = /(?:^| )(?:-p|--port)[ =](\d+)/.exec(own?.argv.join(' ') ?? '')?.[1];
  const env = { ...own?.env, ...(port && { PORT: port }) };
  const sourceEntry = entry && findSource(project, entry);
  return { ...NOTHING, argv, entry, sourceEntry, env, before: own?.before ?? [], source };
}

/** The last command of a candidate that starts something, with the migrations before it. */
function readStart(app: App, { commands, source, isTranslated = false }: Candidate): Start | null {
  for (const [index, command] of [...commands.entries()].reverse()) {
    const launch = readLaunch(app.project, command);
    if (launch === null || (launch.isDevelopment && !isTranslated)) continue;
    const entry = launch.file === null ? null : findEntry(app, launch.file, isTranslated);
    if (launch.file !== null && entry === null) continue;
    const { words, notes } = expandDefaults([...launch.flags, ...(entry === null ? [] : [entry]), ...launch.args]);
    if (launch.isDevelopment && TYPESCRIPT.test(entry ?? ''))
      notes.push(`Node removes the types of ${entry} itself: enums, and imports without an extension, need a build`);
    const earlier = commands.slice(0, index).map((each) => readEarlier(app, each));
    const { NODE_ENV, ...env } = command.env;
    const argument = words.find((word) => app.project.has(posix.join(app.project.app, word))) ?? null;
    return {
      argv: words,
      entry,
      sourceEntry: entry === null ? argument : findSource(app.project, entry),
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => !value.includes('${'))),
      before: earlier.flatMap(({ argv }) => (argv ? [argv] : [])),
      source,
      notes: [...launch.notes, ...notes, ...earlier.flatMap(({ note }) => note ?? [])],
    };
  }
  return null;
}

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry({ project, build }: App, written: string, isTranslated: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build ? findCompiledFile(project, build, source) : null;
  if (compiled && (isTranslated || compiled === path)) return compiled;
  const runs =
    source && (build === null || TYPESCRIPT.test(source) === TYPESCRIPT.test(path)) && !source.endsWith('.tsx');
  // A package may have a node_modules in its source code, which is not read.
  if (runs || /(^|\/)node_modules\//.test(path)) return runs ? source : path;
  const name = path.replace(/\/$/, '');
  const output = build?.outputs.find((each) => name === each || name.startsWith(`${each}/`));
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

/** What to do with a command before the start: migrations run in the container, what builds has run in the image. */
function readEarlier(app: App, { argv, directory }: ScriptCommand): { argv?: string[]; note?: string } {
  const [program = '', ...args] = argv;
  const tool = MIGRATIONS.get(program);
  const note = `\`${argv.join(' ')}\` is left out of the start`;
  if (tool !== undefined && tool in app.project.manifest.dependencies)
    return { argv: [`node_modules/.bin/${program}`, ...args] };
  if (tool !== undefined)
    return { note: `${note}: ${tool} is no production dependency. Run it before, or make it one` };
  const file = program === 'node' && args[0] ? findEntry(app, posix.join(directory, args[0]), false) : null;
  if (file !== null) return { argv: [file, ...args.slice(1)] };
  return app.build === null && !/^(echo|node)$/.test(program) ? { note } : {};
}

/** `${PORT:=9000}`: no shell expands it in the image, so its default value is written, or it goes with its flag. */
function expandDefaults(words: string[]): { words: string[]; notes: string[] } {
  const notes: string[] = [];
  const expanded = words.flatMap((word, at): string[] => {
    const isFlagOf = /^-[^=]*$/.test(word) && /^\$\{\w+\}$/.test(words[at + 1] ?? '');
    const [variable, value] = /\$\{\w+(?::?[-=]([^}]*))?\}/.exec(word) ?? [];
    if (variable === undefined) return isFlagOf ? [] : [word];
    notes.push(`No shell expands ${variable} in the image: ${value ?? 'nothing'} is written in its place`);
    return value === undefined ? [] : [word.replace(variable, value)];
  });
  return { words: expanded, notes };
}

/** The command of the app's own Dockerfile: its last CMD, after ENTRYPOINT. */
export function readDockerfile(project: Project): Candidate {
  const text = project.read(posix.join(project.app, 'Dockerfile'))?.slice(0, 100_000) ?? '';
  const lines = text.replace(/\\\r?\n/g, ' ').split(/\r?\n/);
  const last = (keyword: string) => {
    const value = (lines.findLast((line) => line.startsWith(`${keyword} `)) ?? '').slice(keyword.length).trim();
    const words = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
    if (!value.startsWith('[')) return value;
    return words[1] === '-c' ? (words[2] ?? '') : quote(words);
  };
  const line = `${last('ENTRYPOINT').replace(/.*\.sh\b.*/, '')} ${last('CMD')}`;
  const directory = last('WORKDIR').replace(/\/?$/, '/');
  return { commands: readLine(project, line.replaceAll(` ${directory}`, ' ')), source: 'CMD in Dockerfile' };
}
