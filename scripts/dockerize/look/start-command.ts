import { posix } from 'node:path';
import { quote } from 'shell-quote';
import { usageError } from '../../lib/errors.ts';
import { type Build, findCompiledFile } from './build-command.ts';
import type { Framework } from './frameworks.ts';
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
  /** What runs before in the container, as `argv`: migrations. */
  before: string[][];
  source: string;
  notes: string[];
}

/** A command that starts the app. */
interface Launch {
  /** Flags of node, each with its value; the bin of a package when there is no file. */
  flags: string[];
  /** The file as it is written, relative to the app. */
  file: string | null;
  args: string[];
  /** Whether a development tool starts the file: then it has to be built, or runs as it is. */
  isDevelopment: boolean;
  notes: string[];
}

interface Candidate {
  commands: ScriptCommand[];
  source: string;
}

const PRODUCTION_SCRIPTS = [
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
const RUNNERS = /^(ts-node(-dev|-esm)?|tsnd|tsx|babel-node|esno|swc-node|vite-node|jiti|nodemon|node-dev)$/;
const LOADERS =
  /^(tsx|ts-node|ts-node-dev|@babel\/register|@swc-node\/register|esbuild-register|@swc\/register|sucrase)(\/|$)/;
const VALUE_FLAGS = new Set([
  '-r',
  '--require',
  '--import',
  '--loader',
  '--experimental-loader',
  '-C',
  '--conditions',
  '--env-file',
  '--env-file-if-exists',
  '--watch-path',
  '--title',
  '--icu-data-dir',
]);
const MIGRATIONS: Record<string, string> = {
  prisma: 'prisma',
  knex: 'knex',
  typeorm: 'typeorm',
  sequelize: 'sequelize-cli',
  'sequelize-cli': 'sequelize-cli',
  'drizzle-kit': 'drizzle-kit',
  'mikro-orm': '@mikro-orm/cli',
  'node-pg-migrate': 'node-pg-migrate',
  'db-migrate': 'db-migrate',
};
/** Packages whose bin has another name. A bin without a package here is looked for by its own name. */
const BINS: Record<string, string[]> = {
  'react-router-serve': ['@react-router/serve'],
  'remix-serve': ['@remix-run/serve'],
  fastify: ['fastify-cli'],
  strapi: ['@strapi/strapi', 'strapi'],
  medusa: ['@medusajs/cli', '@medusajs/medusa'],
  sails: ['sails'],
};
/** Bins that develop or build. */
const TOOLS =
  /^(vite|webpack|webpack-dev-server|react-scripts|ng|vue-cli-service|gatsby|nx|turbo|electron|expo|parcel|tsc|sass|rollup|esbuild|tsup|patch-package|rimraf|copyfiles|nest)( |$)|^\S+ (dev|develop|build|preview|watch|generate)( |$)/;

/**
 * Finds what starts the app: production scripts, its framework, Procfile, its own Dockerfile, development tools translated
 * to what they start, `main`, `bin`, the usual files.
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
  const script = (each: string) => ({ commands: readScript(project, each), source: `${each} in package.json` });
  const file = (path: string | undefined, source: string) => ({
    commands: path ? [{ argv: ['node', path], env: {}, directory: '' }] : [],
    source,
  });
  const all = [...PRODUCTION_SCRIPTS, ...Object.keys(scripts).filter((each) => each.startsWith('serve:ssr'))].map(
    script,
  );
  const procfile = /^web:(.*)$/m.exec(project.read(posix.join(project.app, 'Procfile')) ?? '')?.[1] ?? '';
  const find = (candidates: Candidate[], isDevelopment = false) => {
    for (const candidate of candidates) {
      const start = readStart(project, build, candidate, isDevelopment);
      if (start) return start;
    }
    return null;
  };
  const withGiven = (start: Start): Start => {
    const at = start.entry === null ? 1 : start.argv.indexOf(start.entry) + 1;
    return given.args ? { ...start, argv: [...start.argv.slice(0, at), ...given.args] } : start;
  };
  if (given.entry) {
    const start = find([file(given.entry, '--entry')]);
    return withGiven(start ?? { ...EMPTY, argv: [given.entry], entry: given.entry, source: '--entry' });
  }
  const own = find(all);
  const start =
    (own && framework?.command ? preferFramework(project, framework, framework.command, own) : own) ??
    (framework?.command ? ofFramework(project, framework, framework.command) : null) ??
    find([{ commands: readLine(project, procfile), source: 'web in Procfile' }, readDockerfile(project)]) ??
    find(all, true) ??
    find([
      file(main, 'main in package.json'),
      file(typeof bin === 'string' ? bin : Object.values(bin)[0], 'bin in package.json'),
    ]) ??
    find(['dev', 'start:dev', 'develop'].map(script), true) ??
    find(FILES.map((path) => file(path, `${path}.*, which exists`)));
  if (start) return withGiven(start);
  throw usageError(
    'Nothing says what starts the app: there is no production script, Procfile, CMD or main that leads to a file.',
    'Name the file that runs in production: --entry dist/index.js',
  );
}

const EMPTY: Omit<Start, 'source'> = { argv: [], entry: null, sourceEntry: null, env: {}, before: [], notes: [] };

function ofFramework(project: Project, { source }: Framework, command: string[]): Start {
  const entry = command[0]?.startsWith('node_modules/') ? null : (command[0] ?? null);
  return { ...EMPTY, argv: command, entry, sourceEntry: entry && findSource(project, entry), source };
}

/** A framework's own server replaces its command: `.next/standalone` instead of `next start`, with its port. */
function preferFramework(project: Project, framework: Framework, command: string[], own: Start): Start {
  if (own.entry !== null || own.argv[0] === command[0]) return own;
  const port = own.argv[own.argv.findIndex((word) => /^(-p|--port)$/.test(word)) + 1];
  const isPort = /^\d+$/.test(port ?? '');
  return {
    ...ofFramework(project, framework, command),
    env: isPort ? { ...own.env, PORT: port ?? '' } : own.env,
    before: own.before,
  };
}

/** The last command of a candidate that starts something; migrations before it are kept. */
function readStart(
  project: Project,
  build: Build | null,
  { commands, source }: Candidate,
  isDevelopment: boolean,
): Start | null {
  for (const [index, command] of [...commands.entries()].reverse()) {
    const launch = readLaunch(project, command);
    if (launch === null || (launch.isDevelopment && !isDevelopment)) continue;
    const found =
      launch.file === null
        ? { flags: launch.flags, entry: null, notes: [] }
        : findEntry(project, build, launch, launch.file);
    if (found === null) continue;
    const { words, notes } = expandDefaults([
      ...found.flags,
      ...(found.entry === null ? [] : [found.entry]),
      ...launch.args,
    ]);
    const earlier = commands.slice(0, index).map((each) => readMigration(project, build, each));
    const { NODE_ENV, ...env } = command.env;
    return {
      argv: words,
      entry: found.entry,
      sourceEntry:
        found.entry === null
          ? (words.find((word) => project.has(posix.join(project.app, word))) ?? null)
          : findSource(project, found.entry),
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => !value.includes('${'))),
      before: earlier.flatMap(({ argv }) => (argv ? [argv] : [])),
      source,
      notes: [...launch.notes, ...found.notes, ...notes, ...earlier.flatMap(({ note }) => note ?? [])],
    };
  }
  return null;
}

