import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { evaluate, findProperty, type Value } from './evaluate.ts';
import { parseSource, type Site, type SourceFile } from './parse-source.ts';
import { isIn, type Project } from './read-project.ts';
import { tidy } from './script-commands.ts';
import { readSettings } from './tsconfig.ts';

/** What a program's source code says. Paths are those of the project. */
export type SourceScan = ReturnType<typeof scanSource>;

const FILES_LIMIT = 5000;
const ENDS = '.ts .tsx .mts .cts .js .jsx .mjs .cjs'.split(' ');
const EXTENSIONS = [...ENDS, ...ENDS.map((end) => `/index${end}`)];
/** Calls that load a module, or those of a directory: of a worker, or of plugins. */
const LOADERS = /(Worker|Piscina|fork|[rR]egister)$/;
/** A name and a text in JSON, which may be the first of a list, or what an object says for Node. */
const PAIR = /"([^"\n]+)"\s*:\s*(?:\[\s*|\{[^{}]*?"(?:node|import|default)"\s*:\s*)?"([^"\n]+)"/g;
const OTHER_DIRECTORIES =
  /(^|\/)(__\w+__|tests?|specs?|e2e|mocks|cypress|playwright|stories|scripts|examples?|docs|public|static|dist|build|coverage|\.[^/]+)\//;
const OTHER_FILES = /[.-](test|spec|stories|story|config|d|min|e2e-spec)\.[cm]?[jt]sx?$|(^|\/)\.[^/]*$/;

/** Whether a file is source code of the program, by its name: not a test, a configuration or a story. */
export const isProgramSource = (path: string) =>
  /\.[cm]?[jt]sx?$/.test(path) && !OTHER_DIRECTORIES.test(path) && !OTHER_FILES.test(path);

/** Reads the source code that the entry point (relative to the app) reaches; all of the app's without one. */
export function scanSource(project: Project, entry: string | null) {
  const start = (entry !== null && resolveFile(project, posix.join(project.app, entry))) || null;
  const isProgram = (file: string) => isIn(file, project.app) && isProgramSource(posix.relative(project.app, file));
  const always = new Set(start ? [start] : project.files.filter(isProgram));
  // What is only imported in a function or under a condition comes last: the packages that it imports are optional, too.
  const later = new Set<string>();
  const resolveImport = createResolver(project);
  const sources = new Map<string, SourceFile>();
  const [packages, optional] = [new Map<string, string>(), new Set<string>()];
  let isUncertain = false;
  const importedFile = (file: string, name: string) =>
    resolveImport(file, sources.get(file)?.bindings.get(name) ?? name);
  const placeAt = (file: string, offset: number) =>
    `${file}:${sources.get(file)?.text.slice(0, offset).split('\n').length}`;
  const findValue = (file: string, name: string, seen = new Set<string>()): Site | null => {
    const source = sources.get(file);
    const found = source?.named.get(name) ?? (seen.size > 0 ? source?.named.get(`.${name}`) : undefined);
    if (found || !source || seen.has(`${file} ${name}`)) return found ?? null;
    seen.add(`${file} ${name}`);
    const [first = '', ...rest] = name.split('.');
    const target = importedFile(file, first);
    if (target) return findValue(target, rest.join('.') || name, seen);
    const stars = [...source.bindings].filter(([key]) => key.startsWith('*'));
    return stars.map(([, from]) => findValue(resolveImport(file, from) ?? '', name, seen)).find(Boolean) ?? null;
  };
  const evaluateSite = ({ file, node }: Site, fits?: (text: string) => boolean) => {
    let steps = 0; // Values may refer to each other again and again.
    return evaluate(node, file, { fits, findValue: (at, name) => (steps++ < 200 ? findValue(at, name) : null) });
  };
  const readFile = (file: string, isLater: boolean) => {
    const source = sources.size < FILES_LIMIT ? parseSource(file, project.read(file) ?? '') : null;
    if (!source) return;
    sources.set(file, source);
    const follow = (targets: string[], isAlways: boolean) =>
      targets.forEach((one) => void (isAlways ? always : later).add(one));
    const addImport = (from: string, offset: number, isAlways: boolean, isUnused = false) => {
      const target = resolveImport(file, from);
      follow(target ? [target] : [], isAlways);
      const name = /^(?:@[^/]+\/)?[^/@.#~][^/]*/.exec(from)?.[0];
      if (!name || isUnused || target || isBuiltin(name) || /^[a-z]+:|[?!]/.test(from)) return;
      if (packages.has(name) && !(isAlways && optional.has(name))) return;
      packages.set(name, placeAt(file, offset));
      optional[isAlways ? 'delete' : 'add'](name);
    };
    for (const { from, start: offset, isUnused } of source.imports) addImport(from, offset, !isLater, isUnused);
    for (const { node, isOptional } of source.required) {
      const value = evaluateSite({ file, node });
      isUncertain ||= value === null;
      if (value && /Literal$/.test(node.type) && value.from === null && !value.isPartial)
        addImport(value.text, node.start, !isLater && !isOptional);
      else if (value) follow(findModules(project, value), !isLater);
    }
    for (const {
      args: [first, second],
    } of source.calls.filter(({ name }) => LOADERS.test(name))) {
      const node = findProperty(second, /^dir$/) ?? findProperty(first, /^filename$/) ?? first;
      const value = node ? evaluateSite({ file, node }) : null;
      if (value?.from) follow(findModules(project, value), !isLater);
    }
  };
  for (const file of always) readFile(file, false);
  for (const file of later) if (!always.has(file)) readFile(file, true);
  const all = [...sources.values()];
  return {
    /** The entry point in the source code; null when all files of the app were read instead. */
    entry: start,
    files: [...sources.keys()].sort(),
    /** Packages that are imported at run time, and not only for their types, and where: `src/a.ts:3`. */
    packages,
    optional,
    sources,
    calls: all.flatMap((one) => one.calls),
    values: all.flatMap((one) => one.values),
    /** Whether it imports modules that are named by an expression of which nothing is known: `require(name)`. */
    isUncertain,
    evaluate: evaluateSite,
    /** The value of a name in a file, also when it is imported from another file. */
    findValue: (file: string, name: string) => findValue(file, name),
    /** The file that a name of a file is imported from, or that a module is. */
    importedFile,
    placeOf: ({ file, node }: { file: string; node?: Node }) => (node ? placeAt(file, node.start) : file),
  };
}

/** The source files that a dynamic import may name: a file, or those of a directory. */
function findModules(project: Project, { from, text }: Value): string[] {
  const target = tidy(from === null ? project.app : posix.dirname(from), text);
  const file = resolveFile(project, target);
  if (file || target === project.app) return file ? [file] : [];
  return project.files.filter((one) => isIn(one, target) && isProgramSource(one));
}

/** The file that an import means, without an extension or with that of the output: `./a`, `./a.js` → `a.ts`. */
function resolveFile({ has }: Project, path: string): string | undefined {
  const stem = path.replace(/\.([cm]?)jsx?$/, '');
  return [path, ...EXTENSIONS.flatMap((end) => [stem + end, path + end])].find(
    (one) => /(\.[cm]?[jt]sx?|\/[^/.]+|^[^/.]+)$/.test(one) && !one.endsWith('.d.ts') && has(one),
  );
}

/** What imports may be called, and where that is: `paths` and `baseUrl` of a tsconfig.json, `imports` of a package.json. */
function readPatterns(project: Project, file: string, depth = 0): (readonly [from: string, to: string])[] {
  const directory = posix.dirname(file);
  const pairs = [...readSettings(project, file).matchAll(PAIR)].map(([, from = '', to = '']) => [from, to] as const);
  const { baseUrl = '', extends: parent = '' } = Object.fromEntries(pairs);
  const own = [...pairs, ...(baseUrl ? [['*', '*'] as const] : [])];
  const patterns = own.map(([from, to]) => [from, posix.join(directory, baseUrl, to)] as const);
  if (!parent.startsWith('.') || depth > 4) return patterns;
  return [
    ...patterns,
    ...readPatterns(project, posix.join(directory, parent.replace(/(\.json)?$/, '.json')), depth + 1),
  ];
}

/** Makes a function that finds the file of an import: relative ones, tsconfig's `paths`, `#imports`, packages of the workspace. */
function createResolver(project: Project) {
  const read = (name: string) => readPatterns(project, posix.join(project.app, name));
  const patterns = [...read('tsconfig.json'), ...read('jsconfig.json')];
  patterns.push(...read('package.json').filter(([from]) => from.startsWith('#')));
  for (const file of project.app === '' ? [] : project.files.filter((one) => one.endsWith('/package.json'))) {
    const [name, member] = [/"name"\s*:\s*"([^"]+)"/.exec(project.read(file) ?? '')?.[1], posix.dirname(file)];
    const directories = name && member !== project.app ? [`${member}/src`, member] : [];
    for (const one of directories) patterns.push([name ?? '', `${one}/index`], [`${name}/*`, `${one}/*`]);
  }
  // What a build makes is not in the project: its source code is.
  const resolve = (path: string) => {
    const others = ['src', '.'].map((one) => posix.join(path.replace(/(^|\/)(dist|build|lib)(?=\/|$)/, `$1${one}`)));
    return [path, ...others].map((one) => resolveFile(project, one)).find(Boolean);
  };
  return (file: string, from: string) => {
    if (/^\.\.?(\/|$)/.test(from)) return resolve(posix.join(posix.dirname(file), from));
    for (const [pattern, to] of from === '' ? [] : patterns) {
      const [start = '', end] = pattern.split('*');
      if (end === undefined ? from !== start : !from.startsWith(start) || !from.endsWith(end)) continue;
      const path = to.replace('*', from.slice(start.length, from.length - (end?.length ?? 0)));
      const found = resolve(path);
      if (found) return found;
    }
  };
}
