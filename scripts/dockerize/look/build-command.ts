import { posix } from 'node:path';
import type { Framework } from './frameworks.ts';
import { findStartedFiles } from './read-launch.ts';
import type { Project } from './read-project.ts';
import { readLine, readScript, type ScriptCommand, tidy } from './script-commands.ts';
import { readCompilation, readSettings } from './tsconfig.ts';

/** How an app is built. */
export interface Build {
  /** The script that builds; null when a command is used instead. */
  script: string | null;
  /** Text for RUN when there is no script. */
  command: string | null;
  source: string;
  /** Directories that it makes, relative to the app. */
  outputs: string[];
}

/** What a build tool makes: a directory, and the file there of a source file. */
interface Output {
  directory: string;
  compile(source: string): string | null;
}

const TYPESCRIPT = /(?<!\.d)\.[cm]?tsx?$/;
const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
const STARTS = /^(start|serve|server|prod|production)([:-](?!dev|watch|debug|test).*)?$/;
/** Commands that build nothing: checks, output, the removal of an earlier build, installations. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci)\b|\S+ .*--noEmit\b)/;
/** Tools that write to a directory, which an option or their settings name, else dist. Bundlers are for the client. */
const COMPILERS = /^(esbuild|tsup|tsdown|ncc|swc|babel)$/;
const BUNDLERS = /^(vite|webpack|rollup|rolldown|ng|unbuild|vue-cli-service|parcel|pkgroll|react-scripts)$/;

/** Finds how an app is built; null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null): Build | null {
  const script =
    SCRIPTS.find((name) => readScript(project, name).some(({ argv }) => !IDLE.test(argv.join(' ')))) ?? null;
  const started = findStartedFiles(project, STARTS);
  const command = script === null ? findCompiler(project, started) : null;
  if (script === null && command === null) return null;
  const source = script === null ? 'tsconfig.json, and no build script' : `${script} in package.json`;
  const exists = (path: string) => project.files.some((file) => file.startsWith(posix.join(project.app, path)));
  const made = framework?.copies
    ? framework.copies.map(({ from }) => from.split('/')[0] ?? '').filter((path) => !exists(path))
    : readOutputs(project, { script, command }).map(({ directory }) => directory);
  const named = [...(started.length > 0 ? started : [project.manifest.main ?? '']), ...(framework?.command ?? [])];
  const all = [...made, ...named.map((file) => findMissingDirectory(project, file))];
  const outputs = [...new Set(all)].filter((path) => /^(?!\.\.|node_modules)./.test(path)).sort();
  return {
    script,
    command,
    source,
    outputs: outputs.filter((path) => !outputs.some((other) => path.startsWith(`${other}/`))),
  };
}

/** The compiled file of a source file, relative to the app; null when the build makes none of it. */
export function findCompiledFile(project: Project, build: Build, source: string): string | null {
  const files = readOutputs(project, build).map((output) => output.compile(posix.normalize(source)));
  return files.find((file) => file !== null) ?? null;
}

/** tsc, for TypeScript that nothing builds and that Node does not run as it is. */
function findCompiler(project: Project, started: string[]): string | null {
  const { dependencies, devDependencies } = project.manifest;
  const config = readCompilation(project, posix.join(project.app, 'tsconfig.json'));
  const hasCompiler = 'typescript' in { ...dependencies, ...devDependencies, ...project.rootManifest.devDependencies };
  const runsSource = started.some((file) => project.has(posix.join(project.app, file)));
  if (!hasCompiler || !config?.emits || runsSource || !project.files.some((file) => TYPESCRIPT.test(file))) return null;
  return config.outDir === project.app ? 'npx tsc --outDir dist' : 'npx tsc';
}

