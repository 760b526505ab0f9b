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
}

const PRODUCTION = [
  'start:prod',
  'start:production',
  'prod',
  'production',
  'start',
  'serve',
  'server',
  'start-server',
  'start:server',
];
const FILES = ['server', 'app', 'index', 'src/index', 'src/server', 'src/main', 'src/app', 'main'];
const EMPTY = { argv: [], entry: null, sourceEntry: null, env: {}, before: [], notes: [] };
const MIGRATIONS = /^(prisma|knex|typeorm|sequelize(-cli)?|drizzle-kit|mikro-orm|node-pg-migrate|db-migrate)$/;
const MIGRATION_PACKAGES: Record<string, string> = { sequelize: 'sequelize-cli', 'mikro-orm': '@mikro-orm/cli' };

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
  const script = (name: string) => ({ commands: readScript(project, name), source: `${name} in package.json` });
  const file = (path: string | undefined, source: string) => ({
    commands: path ? [{ argv: ['node', path], env: {}, directory: '' }] : [],
    source,
  });
  const find = (candidates: Candidate[], isDevelopment = false) => {
    for (const candidate of candidates) {
      const start = readStart(project, build, candidate, isDevelopment);
      if (start) return start;
    }
    return null;
  };
  const procfile = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const own = find([...PRODUCTION, ...Object.keys(scripts).filter((name) => name.startsWith('serve:ssr'))].map(script));
  const named = given.entry ? { ...EMPTY, argv: [given.entry], entry: given.entry, source: '--entry' } : null;
  const start =
    (given.entry ? find([file(given.entry, '--entry')]) : null) ??
    named ??
    (framework?.command && !own?.entry ? ofFramework(project, framework, framework.command, own) : own) ??
    find([{ commands: readLine(project, procfile), source: 'web in Procfile' }, readDockerfile(project)]) ??
    find([script('start')], true) ??
    find(
      [
        file(typeof bin === 'string' ? bin : Object.values(bin)[0], 'bin in package.json'),
        file(main, 'main in package.json'),
      ],
      true,
    ) ??
    find(['dev', 'start:dev', 'develop', 'server'].map(script), true) ??
    find(
      FILES.map((path) => file(path, `${path}, which exists`)),
      true,
    );
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
function ofFramework(project: Project, { source }: Framework, command: string[], own: Start | null): Start {
  if (own && own.argv[0] === command[0]) return own;
  const [first = ''] = command;
  const entry = first.startsWith('node_modules/') ? null : first;
  const port = /(?:^| )(?:-p|--port)[ =](\d+)/.exec(own?.argv.join(' ') ?? '')?.[1];
  const env = { ...own?.env, ...(port === undefined ? {} : { PORT: port }) };
  return {
    ...EMPTY,
    argv: command,
    entry,
    sourceEntry: entry && findSource(project, entry),
    env,
    before: own?.before ?? [],
    source,
  };
}

