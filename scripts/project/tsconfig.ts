import { posix } from 'node:path';
import type { Project } from './read-project.ts';
import { tidy } from './script-commands.ts';

/** The name of a source file that is compiled. */
export const TYPESCRIPT = /(?<!\.d)\.[cm]?tsx?$/;

const CHARACTERS_LIMIT = 64 << 10;
/** A config that extends itself is read no further. */
const EXTENDS_LIMIT = 5;
// What is not closed ends with the line or the text: so no place of the text is read twice.
const COMMENTS = /("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/g;

/** The text of a file of settings without its comments; empty when there is none. */
export const readSettings = (project: Project, path: string): string =>
  (project.read(path) ?? '').slice(0, CHARACTERS_LIMIT).replace(COMMENTS, (_, string = '') => string);

/** The same of a tool's settings in JavaScript or TypeScript: `vite.config.ts`. */
export const readToolSettings = (project: Project, directory: string, tool: string): string =>
  ['ts', 'mts', 'js', 'mjs', 'cjs']
    .map((end) => readSettings(project, posix.join(directory, `${tool}.config.${end}`)))
    .join('');

/** The major version that a range begins with; 0 when it names none. */
export const majorOf = (range = '') => Number(/\d{1,4}/.exec(range)?.[0] ?? 0);

/**
 * What a tsconfig.json compiles, and where to, with those that it extends, as far as they are in the project; null when there
 * is none. Paths are relative to the project.
 */
export function readCompilation(project: Project, path: string) {
  const configs = readConfigs(project, path, 0);
  const [own] = configs;
  if (!own) return null;
  const find = (name: string) =>
    configs
      .map(({ text, directory }) => stringsOf(text, name).map((each) => tidy(directory, each)))
      .find(([first]) => first !== undefined);
  const isSet = (name: string) =>
    configs.map(({ text }) => new RegExp(`"${name}"\\s*:\\s*(\\w+)`).exec(text)?.[1]).find(Boolean) === 'true';
  const startsWithOne = (file: string, patterns: string[] = []) =>
    patterns.some((each) => file.startsWith(each.split('*')[0] ?? ''));
  const included = find('include') ?? find('files') ?? [own.directory];
  const excluded = find('exclude')?.filter((each) => tidy(each.split('*')[0] ?? '') !== own.directory);
  const sources = project.files.filter(
    (file) => TYPESCRIPT.test(file) && startsWithOne(file, included) && !startsWithOne(file, excluded),
  );
  // From TypeScript 6 on, the root is the directory of the config (https://www.typescriptlang.org/tsconfig/#rootDir).
  const { typescript } = { ...project.rootManifest.devDependencies, ...project.manifest.devDependencies };
  const root = isSet('composite') || majorOf(typescript) >= 6 ? own.directory : commonDirectory(sources);
  return {
    rootDir: find('rootDir')?.[0] ?? root,
    outDir: find('outDir')?.[0] ?? own.directory,
    emits: !isSet('noEmit') && !isSet('emitDeclarationOnly'),
  };
}

/** The string, or the strings of the list, that a name has in a JSON text. */
function stringsOf(text: string, name: string): string[] {
  const [, value = ''] = new RegExp(`"${name}"\\s*:\\s*(\\[[^\\]]*|"[^"]*")`).exec(text) ?? [];
  return [...value.matchAll(/"([^"]*)"/g)].slice(0, 100).map(([, each = '']) => each.replace(/^\$\{configDir\}/, '.'));
}

/** A config and those that it extends, the strongest first. */
function readConfigs(project: Project, path: string, depth: number): { directory: string; text: string }[] {
  const file = [path, `${path}.json`, posix.join(path, 'tsconfig.json')].find(project.has);
  if (file === undefined || depth > EXTENDS_LIMIT) return [];
  const [text, directory] = [readSettings(project, file), tidy(posix.dirname(file))];
  const bases = stringsOf(text, 'extends').slice(0, 3).reverse();
  return [{ directory, text }, ...bases.flatMap((base) => readConfigs(project, tidy(directory, base), depth + 1))];
}

/** The directory that files have in common. */
function commonDirectory([first = '', ...others]: string[]): string {
  const parts = first.split('/').slice(0, -1);
  while (parts.length > 0 && !others.every((other) => other.startsWith(`${parts.join('/')}/`))) parts.pop();
  return parts.join('/');
}
