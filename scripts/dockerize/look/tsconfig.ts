import { posix } from 'node:path';
import { minVersion } from 'semver';
import { compilePattern } from '../../lib/compile-pattern.ts';
import type { Project } from './read-project.ts';

interface Tsconfig {
  compilerOptions?: Record<string, unknown>;
  extends?: string | string[];
  include?: string[];
  files?: string[];
  references?: { path?: unknown }[];
}

/** What a tsconfig.json compiles, and where to. Paths are relative to the project. */
export interface Compilation {
  rootDir: string;
  outDir: string;
  /** False with `noEmit`, or when nothing says where to. */
  emits: boolean;
  allowsJavaScript: boolean;
  references: string[];
}

const CONFIG_LIMIT = 64 << 10;

/** Reads a tsconfig.json with those that it extends, as far as they are in the project; null when there is none. */
export function readCompilation(project: Project, path: string): Compilation | null {
  const config = readConfig(project, project.has(path) ? path : posix.join(path, 'tsconfig.json'), 0);
  if (config === null) return null;
  const { options, include, directory } = config;
  const outDir = typeof options.outDir === 'string' ? options.outDir : directory;
  const emits = options.noEmit !== true && options.emitDeclarationOnly !== true;
  const rootDir =
    typeof options.rootDir === 'string' ? options.rootDir : findRoot(project, directory, include, options);
  return { rootDir, outDir, emits, allowsJavaScript: options.allowJs === true, references: config.references };
}

interface Config {
  options: Record<string, unknown>;
  include: string[];
  directory: string;
  references: string[];
}

function readConfig(project: Project, path: string, depth: number): Config | null {
  const text = project.read(path);
  const parsed = text === null || depth > 8 ? null : parseConfig(text);
  if (parsed === null) return null;
  const directory = posix.dirname(path).replace(/^\.$/, '');
  const resolve = (value: unknown) =>
    posix.join(directory, String(value).replace(/\$\{configDir\}/, '.')).replace(/^\.$|\/$/, '');
  const bases = [parsed.extends ?? []].flat().flatMap((base) => {
    const candidate = resolve(base);
    return readConfig(project, project.has(candidate) ? candidate : `${candidate}.json`, depth + 1) ?? [];
  });
  const options = { ...parsed.compilerOptions };
  for (const name of ['outDir', 'rootDir']) if (name in options) options[name] = resolve(options[name]);
  const include = parsed.include ?? parsed.files;
  return {
    options: Object.assign({}, ...bases.map((base) => base.options), options),
    include: Array.isArray(include) ? include.map(resolve) : (bases.at(-1)?.include ?? []),
    directory,
    references: Array.isArray(parsed.references) ? parsed.references.map(({ path: target }) => resolve(target)) : [],
  };
}

/** JSON with comments and trailing commas. */
function parseConfig(text: string): Tsconfig | null {
  const withoutComments = text
    .slice(0, CONFIG_LIMIT)
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string = '') => string)
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, string = '') => string);
  try {
    return Object(JSON.parse(withoutComments));
  } catch {
    return null;
  }
}

/**
 * The root when the config does not say one: its directory from TypeScript 6 on and with `composite`, else the directory
 * that all its files have in common (https://www.typescriptlang.org/tsconfig/#rootDir).
 */
function findRoot(project: Project, directory: string, include: string[], options: Record<string, unknown>): string {
  const range = {
    ...project.rootManifest.devDependencies,
    ...project.manifest.dependencies,
    ...project.manifest.devDependencies,
  };
  if (options.composite === true || isAtLeast(range.typescript ?? range['@typescript/native-preview'], 6))
    return directory;
  const patterns = include.map((pattern) =>
    compilePattern(pattern.replace(/\/\*\.(\w+|\{[^}]*\})$|\/\*\*\/\*$/, '/**')),
  );
  const files = project.files.filter(
    (file) =>
      /(?<!\.d)\.[cm]?tsx?$/.test(file) &&
      (directory === '' || file.startsWith(`${directory}/`)) &&
      (include.length === 0 || patterns.some((matches, at) => matches(file) || file.startsWith(`${include[at]}/`))),
  );
  const [first = [], ...others] = files.map((file) => file.split('/').slice(0, -1));
  const common = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return (common < 0 ? first : first.slice(0, common)).join('/');
}

/** Whether all versions of a range have at least this major version. */
export function isAtLeast(range: string | undefined, major: number): boolean {
  try {
    return (minVersion(range ?? '')?.major ?? 0) >= major;
  } catch {
    return false;
  }
}