/** The last command of a candidate that starts something, with the migrations before it. */
function readStart(
  project: Project,
  build: Build | null,
  { commands, source }: Candidate,
  isDevelopment: boolean,
): Start | null {
  for (const [index, command] of [...commands.entries()].reverse()) {
    const launch = readLaunch(project, command);
    if (launch === null || (launch.isDevelopment && !isDevelopment)) continue;
    const entry = launch.file === null ? null : findEntry(project, build, launch.file, isDevelopment);
    if (launch.file !== null && entry === null) continue;
    const { words, notes } = expandDefaults([...launch.flags, ...(entry === null ? [] : [entry]), ...launch.args]);
    const bin = words.find((word) => project.has(posix.join(project.app, word))) ?? null;
    const earlier = commands.slice(0, index).map((each) => readEarlier(project, build, each));
    const { NODE_ENV, ...env } = command.env;
    const isTypeScript =
      launch.isDevelopment && /\.[cm]?tsx?$/.test(entry ?? '')
        ? [`Node removes the types of ${entry} itself: enums, and imports without an extension, need a build`]
        : [];
    return {
      argv: words,
      entry,
      sourceEntry: entry === null ? bin : findSource(project, entry),
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => !value.includes('${'))),
      before: earlier.flatMap(({ argv }) => (argv ? [argv] : [])),
      source,
      notes: [...launch.notes, ...isTypeScript, ...notes, ...earlier.flatMap(({ note }) => note ?? [])],
    };
  }
  return null;
}

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry(project: Project, build: Build | null, written: string, isDevelopment: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build ? findCompiledFile(project, build, source) : null;
  if (source && compiled && (isDevelopment || compiled === path)) return compiled;
  if (source && (/\.[cm]?tsx?$/.test(source) === /\.[cm]?tsx?$/.test(path) || build === null) && !/\.tsx$/.test(source))
    return source;
  if (/(^|\/)node_modules\//.test(path)) return path;
  const name = path.replace(/\/$/, '');
  const output = build?.outputs.find((each) => name === each || name.startsWith(`${each}/`));
  if (output === undefined || /\.[cm]?js$/.test(path)) return output === undefined ? null : path;
  return path.endsWith('/') || name === output ? `${name}/index.js` : `${name}.js`;
}

const ENDS = [
  '',
  '.js',
  '.mjs',
  '.cjs',
  '.ts',
  '.mts',
  '.cts',
  '.tsx',
  '/index.js',
  '/index.mjs',
  '/index.cjs',
  '/index.ts',
];

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
function readEarlier(
  project: Project,
  build: Build | null,
  { argv, directory }: ScriptCommand,
): { argv?: string[]; note?: string } {
  const [program = '', ...args] = argv;
  const name = MIGRATION_PACKAGES[program] ?? program;
  const line = `\`${argv.join(' ')}\` is left out of the start`;
  if (MIGRATIONS.test(program)) {
    if (name in project.manifest.dependencies) return { argv: [`node_modules/.bin/${program}`, ...args] };
    return {
      note: `${line}, because ${name} is no production dependency: run it before, or move ${name} to dependencies`,
    };
  }
  const file = program === 'node' && args[0] ? findEntry(project, build, posix.join(directory, args[0]), false) : null;
  if (file !== null) return { argv: [file, ...args.slice(1)] };
  return build === null && !/^(echo|node)$/.test(program) ? { note: line } : {};
}

/** `${PORT:=9000}`: no shell expands it in the image, so its default value is written, or it goes with its flag. */
function expandDefaults(words: string[]): { words: string[]; notes: string[] } {
  const notes: string[] = [];
  const expanded = words.flatMap((word, at): string[] => {
    const isFlagOf = /^-[^=]*$/.test(word) && /^\$\{\w+\}$/.test(words[at + 1] ?? '');
    const [variable, value] = /\$\{\w+(?::?[-=]([^}]*))?\}/.exec(word) ?? [];
    if (variable === undefined) return isFlagOf ? [] : [word];
    notes.push(
      `${variable} needs a shell, and none starts in the image: ${value ?? 'nothing'} is written in its place`,
    );
    return value === undefined ? [] : [word.replace(variable, value)];
  });
  return { words: expanded, notes };
}

/** The command of the app's own Dockerfile: its last CMD, after ENTRYPOINT. */
export function readDockerfile(project: Project): Candidate {
  const text = (project.read(posix.join(project.app, 'Dockerfile')) ?? '').slice(0, 100_000).replace(/\\\r?\n/g, ' ');
  const last = (keyword: string) => {
    const value =
      text
        .split(/\r?\n/)
        .findLast((line) => line.startsWith(`${keyword} `))
        ?.slice(keyword.length)
        .trim() ?? '';
    const words = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
    if (!value.startsWith('[')) return value;
    return words[1] === '-c' ? (words[2] ?? '') : quote(words);
  };
  const entrypoint = last('ENTRYPOINT');
  const line = `${/\.sh\b/.test(entrypoint) ? '' : entrypoint} ${last('CMD')}`;
  const directory = last('WORKDIR').replace(/\/?$/, '/');
  return { commands: readLine(project, line.replaceAll(` ${directory}`, ' ')), source: 'CMD in Dockerfile' };
}
