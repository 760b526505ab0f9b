import { posix } from 'node:path';
import type { Project } from '../../project/read-project.ts';
import { findStartedFiles, readLine, readScript, type ScriptCommand, tidy } from '../../project/script-commands.ts';
import { readCompilation, readSettings, readToolSettings, TYPESCRIPT } from '../../project/tsconfig.ts';
import type { Framework } from './frameworks.ts';

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

const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
const STARTS = /^(start|serve|server|prod|production)([:-](?!dev|watch|debug|test).*)?$/;
/** Commands that build nothing: checks, output, the removal of an earlier build, installations. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci)\b|\S+ .*--noEmit\b)/;
/** Tools that write to a directory: an option or their settings say which, else it is dist. */
const COMPILERS = /^((vue-)?ts[cgp]c?|nest|esbuild|tsup|tsdown|ncc|swc|babel)$/;
const BUNDLERS = /^(vite|webpack|rollup|rolldown|ng|unbuild|vue-cli-service|parcel|pkgroll|react-scripts)$/;

const TSC = /^((vue-)?ts[cgp]c?|nest)$/;
const DEFAULTS: Record<string, string> = { 'react-scripts': 'build' };
/** The output of webpack or Rollup. */
const OUTPUT = /\b(?:dir|file|path):[^;\n]{0,60}?['"]([\w./-]+)['"]/;

/** The commands of frameworks, where no script builds. */
const FRAMEWORKS: Record<string, string> = {
  next: 'npx next build',
  nuxt: 'npx nuxt build',
  astro: 'npx astro build',
  '@sveltejs/kit': 'npx vite build',
  '@react-router/dev': 'npx react-router build',
};

/** Finds how an app is built; null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null): Build | null {
  const isBuilding = (name: string) => readScript(project, name).some(({ argv }) => !IDLE.test(argv.join(' ')));
  const script = SCRIPTS.find(isBuilding) ?? null;
  const started = findStartedFiles(project, STARTS);
  const byFramework = FRAMEWORKS[framework?.name ?? ''];
  const command = script === null ? (byFramework ?? findCompiler(project, started)) : null;
  if (script === null && command === null) return null;
  const reason = byFramework ? framework?.source : 'tsconfig.json';
  const source = script === null ? `${reason}, and no build script` : `${script} in package.json`;
  const made = framework?.copies
    ? framework.copies.map(({ from }) => from.split('/')[0] ?? '').filter((path) => !exists(project, path))
    : readTools(project, { script, command }).map(({ to }) => to);
  const named = started.length > 0 ? started : [project.manifest.main ?? ''];
  const all = [...made, ...named.map((file) => findMissingDirectory(project, file))];
  const outputs = [...new Set(all)].filter((path) => /^(?!\.\.|node_modules)./.test(path)).sort();
  const isNested = (path: string) => outputs.some((other) => path.startsWith(`${other}/`));
  return { script, command, source, outputs: outputs.filter((path) => !isNested(path)) };
}

/** The compiled file of a source file, relative to the app; null when the build makes none of it. */
export function findCompiledFile(project: Project, build: Build, source: string): string | null {
  for (const { to, root, file, isCompiled } of readTools(project, build)) {
    if (isCompiled(source) && file) return file;
    const path = posix.relative(root ?? source.split('/').slice(0, -1)[0] ?? '', source);
    if (isCompiled(source) && !path.startsWith('..')) return posix.join(to, path.replace(/\.([cm]?)[jt]sx?$/, '.$1js'));
  }
  return null;
}

/** tsc, for TypeScript that nothing builds and that Node does not run as it is. */
function findCompiler(project: Project, started: string[]): string | null {
  const { dependencies, devDependencies, main, exports } = project.manifest;
  const config = readCompilation(project, posix.join(project.app, 'tsconfig.json'));
  const hasCompiler = 'typescript' in { ...dependencies, ...devDependencies, ...project.rootManifest.devDependencies };
  // Nor does a package of a workspace that is used as it is written: "exports": "./src/index.ts".
  const used = started[0] ? started : (JSON.stringify([main, exports]).match(/[^"]+\.tsx?(?=")/g) ?? []);
  const runsSource = used.some((file) => project.has(posix.join(project.app, file)));
  if (!hasCompiler || !config?.emits || runsSource || !project.files.some((file) => TYPESCRIPT.test(file))) return null;
  return config.outDir === project.app ? 'npx tsc --outDir dist' : 'npx tsc';
}

const exists = (project: Project, begin: string) =>
  project.files.some((each) => each.startsWith(posix.join(project.app, begin)));

/** The first directory on the way to a file that is not in the project: the build makes it. */
function findMissingDirectory(project: Project, file: string): string {
  const path = tidy(file);
  const isFile = /\.\w+$/.test(path);
  if (/^\.\.?(\/|$)|node_modules/.test(path) || exists(project, isFile ? path : `${path}.`)) return '';
  const parts = (isFile ? posix.dirname(path) : path).split('/');
  const paths = parts.map((_, at) => parts.slice(0, at + 1).join('/'));
  return paths.find((each) => each !== '.' && !exists(project, `${each}/`)) ?? '';
}

function readTools(project: Project, { script, command }: Pick<Build, 'script' | 'command'>) {
  const commands = script === null ? readLine(project, command ?? '') : readScript(project, script);
  return commands.flatMap((each) => readTool(project, each));
}

/** Where a build tool writes to, and what it compiles: from `root` on, else from the first directory of a source file on. */
function readTool(project: Project, { argv: [program = '', ...args], directory }: ScriptCommand) {
  const tool = posix.basename(program);
  if (!(COMPILERS.test(tool) || BUNDLERS.test(tool)) || args.includes('serve')) return [];
  const option = (names: RegExp) => {
    const at = args.findIndex((word) => names.test(word.replace(/=.*/, '')));
    return at < 0 ? undefined : (/=(.*)/.exec(args[at] ?? '')?.[1] ?? args[at + 1]);
  };
  const inProject = (path: string) => posix.join(project.app, directory, path);
  const tsconfig = tool === 'nest' ? 'tsconfig.build.json' : (option(/^(-p|--project|-b|--build)$/) ?? '');
  const configs = TSC.test(tool) ? [tsconfig, ''].map((path) => readCompilation(project, inProject(path))) : [];
  const config = configs.find((each) => each !== null);
  if (TSC.test(tool) && !config?.emits) return [];
  const named = option(/^(-c|--config)$/);
  const settings = named ? readSettings(project, inProject(named)) : readToolSettings(project, inProject(''), tool);
  const pattern = /^(webpack|rol)/.test(tool) ? OUTPUT : /\boutDir:\s*['"]([^'"]+)/;
  const given = option(/^(-d|-o|--out-?dir|--outfile|--output-path|--dist-dir)$/i) ?? pattern.exec(settings)?.[1];
  const file = given && /\.[cm]?js$/.test(given) ? tidy(directory, given) : null;
  const otherwise = config ? posix.relative(project.app, config.outDir) : tidy(directory, DEFAULTS[tool] ?? 'dist');
  const written = given ? tidy(directory, given) : otherwise;
  const keepsAll = tool === 'swc' && !args.includes('--strip-leading-paths') ? '' : null;
  return [
    {
      to: file ? posix.dirname(file) : written,
      file,
      root: config ? posix.relative(project.app, config.rootDir) : keepsAll,
      isCompiled: (source: string) => COMPILERS.test(tool) && (!config || TYPESCRIPT.test(source)),
    },
  ];
}