/** The first directory on the way to a file that is not in the project: the build makes it. */
function findMissingDirectory(project: Project, file: string): string {
  const exists = (path: string) => project.files.some((each) => each.startsWith(posix.join(project.app, path)));
  const path = tidy(file);
  if (/^\.\.?(\/|$)|node_modules/.test(path) || exists(/\.\w+$/.test(path) ? path : `${path}.`)) return '';
  const parts = (/\.\w+$/.test(path) ? posix.dirname(path) : path).split('/');
  const paths = parts.map((_, at) => parts.slice(0, at + 1).join('/'));
  return paths.find((each) => each !== '.' && !exists(`${each}/`)) ?? '';
}

function readOutputs(project: Project, { script, command }: Pick<Build, 'script' | 'command'>): Output[] {
  const commands = script === null ? readLine(project, command ?? '') : readScript(project, script);
  return commands.flatMap((each) => readTool(project, each));
}

/** What one command of a build makes. */
function readTool(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand): Output[] {
  const tool = posix.basename(program);
  const option = (names: RegExp) => {
    const at = args.findIndex((word) => names.test(word.replace(/=.*/, '')));
    return at < 0 ? undefined : (/=(.*)/.exec(args[at] ?? '')?.[1] ?? args[at + 1]);
  };
  const to = option(/^(-d|-o|--out-?dir|--output-path|--dist-dir)$/i);
  if (/^((vue-)?ts(c|go|pc)|nest)$/.test(tool)) {
    const given = option(/^(-p|--project|-b|--build)$/)?.replace(/^-.*/, '');
    const names = [given, tool === 'nest' ? 'tsconfig.build.json' : '', ''].map((name) => name ?? '');
    const paths = [...new Set(names)].map((name) => posix.join(project.app, directory, name));
    const config = paths.map((path) => readCompilation(project, path)).find((each) => each !== null);
    if (!config?.emits) return [];
    const [root = '', out = ''] = [config.rootDir, config.outDir].map((path) => posix.relative(project.app, path));
    const isCompiled = (source: string) => config.allowsJavaScript || TYPESCRIPT.test(source);
    const output = to === undefined ? out : tidy(directory, to);
    return [{ directory: output, compile: (source) => (isCompiled(source) ? move(source, root, output) : null) }];
  }
  if (!(COMPILERS.test(tool) || BUNDLERS.test(tool)) || args.includes('serve')) return [];
  const names = [
    option(/^(-c|--config)$/) ?? '',
    ...['ts', 'mts', 'js', 'mjs', 'cjs'].map((end) => `${tool}.config.${end}`),
  ];
  const settings = names.map((name) => readSettings(project, posix.join(project.app, directory, name))).join('\n');
  const [, configured] =
    /\boutDir:\s*['"]([^'"]+)/.exec(settings) ??
    (/^(webpack|rol)/.test(tool) ? /\b(?:dir|file|path):[^;\n]{0,60}?['"]([\w./-]+)['"]/.exec(settings) : null) ??
    [];
  const outfile = option(/^--outfile$/);
  const file = outfile ?? (/\.[cm]?js$/.test(configured ?? '') ? configured : undefined);
  const otherwise = tool === 'react-scripts' ? 'build' : 'dist';
  const output = tidy(directory, file ? posix.dirname(file) : (to ?? configured ?? otherwise));
  const words = args.filter((word) => !word.startsWith('-')).map((word) => tidy(directory, word));
  const compile = (source: string) => {
    if (!COMPILERS.test(tool)) return null;
    if (outfile) return tidy(directory, outfile);
    // A directory is kept from what is given on; a file lies at the top of the output.
    const input = words.find((word) => `${source}/`.startsWith(`${word}/`));
    if (input === undefined && words.some((word) => /\.[cm]?[jt]sx?$/.test(word) && !word.includes('*'))) return null;
    if (tool === 'swc' && !args.includes('--strip-leading-paths')) return move(source, '', output);
    return move(source, input === undefined || input === source ? posix.dirname(source) : input, output);
  };
  return [{ directory: output, compile }];
}

/** Where a file lies after everything below `from` was written below `to`, as JavaScript. */
function move(source: string, from: string, to: string): string | null {
  const path = posix.relative(from, source);
  return path.startsWith('..') ? null : posix.join(to, path.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
}
