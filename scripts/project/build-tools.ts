import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { type ScriptCommand, tidy } from './script-commands.ts';
import { readCompilation, readSettings, readToolSettings, TYPESCRIPT } from './tsconfig.ts';

const TSC = /^((vue-)?ts[cgp]c?|nest)$/;
const COMPILERS = /^(esbuild|tsup|tsdown|ncc|swc|babel)$/;
const BUNDLERS =
  /^(vite|webpack|rollup|rolldown|ng|unbuild|vue-cli-service|parcel|pkgroll|react-scripts|astro|gatsby|docusaurus)$/;
const OUTPUT_OPTION = /^(-d|-o|--out-?dir|--outfile|--output-path|--dist-dir)$/i;
/** The output of Vite, webpack or Rollup in their settings. */
const OUTPUT = /\b(?:outDir|output:[^}]{0,300}?\b(?:dir|file|path)):[^;\n]{0,60}?['"]([\w./-]+)['"]/;

/**
 * What a build tool writes: the directory, as its options or its settings say, otherwise `dist`, and the file that it makes of a
 * source file. null for another command. Paths are relative to the app.
 */
export function readOutput(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand) {
  const tool = posix.basename(program);
  const [isTsc, isCompiler] = [TSC.test(tool), COMPILERS.test(tool)];
  if (!(isTsc || isCompiler || BUNDLERS.test(tool)) || args.includes('serve')) return null;
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
  const usual = config
    ? posix.relative(project.app, config.outDir)
    : tidy(directory, tool === 'react-scripts' ? 'build' : 'dist');
  const path = given ? tidy(directory, given) : usual;
  const isFile = /\.[cm]?js$/.test(path);
  const compile = (source: string) => {
    if (!(config ? TYPESCRIPT.test(source) : isCompiler)) return null;
    const keepsAll = tool === 'swc' && !args.includes('--strip-leading-paths');
    const top = keepsAll || !source.includes('/') ? '' : (source.split('/')[0] ?? '');
    const inRoot = posix.relative(config ? posix.relative(project.app, config.rootDir) : top, source);
    if (isFile) return path;
    return inRoot.startsWith('..') ? null : posix.join(path, inRoot.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
  };
  return { directory: isFile ? posix.dirname(path) : path, compile, isBundler: !isTsc && !isCompiler };
}
