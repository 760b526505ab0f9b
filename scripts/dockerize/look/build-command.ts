import { posix } from 'node:path';
import type { Framework } from './frameworks.ts';
import type { Project } from './read-project.ts';
import { readLine, readScript, type ScriptCommand } from './script-commands.ts';
import { readCompilation } from './tsconfig.ts';

/** How an app is built. */
export interface Build {
  /** The script that builds; null when a command is used instead. */
  script: string | null;
  /** Text for RUN when there is no script. */
  command: string | null;
  source: string;
  /** Directories that it makes, relative to the app. */
  outputs: string[];
  env: Record<string, string>;
}

/** What a build tool makes: a directory, and the file there of each source file. */
interface Output {
  directory: string;
  compile(source: string): string | null;
}

const SOURCE = /\.[cm]?[jt]sx?$/;
const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
export const START_SCRIPTS = /^(start|serve|server|prod|production)([:-](?!dev|watch|debug|test).*)?$/;
/** Commands that build nothing: checks, output, and the removal of an earlier build. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci|run)\b|\S+ .*--noEmit\b)/;
/** Where tools without a mapping write to when nothing says otherwise. */
const DIRECTORIES: Record<string, string> = {
  vite: 'dist',
  webpack: 'dist',
  rollup: 'dist',
  rolldown: 'dist',
  ng: 'dist',
  unbuild: 'dist',
  'vue-cli-service': 'dist',
  parcel: 'dist',
  'react-scripts': 'build',
  pkgroll: 'dist',
};

/** Finds how an app is built; null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null): Build | null {
  const { scripts } = project.manifest;
  const script = SCRIPTS.find((name) => readScript(project, name).some(({ argv }) => !IDLE.test(argv.join(' '))));
  const command = script === undefined ? findCompiler(project) : null;
  if (script === undefined && command === null) return null;
  const source = script === undefined ? 'tsconfig.json, and no build script' : `${script} in package.json`;
  const build = { script: script ?? null, command, source, outputs: [], env: {} };
  const made = readOutputs(project, build).map(({ directory }) => directory);
  const started = Object.keys(scripts)
    .filter((name) => START_SCRIPTS.test(name))
    .flatMap((name) => readScript(project, name));
  const files = started.flatMap(({ argv, directory }) => {
    const file =
      argv[0] === 'node' ? argv.slice(1).find((word) => /^[\w./@-]+$/.test(word) && !word.startsWith('-')) : undefined;
    return file === undefined ? [] : [posix.join(directory, file)];
  });
  const copied = framework?.copies?.map(({ from }) => from) ?? framework?.command ?? [];
  const missing = [...files, project.manifest.main ?? '', ...copied].map((file) => findMissingDirectory(project, file));
  const outputs = [...new Set([...made, ...missing])].filter((path) => path !== '' && !path.startsWith('..')).sort();
  return { ...build, outputs: outputs.filter((path) => !outputs.some((other) => path.startsWith(`${other}/`))) };
}

/** The compiled file of a source file, relative to the app; null when the build makes none of it. */
export function findCompiledFile(project: Project, build: Build, source: string): string | null {
  for (const output of readOutputs(project, build)) {
    const file = output.compile(posix.normalize(source));
    if (file !== null) return file;
  }
  return null;
}

/** tsc, for TypeScript that nothing builds and Node does not run as it is. */
function findCompiler(project: Project): string | null {
  const { dependencies, devDependencies, scripts } = project.manifest;
  const config = readCompilation(project, posix.join(project.app, 'tsconfig.json'));
  const hasCompiler = 'typescript' in { ...dependencies, ...devDependencies, ...project.rootManifest.devDependencies };
  if (!hasCompiler || !config?.emits || !project.files.some((file) => /(?<!\.d)\.[cm]?ts$/.test(file))) return null;
  const commands = Object.keys(scripts)
    .filter((name) => START_SCRIPTS.test(name))
    .flatMap((name) => readScript(project, name));
  const runsSource = commands.some(
    ({ argv, directory }) =>
      posix.basename(argv[0] ?? '') === 'node' &&
      argv.some((word) => SOURCE.test(word) && project.has(posix.join(project.app, directory, word))),
  );
  if (runsSource) return null;
  return config.outDir === posix.join(project.app, '.').replace(/^\.$/, '') ? 'npx tsc --outDir dist' : 'npx tsc';
}

/** The first directory on the way to a file that is not in the project: the build makes it. */
function findMissingDirectory(project: Project, file: string): string {
  const path = posix.normalize(file);
  const full = posix.join(project.app, path);
  if (
    path === '.' ||
    path.startsWith('..') ||
    project.files.some((each) => each === full || each.startsWith(`${full}.`))
  )
    return '';
  const parts = (/\.\w+$/.test(path) ? posix.dirname(path) : path.replace(/\/$/, '')).split('/');
  for (let length = 1; length <= parts.length; length += 1) {
    const directory = parts.slice(0, length).join('/');
    if (directory !== '.' && !project.files.some((each) => each.startsWith(`${posix.join(project.app, directory)}/`)))
      return directory;
  }
  return '';
}

function readOutputs(project: Project, { script, command }: Pick<Build, 'script' | 'command'>): Output[] {
  const commands = script === null ? readLine(project, command ?? '') : readScript(project, script);
  return commands.flatMap((each) => readTool(project, each));
}

