import { posix } from 'node:path';
import { readOutput } from '../../project/build-tools.ts';
import { existsInApp, type Framework } from '../../project/frameworks.ts';
import type { Project } from '../../project/read-project.ts';
import { findStartedFiles, readLine, tidy } from '../../project/script-commands.ts';
import { readCompilation } from '../../project/tsconfig.ts';

export type Build = NonNullable<ReturnType<typeof findBuild>>;

const SCRIPTS = ['build', 'build:prod', 'build:production', 'compile', 'dist', 'heroku-postbuild', 'gcp-build'];
/** Commands that build nothing: checks, output, the removal of an earlier build, installations. */
const IDLE =
  /^(echo|true|exit|eslint|biome|prettier|husky|rimraf|shx|del-cli|rm|mkdir|cp|(npm|pnpm|yarn) (i|install|ci)\b|\S+ .*--noEmit\b)/;

/** Finds how an app is built: by a script, otherwise by a command. null when it runs as it is written. */
export function findBuild(project: Project, framework: Framework | null) {
  const read = (name: string) => readLine(project, `npm run ${name}`);
  const script = SCRIPTS.find((name) => read(name).some(({ argv }) => !IDLE.test(argv.join(' ')))) ?? null;
  const started = findStartedFiles(project);
  const command = script === null ? (framework?.build ?? findCompiler(project, started)) : null;
  if (script === null && command === null) return null;
  const reason = framework?.build ? framework.source : 'tsconfig.json';
  const commands = script === null ? readLine(project, command ?? '') : read(script);
  const tools = commands.flatMap((each) => readOutput(project, each) ?? []);
  const copied = framework?.copies?.map(({ from }) => from).filter((path) => !existsInApp(project, path));
  const named = started.length > 0 ? started : [project.manifest.main ?? ''];
  const missing = [...(copied ?? []), ...named].map((file) => findMissingDirectory(project, file));
  const all = [...new Set([...(copied ? [] : tools.map(({ directory }) => directory)), ...missing])];
  const outputs = all.filter((path) => /^(?!\.\.|node_modules)./.test(path)).sort();
  return {
    script,
    command,
    source: script === null ? `${reason}, and no build script` : `${script} in package.json`,
    /** The directories that it makes, relative to the app. */
    outputs: outputs.filter((path) => !outputs.some((other) => path.startsWith(`${other}/`))),
    tools,
  };
}

/** tsc, for TypeScript that nothing builds and that Node does not run as it is. */
function findCompiler(project: Project, started: string[]): string | null {
  const { dependencies, devDependencies, main, exports } = project.manifest;
  const config = readCompilation(project, posix.join(project.app, 'tsconfig.json'));
  const hasCompiler = 'typescript' in { ...dependencies, ...devDependencies, ...project.rootManifest.devDependencies };
  // Nor does a package of a workspace that is used as it is written: "exports": "./src/index.ts".
  const used = started[0] ? started : (JSON.stringify([main, exports]).match(/[^"]+\.tsx?(?=")/g) ?? []);
  const runsSource = used.some((file) => project.has(posix.join(project.app, file)));
  if (!hasCompiler || !config?.emits || runsSource) return null;
  return config.outDir === project.app ? 'npx tsc --outDir dist' : 'npx tsc';
}

/** The first directory on the way to a file that is not in the project: the build makes it. */
function findMissingDirectory(project: Project, file: string): string {
  const path = tidy(file);
  if (path.includes('node_modules') || existsInApp(project, `${path}.`)) return '';
  const paths = path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));
  return paths.find((each) => posix.extname(each) === '' && !existsInApp(project, `${each}/`)) ?? '';
}