function readLaunch(project: Project, { argv: [program = '', ...args], directory, env }: ScriptCommand): Launch | null {
  const name = posix.basename(program);
  const place = (file: string | undefined) => (file === undefined ? undefined : posix.join(directory, file));
  const { dependencies, optionalDependencies } = project.manifest;
  const isInstalled = (each: string) => each in dependencies || each in optionalDependencies;
  const words = splitArguments(args);
  if (name === 'node') {
    if (
      words.file === undefined ||
      words.flags.some(([flag]) => /^(-e|--eval|-p|--print|--test|-c|--check|-v|--version)$/.test(flag))
    )
      return null;
    const launch: Launch = {
      flags: [],
      file: posix.join(directory, words.file),
      args: words.args,
      isDevelopment: env.NODE_ENV === 'development',
      notes: [],
    };
    for (const [flag, value = ''] of words.flags) {
      const loader = LOADERS.exec(value)?.[1] ?? '';
      if (/^--(watch|inspect)/.test(flag)) launch.isDevelopment = true;
      else if (flag.startsWith('--env-file'))
        launch.notes.push(
          `${flag} ${value} is left out, the image has no such file: docker run --env-file ${value} gives the variables`,
        );
      else if (loader !== '' && !isInstalled(loader)) launch.isDevelopment = true;
      else if (value.startsWith('dotenv/') && !isInstalled('dotenv'))
        launch.notes.push(`${flag} ${value} is left out: dotenv is no production dependency`);
      else launch.flags.push(flag, ...(value === '' || flag.includes('=') ? [] : [value]));
    }
    return launch;
  }
  if (RUNNERS.test(name)) {
    const rest = args[0] === 'watch' ? args.slice(1) : args;
    const exec = /(?:^|\s)(?:-x|--exec)[ =](.*)$/.exec(args.join(' '))?.[1];
    if (name === 'nodemon' && exec !== undefined) {
      const words = exec.split(/\s+/).filter((word) => word !== '');
      const launch = words[0] === 'nodemon' ? null : readLaunch(project, { argv: words, directory, env });
      return launch ? { ...launch, isDevelopment: true } : null;
    }
    const { file, args: more } = splitArguments(rest);
    const runs = /^(tsx|ts-node)$/.test(name) && args[0] !== 'watch' && isInstalled(name);
    return {
      flags: runs ? [name === 'tsx' ? '--import' : '-r', name === 'tsx' ? 'tsx' : 'ts-node/register'] : [],
      file: place(file) ?? '.',
      args: more,
      isDevelopment: !runs,
      notes: [],
    };
  }
  if (/^(pm2(-runtime|-docker)?|forever)$/.test(name)) {
    const file = splitArguments(args.filter((word) => !/^(start|--no-daemon)$/.test(word))).file ?? '';
    const configured = /\bscript['"]?\s*:\s*['"]([^'"]+)/.exec(
      project.read(posix.join(project.app, directory, file)) ?? '',
    )?.[1];
    const rest = args.includes('--') ? args.slice(args.indexOf('--') + 1) : [];
    return {
      flags: [],
      file: place(configured ?? file) ?? '',
      args: rest,
      isDevelopment: false,
      notes: [`${name} is left out: Docker restarts the container, and several containers replace its workers`],
    };
  }
  const shell = /^(ba|a)?sh$/.test(name) ? args.find((word) => !word.startsWith('-')) : program;
  if (shell?.endsWith('.sh')) {
    const text = project.read(posix.join(project.app, directory, shell)) ?? '';
    const lines = text
      .split('\n')
      .filter((line) => !/^\s*(#|if|fi|then|else|set)/.test(line))
      .join(' ; ');
    return (
      readLine(project, lines)
        .map((each) => (each.argv[0]?.endsWith('sh') ? null : readLaunch(project, each)))
        .findLast((each) => each !== null) ?? null
    );
  }
  if (TOOLS.test([name, ...args].join(' ')) || name in MIGRATIONS || !(BINS[name] ?? [name]).some(isInstalled))
    return null;
  return { flags: [`node_modules/.bin/${name}`], file: null, args, isDevelopment: false, notes: [] };
}

/** Flags with their values, the first word that is none, and what is after it. */
function splitArguments(words: string[]): { flags: [flag: string, value?: string][]; file?: string; args: string[] } {
  const flags: [string, string?][] = [];
  let at = 0;
  for (; words[at]?.startsWith('-') && words[at] !== '-'; at += 1) {
    const [word = '', value] = [words[at], /=(.*)/s.exec(words[at] ?? '')?.[1]];
    if (value !== undefined || !VALUE_FLAGS.has(word)) flags.push([word, value]);
    else {
      at += 1;
      flags.push([word, words[at]]);
    }
  }
  return { flags, file: words[at], args: words.slice(at + 1) };
}

/** The file that runs in the image: the one that is written, or what the build makes of it. */
function findEntry(
  project: Project,
  build: Build | null,
  launch: Launch,
  written: string,
): { flags: string[]; entry: string; notes: string[] } | null {
  const { flags, isDevelopment } = launch;
  const path = written === '.' ? posix.normalize(project.manifest.main ?? 'index.js') : posix.normalize(written);
  const source = findFile(project, path);
  const result = (entry: string, note: string[] = []) => ({ flags, entry, notes: note });
  const compiled = source && build ? findCompiledFile(project, build, source) : null;
  if (isDevelopment && compiled) return result(compiled);
  if (source && (!isDevelopment || !/\.[cm]?tsx?$/.test(source))) return result(source);
  if (isDevelopment)
    return source && build === null
      ? result(source, [
          `Node itself removes the types of ${source}: enums and imports without an extension need a build`,
        ])
      : null;
  const directory = path.replace(/\/$/, '');
  const output = build?.outputs.find((each) => directory === each || directory.startsWith(`${each}/`));
  if (output === undefined) return findInPlace(project, build, directory) ? result(directory) : null;
  if (/\.[cm]?js$/.test(path)) return result(path);
  return result(path.endsWith('/') || directory === output ? `${directory}/index.js` : `${directory}.js`);
}

/** tsc without an output directory writes beside the source code. */
const findInPlace = (project: Project, build: Build | null, file: string): boolean => {
  const source = findFile(project, file.replace(/\.js$/, ''));
  return source !== null && build !== null && findCompiledFile(project, build, source) === file;
};

/** A file as Node finds it, or TypeScript with the same name. Relative to the app. */
function findFile(project: Project, path: string): string | null {
  const ends = [
    '.js',
    '.mjs',
    '.cjs',
    '.ts',
    '.tsx',
    '.mts',
    '.cts',
    '/index.js',
    '/index.mjs',
    '/index.cjs',
    '/index.ts',
  ];
  const paths = [path, ...ends.map((end) => path.replace(/\/$/, '') + end)];
  return paths.find((each) => !each.startsWith('..') && project.has(posix.join(project.app, each))) ?? null;
}

/** The source file of a built one: the same path below another directory. */
function findSource(project: Project, entry: string): string | null {
  if (project.has(posix.join(project.app, entry))) return entry;
  const parts = entry.replace(/\.[cm]?js$/, '').split('/');
  const stems = parts
    .flatMap((_, at) => [['src', ...parts.slice(at)], parts.slice(at), ['source', ...parts.slice(at)]])
    .map((each) => each.join('/'));
  for (const stem of [...stems, 'src/index', 'src/main', 'src/server', 'index', 'server', 'app']) {
    const file = findFile(project, stem);
    if (file !== null && /\.[cm]?[jt]sx?$/.test(file)) return file;
  }
  return null;
}

/** What to do with a command before the start. */
function readMigration(
  project: Project,
  build: Build | null,
  { argv, directory }: ScriptCommand,
): { argv?: string[]; note?: string } {
  const [program = '', ...args] = argv;
  const tool = MIGRATIONS[program];
  const line = argv.join(' ');
  if (program === 'echo') return {};
  if (tool !== undefined && tool in project.manifest.dependencies)
    return { argv: [`node_modules/.bin/${program}`, ...args] };
  if (tool !== undefined)
    return {
      note: `\`${line}\` is left out of the start: ${tool} is no production dependency. Run it before, or move ${tool} to dependencies`,
    };
  const file =
    program === 'node'
      ? findEntry(
          project,
          build,
          { flags: [], file: null, args, isDevelopment: false, notes: [] },
          posix.join(directory, args[0] ?? ''),
        )
      : null;
  if (file !== null) return { argv: [file.entry, ...args.slice(1)] };
  return build === null ? { note: `\`${line}\` is left out of the start` } : {};
}

/** `${PORT:=9000}`: no shell expands it in the image, so its default value is written, or it goes with its flag. */
function expandDefaults(words: string[]): { words: string[]; notes: string[] } {
  const notes: string[] = [];
  const expanded = words.flatMap((word, at): string[] => {
    const next = words[at + 1] ?? '';
    if (/^-.*[^=]$/.test(word) && /^\$\{\w+\}$/.test(next)) return [];
    const [variable, name, value] = /\$\{(\w+)(?::?[-=]([^}]*))?\}/.exec(word) ?? [];
    if (variable === undefined) return [word];
    notes.push(
      `${variable} needs a shell, which the image does not start: ${value === undefined ? `${name} is left out` : `${value} is written`}`,
    );
    return value === undefined ? [] : [word.replace(variable, value)];
  });
  return { words: expanded, notes };
}

/** The command of the project's own Dockerfile: its last CMD, after ENTRYPOINT. */
function readDockerfile(project: Project): Candidate {
  const path = [posix.join(project.app, 'Dockerfile'), 'Dockerfile'].find(project.has) ?? '';
  const lines = (project.read(path) ?? '')
    .slice(0, 100_000)
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/);
  const last = (keyword: string) =>
    lines
      .findLast((line) => line.toUpperCase().startsWith(`${keyword} `))
      ?.slice(keyword.length)
      .trim() ?? '';
  const [entrypoint, command] = [last('ENTRYPOINT'), last('CMD')].map((text) => {
    const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
    if (!text.startsWith('[')) return text;
    return /^(\/bin\/)?(ba)?sh$/.test(words[0] ?? '') && words[1] === '-c' ? (words[2] ?? '') : quote(words);
  });
  const directory = last('WORKDIR').replace(/\/?$/, '/');
  const line = `${/\.sh\b/.test(entrypoint ?? '') ? '' : entrypoint} ${command}`.replaceAll(` ${directory}`, ' ');
  return { commands: readLine(project, line), source: `CMD in ${path}` };
}