/** What one command of a build makes. */
function readTool(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand): Output[] {
  const option = (...names: string[]) => {
    const at = args.findIndex((word) => names.includes(word.split('=')[0] ?? ''));
    const [, inline] = /=(.*)/.exec(args[at] ?? '') ?? [];
    return inline ?? args[at + 1 || args.length];
  };
  const place = (path: string) => posix.join(directory, path).replace(/^\.$|\/$/, '');
  const inputs = args.filter((word) => SOURCE.test(word) && !word.startsWith('-')).map(place);
  const readConfig = (...names: string[]) =>
    project
      .read(names.map((name) => posix.join(project.app, directory, name)).find(project.has) ?? '')
      ?.slice(0, 20_000) ?? '';
  const configs = (stem: string) =>
    readConfig(...['ts', 'mts', 'js', 'mjs', 'cjs'].map((end) => `${stem}.config.${end}`));
  const tool = posix.basename(program);
  if (/^(vue-)?ts(c|go|pc)$/.test(tool)) {
    const config = option('-p', '--project', '-b', '--build');
    return readTsc(
      project,
      posix.join(project.app, directory, config === undefined || config.startsWith('-') ? '' : config),
      option('--outDir'),
    );
  }
  if (tool === 'swc' || tool === 'babel') {
    const to = place(option('-d', '--out-dir', '--out-file', '-o') ?? '');
    const [from = ''] = args.filter((word) => !word.startsWith('-')).map(place);
    const root = tool === 'swc' && !args.includes('--strip-leading-paths') ? '' : from;
    return [{ directory: to, compile: (source) => move(source, root, to) }];
  }
  if (tool === 'esbuild' || tool === 'tsup' || tool === 'tsdown' || tool === 'ncc') {
    const text = tool === 'esbuild' ? '' : configs(tool);
    const outfile = option('--outfile');
    const to = outfile
      ? posix.dirname(place(outfile))
      : place(option('--outdir', '--out-dir', '-d', '-o') ?? /outDir:\s*['"]([^'"]+)/.exec(text)?.[1] ?? 'dist');
    const configured =
      /entry(Points)?:\s*[[{]([^\]}]*)/.exec(text)?.[2] ?? /entry:\s*(['"][^'"]+['"])/.exec(text)?.[1] ?? '';
    const entries =
      inputs.length > 0
        ? inputs
        : [...configured.matchAll(/['"]([^'"]+\.[cm]?[jt]sx?)['"]/g)].map(([, entry = '']) => place(entry));
    const end = findExtension(project, tool, option('--format') ?? /format:\s*\[?\s*['"](\w+)/.exec(text)?.[1]);
    const root = option('--outbase') ?? commonDirectory(entries);
    const compile = (source: string) => {
      if (entries.length > 0 && !entries.some((entry) => entry === source || entry.includes('*'))) return null;
      if (tool === 'ncc') return posix.join(to, 'index.js');
      return outfile ? place(outfile) : (move(source, root, to)?.replace(/\.js$/, end) ?? null);
    };
    return [{ directory: to, compile }];
  }
  const otherwise = DIRECTORIES[tool];
  if (otherwise === undefined || args.includes('dev') || args.includes('serve')) return [];
  const text = readConfig(option('-c', '--config') ?? '') || configs(tool);
  const to =
    option('--outDir', '--output-path', '--dist-dir', '-d') ??
    /(?:outDir|dir|path|file):[^,;\n]*?['"]\.?\/?([\w.][\w./-]*)['"]/.exec(text)?.[1] ??
    otherwise;
  return [{ directory: place(SOURCE.test(to) ? posix.dirname(to) : to), compile: () => null }];
}

function readTsc(project: Project, path: string, outDir: string | undefined): Output[] {
  const config = readCompilation(project, path);
  if (config === null) return [];
  const inApp = (full: string) => posix.relative(project.app, full);
  const to = outDir ?? inApp(config.outDir);
  const compile = (source: string) =>
    config.allowsJavaScript || /tsx?$/.test(source) ? move(source, inApp(config.rootDir), to) : null;
  const references = config.references.flatMap((each) => readTsc(project, each, undefined));
  return config.emits ? [...references, { directory: to, compile }] : references;
}

/** Where a file lies after everything below `from` was written below `to`, as JavaScript. */
function move(source: string, from: string, to: string): string | null {
  const path = posix.relative(from, source);
  return path.startsWith('..') ? null : posix.join(to, path.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
}

function commonDirectory(files: string[]): string {
  const [first = [], ...others] = files.map((file) => file.split('/').slice(0, -1));
  const end = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return (end < 0 ? first : first.slice(0, end)).join('/');
}

/** tsup and tsdown name a file so that Node reads it as the right kind of module (https://tsup.egoist.dev/#output-extension). */
function findExtension(project: Project, tool: string, format: string | undefined): string {
  if (tool === 'esbuild' || tool === 'ncc') return '.js';
  const isModule = (format ?? (tool === 'tsup' ? 'cjs' : 'esm')).includes('esm');
  if (isModule === (project.manifest.type === 'module') && tool === 'tsup') return '.js';
  return isModule ? '.mjs' : '.cjs';
}
