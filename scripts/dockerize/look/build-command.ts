import { posix } from 'node:path';
import type { Framework } from './frameworks.ts';
import type { Project } from './read-project.ts';
import { readLine, readScript, type ScriptCommand, splitFlags } from './script-commands.ts';
import { commonDirectory, readCompilation } from './tsconfig.ts';

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

/** What a build tool makes: a directory, and the file there of a source file. */
interface Output {
  directory: string;
  compile(source: string): string | null;
}

const SOURCE = /\.[cm]?[jt]sx?$/;
const TYPESCRIPT = /(?<!\.d)\.[cm]?tsx?$/;
const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
const START_SCRIPT = /^(start|serve|server|prod|production)([:-](?!dev|watch|debug|test).*)?$/;
/** Commands that build nothing: checks, output, the removal of an earlier build, installations. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci)\b|\S+ .*--noEmit\b)/;
/** Tools without a file for each source file, and where they write when nothing says otherwise. */
const BUNDLERS = /^(vite|webpack|rollup|rolldown|ng|unbuild|vue-cli-service|parcel|pkgroll|react-scripts)$/;
const COMPILERS = /^(esbuild|tsup|tsdown|ncc)$/;

/** Finds how an app is built; null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null): Build | null {
  const { scripts, main = '' } = project.manifest;
  const script =
    SCRIPTS.find((name) => readScript(project, name).some(({ argv }) => !IDLE.test(argv.join(' ')))) ?? null;
  const started = Object.keys(scripts)
    .filter((name) => START_SCRIPT.test(name))
    .flatMap((name) => readScript(project, name));
  const files = started.flatMap(({ argv: [program = '', ...args], directory }) => {
    const { file } = splitFlags(args);
    return posix.basename(program) === 'node' && file ? [posix.join(directory, file)] : [];
  });
  const command = script === null ? findCompiler(project, files) : null;
  if (script === null && command === null) return null;
  const source = script === null ? 'tsconfig.json, and no build script' : `${script} in package.json`;
  const tools = readOutputs(project, { script, command }).map(({ directory }) => directory);
  const made = framework?.copies?.map(({ from }) => from.split('/')[0] ?? '') ?? tools;
  const missing = [...(files.length > 0 ? files : [main]), ...(framework?.copies ? [] : (framework?.command ?? []))];
  const all = [...made, ...missing.map((file) => findMissingDirectory(project, file))];
  const isSource = (path: string) =>
    framework?.copies && project.files.some((file) => file.startsWith(posix.join(project.app, path)));
  const outputs = [...new Set(all)].filter((path) => /^(?!\.\.|node_modules)./.test(path) && !isSource(path)).sort();
  return {
    script,
    command,
    source,
    outputs: outputs.filter((path) => !outputs.some((other) => path.startsWith(`${other}/`))),
    env: {},
  };
}

/** The compiled file of a source file, relative to the app; null when the build makes none of it. */
export function findCompiledFile(project: Project, build: Build, source: string): string | null {
  const files = readOutputs(project, build).map((output) => output.compile(posix.normalize(source)));
  return files.find((file) => file !== null) ?? null;
}

/** tsc, for TypeScript that nothing builds and that Node does not run as it is. */
function findCompiler(project: Project, files: string[]): string | null {
  const { dependencies, devDependencies } = project.manifest;
  const config = readCompilation(project, posix.join(project.app, 'tsconfig.json'));
  const hasCompiler = 'typescript' in { ...dependencies, ...devDependencies, ...project.rootManifest.devDependencies };
  const runsSource = files.some((file) => project.has(posix.join(project.app, file)));
  if (!hasCompiler || !config?.emits || runsSource || !project.files.some((file) => TYPESCRIPT.test(file))) return null;
  return config.outDir === project.app ? 'npx tsc --outDir dist' : 'npx tsc';
}

/** The first directory on the way to a file that is not in the project: the build makes it. */
function findMissingDirectory(project: Project, file: string): string {
  const exists = (path: string, end: string) =>
    project.files.some((each) => each.startsWith(posix.join(project.app, path) + end));
  const path = posix.normalize(file).replace(/\/$/, '');
  if (/^\.\.?(\/|$)|node_modules/.test(path) || project.has(posix.join(project.app, path)) || exists(path, '.'))
    return '';
  const parts = (/\.\w+$/.test(path) ? posix.dirname(path) : path).split('/');
  const paths = parts.map((_, at) => parts.slice(0, at + 1).join('/'));
  return paths.find((each) => each !== '.' && !exists(each, '/')) ?? '';
}

function readOutputs(project: Project, { script, command }: Pick<Build, 'script' | 'command'>): Output[] {
  const commands = script === null ? readLine(project, command ?? '') : readScript(project, script);
  return commands.flatMap((each) => readTool(project, each));
}

