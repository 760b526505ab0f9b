import { posix } from 'node:path';
import { quote } from 'shell-quote';
import { findFile, readLaunch } from '../../project/launch.ts';
import type { Project } from '../../project/read-project.ts';
import { readImageCommand, readLine, type ScriptCommand, tidy } from '../../project/script-commands.ts';
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

/** Where a command is written, and the command. */
type Candidate = [source: string, line: string];

const PRODUCTION = 'start:prod start:production prod production start serve server start-server start:server';
const FILES = 'server app index src/index src/server src/main src/app main';
const scripts = (names: string) =>
  names.split(' ').map((name): Candidate => [`${name} in package.json`, `npm run ${name}`]);
const file = (path: string, source: string): Candidate => [source, `node ${quote([path])}`];

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

function startOf(project: Project, argv: string[], entry: string | null, source: string): Start {
  return { argv, entry, sourceEntry: entry && findSource(project, entry), env: {}, before: [], source, notes: [] };
}

function chooseStart(project: Project, build: Build | null, framework: Framework | null): Start | null {
  const { main, bin } = project.manifest;
  const find = (candidates: Candidate[], isTranslated = false) =>
    candidates.reduce<Start | null>((found, each) => found ?? readStart(project, build, each, isTranslated), null);
  const own = find(scripts(PRODUCTION));
  const image: Candidate = ['CMD in Dockerfile', readImageCommand(project)];
  // The image that it had may have migrated its database first: npm run migrate && npm start.
  const inImage = find([image]);
  if (own?.before.length === 0 && String(own.argv) === String(inImage?.argv)) own.before = inImage?.before ?? [];
  if (framework?.command && !own?.entry) {
    const [first = ''] = framework.command;
    if (own?.argv[0] === first) return own;
    const entry = first.startsWith('node_modules/') ? null : first;
    const { argv, sourceEntry } = startOf(project, framework.command, entry, '');
    return { env: {}, before: [], notes: [], ...own, argv, entry, sourceEntry, source: framework.source };
  }
  const web = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const [program = ''] = typeof bin === 'string' ? [bin] : Object.values(bin ?? {});
  const others = [
    ...scripts('start'),
    ...(program ? [file(program, 'bin in package.json')] : []),
    ...(main ? [file(main, 'main in package.json')] : []),
    ...scripts('dev start:dev develop server'),
    ...FILES.split(' ').map((path) => file(path, `${path}, which exists`)),
  ];
  return own ?? find([['web in Procfile', web], image]) ?? find(others, true);
}

/** The last command of a candidate that starts something, with what starts before it: migrations. */
function readStart(project: Project, build: Build | null, [source, line]: Candidate, isTranslated: boolean) {
  const commands = readLine(project, line).map((command) => {
    const launch = readLaunch(project, command);
    if (launch === null || (launch.isDevelopment && !isTranslated)) return { command };
    const entry = launch.file === null ? null : findEntry(project, build, launch.file, isTranslated);
    if (launch.file !== null && entry === null) return { command };
    const argv = withoutVariables([...launch.flags, ...(entry === null ? [] : [entry]), ...launch.args]);
    return { command, start: { ...startOf(project, argv, entry, source), notes: launch.notes } };
  });
  const last = commands.findLastIndex(({ start }) => start);
  const { command, start }: { command?: ScriptCommand; start?: Start } = commands[last] ?? {};
  if (!command || !start) return null;
  const env = Object.entries(command.env).filter(([name, value]) => name !== 'NODE_ENV' && !value.includes('${'));
  start.env = Object.fromEntries(env);
  start.sourceEntry ??= start.argv.find((word) => project.has(posix.join(project.app, word))) ?? null;
  for (const {
    command: { argv },
    start: earlier,
  } of commands.slice(0, last)) {
    if (earlier && (earlier.entry === null || argv[0] === 'node')) start.before.push(earlier.argv);
    if (!earlier)
      start.notes.push(`\`${argv.join(' ')}\` is left out of the start: ${argv[0]} is not a production dependency`);
  }
  return start;
}

/** Without variables of the environment, each with its flag: no shell expands them in the image. */
const withoutVariables = (words: string[]) =>
  words.filter((word, at) => !`${word}${/^-[^=]*$/.test(word) ? words[at + 1] : ''}`.includes('${'));

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry(project: Project, build: Build | null, written: string, isTranslated: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build?.compile(source);
  if (compiled && (isTranslated || compiled === path)) return compiled;
  const isSame = source !== null && TYPESCRIPT.test(source) === TYPESCRIPT.test(path);
  if (source && (build === null || isSame) && !source.endsWith('.tsx')) return source;
  const name = tidy(path);
  const output = build?.outputs.find((each) => `${name}/`.startsWith(`${each}/`));
  // A package may have a node_modules in its source code, which is not read.
  if (/(^|\/)node_modules\//.test(path) || (output && /\.[cm]?js$/.test(path))) return path;
  if (!output) return null;
  return path.endsWith('/') || name === output ? `${name}/index.js` : `${name}.js`;
}

/** The source file of a built one: the same path in another directory. */
function findSource(project: Project, entry: string): string | null {
  const parts = entry.replace(/\.[cm]?js$/, '').split('/');
  const ends = parts.map((_, at) => parts.slice(at).join('/'));
  const stems = [entry, ...ends.flatMap((end) => [`src/${end}`, end, `source/${end}`, `server/${end}`])];
  return stems.map((stem) => findFile(project, stem)).find((found) => found !== null) ?? null;
}
