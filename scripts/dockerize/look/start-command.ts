import { posix } from 'node:path';
import { quote } from 'shell-quote';
import { readImageCommand } from '../../project/docker-files.ts';
import type { Framework } from '../../project/frameworks.ts';
import { findFile, readLaunch } from '../../project/launch.ts';
import { MissingFact } from '../../project/missing-fact.ts';
import type { Project } from '../../project/read-project.ts';
import { readLine, tidy } from '../../project/script-commands.ts';
import { TYPESCRIPT } from '../../project/tsconfig.ts';
import type { Build } from './build-command.ts';

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

type Given = { entry?: string; args?: string[] };
type Candidate = [source: string, line: string];
const PRODUCTION = 'start:prod start:production prod production start serve server start-server start:server';
const FILES = 'server app index src/index src/server src/main src/app main';
const scripts = (names: string) =>
  names.split(' ').map((name): Candidate => [`${name} in package.json`, `npm run ${name}`]);
const node = (path: string, source: string): Candidate => [source, `node ${quote([path])}`];
const UNKNOWN = 'No script, Procfile, CMD, bin or main names a file that starts the app.';
const CLIENT = 'The build creates files for a browser, and no script starts a server.';
const HINT =
  'To serve static files, use the image of a web server. For a Node server, name the file to run: --entry dist/index.js';

/**
 * Finds what starts the app: production scripts, Procfile, its own Dockerfile, its framework, development tools translated to
 * what they start, `bin`, `main`, the usual files. @throws {MissingFact} when nothing says it.
 */
export function findStart(project: Project, build: Build | null, framework: Framework | null, given: Given): Start {
  const { entry, args } = given;
  const start = entry ? startOf(project, [entry], entry, '--entry') : chooseStart(project, build, framework);
  if (start === null)
    throw new MissingFact('entry', build?.tools.some(({ isBundler }) => isBundler) ? CLIENT : UNKNOWN, { hint: HINT });
  const end = Math.max(start.argv.indexOf(start.entry ?? ''), 0) + 1;
  return args ? { ...start, argv: [...start.argv.slice(0, end), ...args] } : start;
}

function startOf(project: Project, argv: string[], entry: string | null, source: string): Start {
  const file = entry ?? argv.find((word) => project.has(posix.join(project.app, word)));
  return { argv, entry, sourceEntry: file ? findSource(project, file) : null, env: {}, before: [], source, notes: [] };
}

function chooseStart(project: Project, build: Build | null, framework: Framework | null): Start | null {
  const { main = '', bin = '' } = project.manifest;
  const find = (candidates: Candidate[], isTranslated: boolean) =>
    candidates.reduce<Start | null>((found, each) => found ?? readStart(project, build, each, isTranslated), null);
  const image: Candidate = ['CMD in Dockerfile', readImageCommand(project)];
  const web = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const own = find([...scripts(PRODUCTION), ['web in Procfile', web], image], false);
  // The image that it had may have migrated its database first: npm run migrate && npm start.
  const inImage = find([image], false);
  if (own?.before.length === 0 && String(own.argv) === String(inImage?.argv)) own.before = inImage?.before ?? [];
  if (framework?.command && !own?.entry) {
    const [first = ''] = framework.command;
    const entry = first.startsWith('node_modules/') ? null : first;
    const start = startOf(project, framework.command, entry, framework.source);
    return own?.argv[0] === first ? own : { ...start, env: own?.env ?? {}, before: own?.before ?? [] };
  }
  const others = [
    ...scripts('start'),
    node(Object.values(typeof bin === 'string' ? [bin] : bin)[0] ?? '', 'bin in package.json'),
    node(main, 'main in package.json'),
    ...scripts('dev start:dev develop server'),
    ...(build?.tools.some(({ isBundler }) => isBundler)
      ? []
      : FILES.split(' ').map((path) => node(path, `${path}, which exists`))),
  ];
  return own ?? find(others, true);
}

/** The last command of a line that starts something, with what starts before it: migrations. */
function readStart(project: Project, build: Build | null, [source, line]: Candidate, isTranslated: boolean) {
  let start: Start | null = null;
  const [before, leftOut]: [string[][], string[]] = [[], []];
  for (const command of readLine(project, line)) {
    const [{ argv, env }, launch] = [command, readLaunch(project, command)];
    const entry = launch?.file ? findEntry(project, build, launch.file, isTranslated) : null;
    if (!launch || (launch.isDevelopment && !isTranslated) || (launch.file && !entry)) {
      if (argv[0] !== 'echo')
        leftOut.push(`\`${argv.join(' ')}\` is not run at the start: ${argv[0]} is not a production dependency`);
      continue;
    }
    const words = [...launch.flags, ...(entry ? [entry] : []), ...launch.args];
    // Without variables of the environment, each with its flag: no shell expands them in the image.
    const known = words.filter((word, at) => !`${word}${/^-[^=]*$/.test(word) ? words[at + 1] : ''}`.includes('${'));
    const kept = Object.entries(env).filter(([name, value]) => name !== 'NODE_ENV' && !value.includes('${'));
    const more = { env: Object.fromEntries(kept), before: [...before], notes: [...launch.notes, ...leftOut] };
    start = { ...startOf(project, known, entry, source), ...more };
    if (entry === null || argv[0] === 'node') before.push(known);
  }
  return start;
}

/** The file that runs in the image: the one that is written, or what the build makes of it; null when there is none. */
function findEntry(project: Project, build: Build | null, written: string, isTranslated: boolean): string | null {
  const path = posix.normalize(written === '.' ? (project.manifest.main ?? 'index.js') : written);
  const source = findFile(project, path);
  const compiled = source && build?.tools.map((tool) => tool.compile(source)).find((each) => each !== null);
  if (compiled && (isTranslated || compiled === path)) return compiled;
  const isSame = source !== null && TYPESCRIPT.test(source) === TYPESCRIPT.test(path);
  if (source && (build === null || isSame) && !source.endsWith('.tsx')) return source;
  const name = tidy(path);
  const output = build?.outputs.find((each) => `${name}/`.startsWith(`${each}/`));
  // A package may have a node_modules in its source code, which is not read.
  if (/(^|\/)node_modules\//.test(path) || (output && /\.[cm]?js$/.test(path))) return path;
  const inOutput = path.endsWith('/') || name === output ? `${name}/index.js` : `${name}.js`;
  return output ? inOutput : null;
}

/** The source file of a built one: the same path in another directory. */
function findSource(project: Project, entry: string): string | null {
  const parts = entry.replace(/\.[cm]?js$/, '').split('/');
  const ends = parts.map((_, at) => parts.slice(at).join('/'));
  const stems = [entry, ...ends.flatMap((end) => [`src/${end}`, end, `source/${end}`, `server/${end}`])];
  return stems.map((stem) => findFile(project, stem)).find((found) => found !== null) ?? null;
}