/** What one command of a build makes. */
function readTool(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand): Output[] {
  const tool = posix.basename(program);
  const option = (...names: string[]) => {
    const at = args.findIndex((word) => names.includes(word.split('=')[0] ?? ''));
    return at < 0 ? undefined : (/=(.*)/.exec(args[at] ?? '')?.[1] ?? args[at + 1] ?? '');
  };
  const place = (path: string) => posix.join(directory, path, '.').replace(/^\.$|\/$/, '');
  const words = args.filter((word) => !word.startsWith('-')).map(place);
  const files = [
    option('-c', '--config') ?? '',
    ...['ts', 'mts', 'js', 'mjs', 'cjs'].map((end) => `${tool}.config.${end}`),
  ];
  const text = files
    .map((name) => project.read(posix.join(project.app, directory, name)))
    .find((each) => each !== null);
  const configured = (pattern: RegExp) => pattern.exec(text?.slice(0, 20_000) ?? '')?.[1];
  if (/^(vue-)?ts(c|go|pc)$/.test(tool)) {
    const config = (option('-p', '--project', '-b', '--build') ?? '').replace(/^-.*/, '');
    return readTsc(project, posix.join(project.app, directory, config), option('--outDir'));
  }
  if (tool === 'swc' || tool === 'babel') {
    const to = place(option('-d', '--out-dir') ?? '');
    const root = tool === 'swc' && !args.includes('--strip-leading-paths') ? '' : (words[0] ?? '');
    return [{ directory: to, compile: (source) => move(source, root, to) }];
  }
  const outfile = option('--outfile');
  if (COMPILERS.test(tool)) {
    const to = place(
      outfile
        ? posix.dirname(outfile)
        : (option('--outdir', '--out-dir', '-d', '-o') ?? configured(/outDir:\s*['"]([^'"]+)/) ?? 'dist'),
    );
    const entry =
      configured(/entry(?:Points)?:\s*([[{][^\]}]*|['"][^'"]*)/)?.matchAll(/['"]([^'"]+\.[cm]?[jt]sx?)/g) ?? [];
    const inputs = words.some((word) => SOURCE.test(word))
      ? words.filter((word) => SOURCE.test(word))
      : [...entry].map(([, each = '']) => place(each));
    const end = findExtension(project, tool, option('--format') ?? configured(/format:\s*\[?\s*['"](\w+)/));
    const compile = (source: string) => {
      if (inputs.length > 0 && !inputs.some((each) => each === source || each.includes('*'))) return null;
      if (tool === 'ncc' || outfile) return outfile ? place(outfile) : posix.join(to, 'index.js');
      return move(source, option('--outbase') ?? commonDirectory(inputs), to)?.replace(/\.js$/, end) ?? null;
    };
    return [{ directory: to, compile }];
  }
  if (!BUNDLERS.test(tool) || args.includes('serve')) return [];
  const to =
    option('--outDir', '--output-path', '--dist-dir', '-d') ??
    configured(/\b(?:outDir|dir|file):\s*['"]([^'"]+)/) ??
    configured(/\bpath:[^,;\n]*['"]([\w./-]+)['"]\)/);
  return [
    {
      directory: place(to?.replace(/\/[^/]+\.[cm]?js$/, '') ?? (tool === 'react-scripts' ? 'build' : 'dist')),
      compile: () => null,
    },
  ];
}

function readTsc(project: Project, path: string, outDir?: string, isReference = false): Output[] {
  const config = readCompilation(project, path);
  if (config === null) return [];
  const inApp = (full: string) => posix.relative(project.app, full);
  const to = outDir ?? inApp(config.outDir);
  const compile = (source: string) =>
    config.allowsJavaScript || TYPESCRIPT.test(source) ? move(source, inApp(config.rootDir), to) : null;
  const own = config.emits ? [{ directory: posix.normalize(to).replace(/^\.$/, ''), compile }] : [];
  const references = isReference ? [] : config.references;
  return [...references.flatMap((each) => readTsc(project, each, undefined, true)), ...own];
}

/** Where a file lies after everything below `from` was written below `to`, as JavaScript. */
function move(source: string, from: string, to: string): string | null {
  const path = posix.relative(from, source);
  return path.startsWith('..') ? null : posix.join(to, path.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
}

/** tsup and tsdown name a file for the kind of its module (https://tsup.egoist.dev/#output-extension). */
function findExtension(project: Project, tool: string, format = tool === 'tsup' ? 'cjs' : 'esm'): string {
  const isModule = format.includes('esm');
  if (!/^ts/.test(tool) || (tool === 'tsup' && isModule === (project.manifest.type === 'module'))) return '.js';
  return isModule ? '.mjs' : '.cjs';
}
