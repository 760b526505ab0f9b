import { posix } from 'node:path';
import { type Output, readOutputs } from '../../project/build-tools.ts';
import type { Project } from '../../project/read-project.ts';
import { findStartedFiles, readLine, readScript, tidy } from '../../project/script-commands.ts';
import { readCompilation, TYPESCRIPT } from '../../project/tsconfig.ts';
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
  /** What its tools write. */
  tools: Output[];
}

const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
/** Commands that build nothing: checks, output, the removal of an earlier build, installations. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci)\b|\S+ .*--noEmit\b)/;

/** Finds how an app is built; null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null): Build | null {
  const isBuilding = (name: string) => readScript(project, name).some(({ argv }) => !IDLE.test(argv.join(' ')));
  const script = SCRIPTS.find(isBuilding) ?? null;
  const started = findStartedFiles(project);
  const command = script === null ? (framework?.build ?? findCompiler(project, started)) : null;
  if (script === null && command === null) return null;
  const reason = framework?.build ? framework.source : 'tsconfig.json';
  const tools = readOutputs(project, script === null ? readLine(project, command ?? '') : readScript(project, script));
  const made = framework?.copies
    ? framework.copies.map(({ from }) => from.split('/')[0] ?? '').filter((path) => !exists(project, path))
    : tools.map(({ directory }) => directory);
  const named = started.length > 0 ? started : [project.manifest.main ?? ''];
  const all = new Set([...made, ...named.map((file) => findMissingDirectory(project, file))]);
  const outputs = [...all].filter((path) => /^(?!\.\.|node_modules)./.test(path)).sort();
  const isNested = (path: string) => outputs.some((other) => path.startsWith(`${other}/`));
  return {
    script,
    command,
    source: script === null ? `${reason}, and no build script` : `${script} in package.json`,
    outputs: outputs.filter((path) => !isNested(path)),
    tools,
  };
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
