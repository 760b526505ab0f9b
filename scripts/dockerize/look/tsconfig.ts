import { posix } from 'node:path';
import { minVersion } from 'semver';
import { z } from 'zod';
import { compilePattern } from '../../lib/compile-pattern.ts';
import type { Project } from './read-project.ts';

const strings = z.array(z.string()).optional().catch(undefined);
const configSchema = z.object({
  compilerOptions: z.record(z.string(), z.unknown()).catch({}).default({}),
  extends: z.union([z.string(), strings]).optional().catch(undefined),
  include: strings,
  exclude: strings,
  files: strings,
  references: z
    .array(z.object({ path: z.string() }))
    .catch([])
    .default([]),
});
type Config = z.infer<typeof configSchema>;

/** What a tsconfig.json compiles, and where to. Paths are relative to the project. */
export interface Compilation {
  rootDir: string;
  outDir: string;
  /** False when it only checks types. */
  emits: boolean;
  allowsJavaScript: boolean;
  references: string[];
}

const TEXT_LIMIT = 64 << 10;
const DEPTH_LIMIT = 8;
// What is not closed ends with the text: so no place of the text is tried twice.
const STRING = '("(?:\\\\.|[^"\\\\])*"?)';
const COMMENTS = new RegExp(`${STRING}|//[^\\n]*|/\\*(?:[^*]|\\*(?!/))*(?:\\*/)?`, 'g');
const LAST_COMMAS = new RegExp(`${STRING}|,(?=\\s*[}\\]])`, 'g');

/** Reads a tsconfig.json with those that it extends, as far as they are in the project; null when there is none. */
export function readCompilation(project: Project, path: string): Compilation | null {
  const file = project.has(path) ? path : posix.join(path, 'tsconfig.json');
  const config = readConfig(project, file, 0);
  if (config === null) return null;
  const { compilerOptions: options, references } = config;
  const directory = posix.dirname(file).replace(/^\.$/, '');
  return {
    rootDir: typeof options.rootDir === 'string' ? options.rootDir : findRoot(project, directory, config),
    outDir: typeof options.outDir === 'string' ? options.outDir : directory,
    emits: options.noEmit !== true && options.emitDeclarationOnly !== true,
    allowsJavaScript: options.allowJs === true,
    references: references.map((reference) => reference.path),
  };
}

/** A config, merged with those that it extends; its paths are relative to the project. */
function readConfig(project: Project, path: string, depth: number): Config | null {
  const config = depth > DEPTH_LIMIT ? null : parseConfig(project.read(path) ?? '');
  if (config === null) return null;
  const resolve = (value: string) =>
    posix.join(posix.dirname(path), value.replace(/\$\{configDir\}/, '.'), '.').replace(/^\.$|\/$/, '');
  const bases = [config.extends ?? []].flat().map((base) => {
    const candidate = resolve(base);
    return readConfig(project, project.has(candidate) ? candidate : `${candidate}.json`, depth + 1);
  });
  for (const name of ['outDir', 'rootDir']) {
    const value = config.compilerOptions[name];
    if (typeof value === 'string') config.compilerOptions[name] = resolve(value);
  }
  const base = Object.assign({}, ...bases) as Partial<Config>;
  return {
    ...config,
    compilerOptions: Object.assign({}, ...bases.map((each) => each?.compilerOptions), config.compilerOptions),
    include: (config.include ?? config.files)?.map(resolve) ?? base.include,
    exclude: config.exclude?.map(resolve) ?? base.exclude,
    references: config.references.map((reference) => ({ path: resolve(reference.path) })),
  };
}

/** JSON with comments and commas before a closing bracket. */
function parseConfig(text: string): Config | null {
  const keepString = (_: string, string = '') => string;
  try {
    const json = text.slice(0, TEXT_LIMIT).replace(COMMENTS, keepString).replace(LAST_COMMAS, keepString);
    return configSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/**
 * The root when the config does not say one: its directory from TypeScript 6 on and with `composite`, else the directory
 * that all its files have in common (https://www.typescriptlang.org/tsconfig/#rootDir).
 */
function findRoot(project: Project, directory: string, { compilerOptions, include, exclude = [] }: Config): string {
  const { rootManifest, manifest } = project;
  const versions = { ...rootManifest.devDependencies, ...manifest.dependencies, ...manifest.devDependencies };
  if (compilerOptions.composite === true || isAtLeast(versions.typescript, 6)) return directory;
  const match = (patterns: string[]) => {
    const all = patterns
      .flatMap((each) => [each, `${each.replace(/(\/\*\*)?(\/\*(\.\w+)?)?$/, '')}/**`])
      .map(compilePattern);
    return (file: string) => all.some((matches) => matches(file));
  };
  const [isIncluded, isExcluded] = [match(include ?? [posix.join(directory, '**')]), match(exclude)];
  const files = project.files.filter(
    (file) => /(?<!\.d)\.[cm]?tsx?$/.test(file) && isIncluded(file) && !isExcluded(file),
  );
  return commonDirectory(files);
}

/** The directory that files have in common. */
export function commonDirectory(files: string[]): string {
  const [first = [], ...others] = files.map((file) => file.split('/').slice(0, -1));
  const end = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return (end < 0 ? first : first.slice(0, end)).join('/');
}

/** Whether all versions of a range have at least this major version. */
export function isAtLeast(range: string | undefined, major: number): boolean {
  try {
    return (minVersion(range ?? '')?.major ?? 0) >= major;
  } catch {
    return false;
  }
}
