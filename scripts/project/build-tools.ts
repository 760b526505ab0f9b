import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { type ScriptCommand, tidy } from './script-commands.ts';
import { readCompilation, readSettings, readToolSettings, TYPESCRIPT } from './tsconfig.ts';

/** What a build tool writes. Paths are relative to the app. */
export interface Output {
  directory: string;
  /** The only file, when the tool is told to write one. */
  file: string | null;
  /** The directory that is compiled; null for the first one of a source file's path. */
  root: string | null;
  /** The source files that are compiled one by one. */
  sources: RegExp;
}

const TSC = /^((vue-)?ts[cgp]c?|nest)$/;
const COMPILERS = /^(esbuild|tsup|tsdown|ncc|swc|babel)$/;
const BUNDLERS = /^(vite|webpack|rollup|rolldown|ng|unbuild|vue-cli-service|parcel|pkgroll|react-scripts)$/;
const OUTPUT_OPTION = /^(-d|-o|--out-?dir|--outfile|--output-path|--dist-dir)$/i;
/** The output of Vite, webpack or Rollup in their settings. */
const OUTPUT = /\b(?:outDir|output:[^}]{0,300}?\b(?:dir|file|path)):[^;\n]{0,60}?['"]([\w./-]+)['"]/;

/** What the tools among some commands write: as their options or their settings say, otherwise to `dist`. */
export const readOutputs = (project: Project, commands: ScriptCommand[]): Output[] =>
  commands.flatMap((command) => readOutput(project, command) ?? []);

function readOutput(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand): Output | null {
  const tool = posix.basename(program);
  const isTsc = TSC.test(tool);
  if (!(isTsc || COMPILERS.test(tool) || BUNDLERS.test(tool)) || args.includes('serve')) return null;
  const words = ['', ...args.flatMap((word) => word.split('='))];
  const option = (names: RegExp) => words[words.findIndex((word) => names.test(word)) + 1] ?? '';
  const inProject = (path: string) => posix.join(project.app, directory, path);
  const tsconfig = tool === 'nest' ? 'tsconfig.build.json' : option(/^(-p|--project|-b|--build)$/);
  const compilation = readCompilation(project, inProject(tsconfig)) ?? readCompilation(project, inProject(''));
  const config = isTsc ? compilation : null;
  if (isTsc && !config?.emits) return null;
  const named = option(/^(-c|--config)$/);
  const settings = named ? readSettings(project, inProject(named)) : readToolSettings(project, inProject(''), tool);
  const given = option(OUTPUT_OPTION) || OUTPUT.exec(settings)?.[1];
  const usual = tidy(directory, tool === 'react-scripts' ? 'build' : 'dist');
  const otherwise = config ? posix.relative(project.app, config.outDir) : usual;
  const path = given ? tidy(directory, given) : otherwise;
  const isFile = /\.[cm]?js$/.test(path);
  const root = tool === 'swc' && !args.includes('--strip-leading-paths') ? '' : null;
  const sources = COMPILERS.test(tool) ? /./ : /(?!)/;
  return {
    directory: isFile ? posix.dirname(path) : path,
    file: isFile ? path : null,
    root: config ? posix.relative(project.app, config.rootDir) : root,
    sources: config ? TYPESCRIPT : sources,
  };
}

/** The file that a source file becomes, relative to the app; null when nothing compiles it. */
export function findCompiledFile(outputs: Output[], source: string): string | null {
  for (const { directory, file, root } of outputs.filter(({ sources }) => sources.test(source))) {
    const path = posix.relative(root ?? source.split('/').slice(0, -1)[0] ?? '', source);
    if (file) return file;
    if (!path.startsWith('..')) return posix.join(directory, path.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
  }
  return null;
}
