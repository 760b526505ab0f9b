import { posix } from 'node:path';
import { minVersion } from 'semver';
import { z } from 'zod';
import { compilePattern } from '../../lib/compile-pattern.ts';
import type { Project } from './read-project.ts';

const strings = z
  .union([z.string().transform((one) => [one]), z.array(z.string())])
  .optional()
  .catch(undefined);
const configSchema = z.object({
  compilerOptions: z.record(z.string(), z.unknown()).catch({}).default({}),
  extends: strings,
  include: strings,
  files: strings,
  exclude: strings,
  references: z
    .array(z.object({ path: z.string() }))
    .catch([])
    .default([]),
});

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
const DEPTH_LIMIT = 5;
const BASES_LIMIT = 3;
// What is not closed ends with the text: so no place of the text is read twice.
const COMMENTS = /("(?:\\.|[^"\\])*"?)|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/g;
const LAST_COMMAS = /("(?:\\.|[^"\\])*"?)|,(?=\s*[}\]])/g;

/** Reads a tsconfig.json with those that it extends, as far as they are in the project; null when there is none. */
export function readCompilation(project: Project, path: string): Compilation | null {
  const file = project.has(path) ? path : posix.join(path, 'tsconfig.json');
  const configs = readConfigs(project, file, 0);
  const own = configs.at(-1);
  if (!own) return null;
  const findPath = (name: string) => {
    const { compilerOptions, resolve } = configs.findLast((each) => name in each.compilerOptions) ?? own;
    return typeof compilerOptions[name] === 'string' ? resolve(compilerOptions[name]) : undefined;
  };
  const isSet = (name: string) => Object.assign({}, ...configs.map((each) => each.compilerOptions))[name] === true;
  const findPatterns = (name: 'include' | 'files' | 'exclude') => {
    const config = configs.findLast((each) => each[name] !== undefined);
    return config?.[name]?.flatMap((each) => toPatterns(config.resolve(each))).map(compilePattern);
  };
  // From TypeScript 6 on, the root is the directory of the config (https://www.typescriptlang.org/tsconfig/#rootDir).
  const findRoot = () => {
    const { rootManifest, manifest } = project;
    const versions = { ...rootManifest.devDependencies, ...manifest.dependencies, ...manifest.devDependencies };
    if (isSet('composite') || isAtLeast(versions.typescript, 6)) return own.resolve('.');
    const included = findPatterns('include') ?? findPatterns('files') ?? [compilePattern(own.resolve('**'))];
    const excluded = findPatterns('exclude') ?? [];
    const isAny = (patterns: typeof included, name: string) => patterns.some((matches) => matches(name));
    const isCompiled = (name: string) =>
      /(?<!\.d)\.[cm]?tsx?$/.test(name) && isAny(included, name) && !isAny(excluded, name);
    return commonDirectory(project.files.filter(isCompiled));
  };
  return {
    rootDir: findPath('rootDir') ?? findRoot(),
    outDir: findPath('outDir') ?? own.resolve('.'),
    emits: !isSet('noEmit') && !isSet('emitDeclarationOnly'),
    allowsJavaScript: isSet('allowJs'),
    references: own.references.map((reference) => own.resolve(reference.path)),
  };
}

/** `src` stands for all files in it, as `src/**` and `src/**` followed by a pattern do. */
const toPatterns = (path: string) => [path, `${path.replace(/(\/\*\*)?(\/\*(\.\w+)?)?$/, '')}/**`];

/** A config after those that it extends. JSON, with comments and with commas before a closing bracket. */
function readConfigs(project: Project, path: string, depth: number) {
  const resolve = (value: string) =>
    posix.join(posix.dirname(path), value.replace(/\$\{configDir\}/, '.'), '.').replace(/^\.$|\/$/, '');
  const keepString = (_: string, string = '') => string;
  try {
    const text = project
      .read(path)
      ?.slice(0, TEXT_LIMIT)
      .replace(COMMENTS, keepString)
      .replace(LAST_COMMAS, keepString);
    const config = { ...configSchema.parse(JSON.parse(text ?? '')), resolve };
    const bases = depth < DEPTH_LIMIT ? (config.extends ?? []).slice(0, BASES_LIMIT).map(resolve) : [];
    const read = (base: string): (typeof config)[] =>
      readConfigs(project, project.has(base) ? base : `${base}.json`, depth + 1);
    return [...bases.flatMap(read), config];
  } catch {
    return [];
  }
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
