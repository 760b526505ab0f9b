import { posix } from 'node:path';
import { quote } from 'shell-quote';
import { MissingFact } from '../../project/missing-fact.ts';
import type { Project } from '../../project/read-project.ts';
import { readLine, readScript, type ScriptCommand, tidy } from '../../project/script-commands.ts';
import { TYPESCRIPT } from '../../project/tsconfig.ts';
import { type Build, findCompiledFile } from './build-command.ts';
import type { Framework } from './frameworks.ts';
import { findFile, readLaunch } from './read-launch.ts';

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

const PRODUCTION = 'start:prod start:production prod production start serve server start-server start:server';
const NOTHING = { env: {}, before: [], notes: [] };
const FILES = 'server app index src/index src/server src/main src/app main';

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
  const start = entry
    ? { ...NOTHING, argv: [entry], entry, sourceEntry: findSource(project, entry), source: '--entry' }
    : chooseStart(project, build, framework);
  if (start === null) {
    throw new MissingFact('entry', 'No script, Procfile, CMD, bin or main leads to a file that starts the app.', {
      hint: 'Name the file that runs in production: --entry dist/index.js',
    });
  }
  const end = start.entry === null ? 1 : start.argv.indexOf(start.entry) + 1;
  return args ? { ...start, argv: [...start.argv.slice(0, end), ...args] } : start;
}

function chooseStart(project: Project, build: Build | null, framework: Framework | null): Start | null {
  const { main = '', bin = {} } = project.manifest;
  const find = (candidates: Candidate[]) =>
    candidates.reduce<Start | null>((found, each) => found ?? readStart(project, build, each), null);
  const script = (name: string, isTranslated = false) => {
    return { commands: readScript(project, name), source: `${name} in package.json`, isTranslated };
  };
  const file = (path: string, source: string) => {
    const command = { argv: ['node', path], env: {}, directory: '' };
    return { commands: path === '' ? [] : [command], source, isTranslated: true };
  };
  const own = find(PRODUCTION.split(' ').map((name) => script(name)));
  // The image that it had may have migrated its database first: npm run migrate && npm start.
  const inImage = find([{ commands: readDockerfile(project), source: '' }]);
  if (own?.before.length === 0 && quote(own.argv) === quote(inImage?.argv ?? [])) own.before = inImage?.before ?? [];
  if (framework?.command && !own?.entry) {
    const [first = ''] = framework.command;
    if (own?.argv[0] === first) return own;
    const entry = first.startsWith('node_modules/') ? null : first;
    const start = { ...(own ?? NOTHING), argv: framework.command, entry, source: framework.source };
    return { ...start, sourceEntry: entry && findSource(project, entry) };
  }
  const web = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const others = [
    { commands: readLine(project, web), source: 'web in Procfile' },
    { commands: readDockerfile(project), source: 'CMD in Dockerfile' },
    script('start', true),
    file(typeof bin === 'string' ? bin : (Object.values(bin)[0] ?? ''), 'bin in package.json'),
    file(main, 'main in package.json'),
    ...['dev', 'start:dev', 'develop', 'server'].map((name) => script(name, true)),
    ...FILES.split(' ').map((path) => file(path, `${path}, which exists`)),
  ];
  return own ?? find(others);
}

const noteLeftOut = ({ argv }: ScriptCommand) =>
  `\`${argv.join(' ')}\` is left out of the start: ${argv[0]} is not a production dependency`;

/** The last command of a candidate that starts something, with what starts before it: migrations. */
function readStart(project: Project, build: Build | null, candidate: Candidate): Start | null {
  const { commands, source, isTranslated = false } = candidate;
  const launches = commands.map((command) => {
    const launch = readLaunch(project, command);
    if (launch === null || (launch.isDevelopment && !isTranslated)) return null;
    const entry = launch.file === null ? null : findEntry(project, build, launch.file, isTranslated);
    if (launch.file !== null && entry === null) return null;
    const argv = expandDefaults([...launch.flags, ...(entry === null ? [] : [entry]), ...launch.args]);
    const isBefore = entry === null || command.argv[0] === 'node';
    return { argv, entry, notes: launch.notes, env: command.env, isBefore };
  });
  const last = launches.findLastIndex((launch) => launch !== null);
  const launch = launches[last];
  if (!launch) return null;
  const { argv, entry } = launch;
  const { NODE_ENV, ...env } = launch.env;
  const argument = argv.find((word) => project.has(posix.join(project.app, word))) ?? null;
  const leftOut = commands.slice(0, last).filter(({ argv: [word] }, index) => !launches[index] && word !== 'echo');
  return {
    argv,
    entry,
    sourceEntry: entry === null ? argument : findSource(project, entry),
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => !value.includes('${'))),
    before: launches.slice(0, last).flatMap((each) => (each?.isBefore ? [each.argv] : [])),
    source,
    notes: [...launch.notes, ...leftOut.map(noteLeftOut)],
  };
}

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry(project: Project, build: Build | null, written: string, isTranslated: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build ? findCompiledFile(project, build, source) : null;
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

/** The source file of a built one: the same path in another directory. */
function findSource(project: Project, entry: string): string | null {
  const parts = entry.replace(/\.[cm]?js$/, '').split('/');
  const ends = parts.map((_, at) => parts.slice(at).join('/'));
  const stems = [entry, ...ends.flatMap((end) => [`src/${end}`, end, `source/${end}`, `server/${end}`])];
  return stems.map((stem) => findFile(project, stem)).find((file) => file !== null) ?? null;
}

/** `${PORT:=9000}`: no shell expands it in the image, so its default value is written, or it goes with its flag. */
function expandDefaults(words: string[]): string[] {
  return words.flatMap((word, at) => {
    if (/^-[^=]*$/.test(word) && /^\$\{\w+\}$/.test(words[at + 1] ?? '')) return [];
    const [variable = '', value] = /\$\{\w+(?::?[-=]([^}]*))?\}/.exec(word) ?? [];
    return variable !== '' && value === undefined ? [] : word.replace(variable, value ?? '');
  });
}

/** The command of the app's own Dockerfile: its last CMD, after ENTRYPOINT. */
export function readDockerfile(project: Project): ScriptCommand[] {
  const text =
    project
      .read(posix.join(project.app, 'Dockerfile'))
      ?.slice(0, 100_000)
      .replace(/\\\r?\n/g, ' ') ?? '';
  const last = (keyword: string) => {
    const value = [...text.matchAll(new RegExp(`^${keyword} (.*)`, 'gm'))].at(-1)?.[1]?.trim() ?? '';
    const words = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
    if (!value.startsWith('[')) return value;
    return words[1] === '-c' ? (words[2] ?? '') : quote(words);
  };
  const directory = `${last('WORKDIR').replace(/\/$/, '')}/`;
  const line = `${last('ENTRYPOINT').replace(/.*\.sh\b.*/, '')} ${last('CMD')}`;
  return readLine(project, line.replaceAll(` ${directory}`, ' '));
}
