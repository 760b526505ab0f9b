import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { type NamedSite, parseSource, type Site, type SourceFile } from './parse-source.ts';
import { keyOf, type PathValue, readPath } from './read-path.ts';
import type { Project } from './read-project.ts';

/** What a program's source code says. Paths are those of the project. */
export interface SourceScan {
  /** The entry point in the source code; null when all files of the app were read instead. */
  entry: string | null;
  /** The source files that were read: those that the entry point reaches, sorted. */
  files: string[];
  /** Packages that are imported at run time, and not only for their types: name → `src/a.ts:3`. */
  packages: Map<string, string>;
  /** Those of them that are only imported in a function or under a condition. */
  optional: Set<string>;
  sources: Map<string, SourceFile>;
  calls: NamedSite[];
  values: NamedSite[];
  paths: Site[];
  /** Modules that are named by an expression of which nothing is known: `require(name)`. */
  unknownImports: Site[];
  /** The path that an expression stands for; null when nothing of it is known. */
  pathOf(site: Pick<Site, 'file' | 'node'>): PathValue | null;
  /** The value of a name in a file, also when it is imported from another file. */
  findValue(file: string, name: string): Site | null;
  /** The file that a name of a file is imported from, or that a module is. */
  importedFile(file: string, name: string): string | undefined;
}

const FILES_LIMIT = 5000;
const EXTENSIONS = '.ts .tsx .mts .cts .js .jsx .mjs .cjs /index.ts /index.tsx /index.js /index.mjs /index.cjs'.split(
  ' ',
);
const OTHER_DIRECTORIES =
  /(^|\/)(__\w+__|tests?|specs?|e2e|mocks|cypress|playwright|stories|scripts|examples?|docs|public|static|dist|build|coverage|\.[^/]+)\//;
const OTHER_FILES = /[.-](test|spec|stories|story|config|d|min|e2e-spec)\.[cm]?[jt]sx?$|(^|\/)\.[^/]*$/;

/** Whether a file is source code of the program, by its name: not a test, a configuration or a story. */
export const isProgramSource = (path: string) =>
  /\.[cm]?[jt]sx?$/.test(path) && !OTHER_DIRECTORIES.test(path) && !OTHER_FILES.test(path);

/** The value of a property of an object expression. */
export function findProperty(node: Node | undefined, name: RegExp): Node | undefined {
  const all = node?.type === 'ObjectExpression' ? node.properties : [];
  return all.flatMap((one) => (one.type === 'Property' && name.test(keyOf(one.key)) ? one.value : []))[0];
}

/** Reads the source code that the entry point (relative to the app) reaches; all of the app's without one. */
export function scanSource(project: Project, entry: string | null): SourceScan {
  const start = (entry !== null && resolveFile(project, posix.join(project.app, entry))) || null;
  const isProgram = (file: string) => isBelow(file, project.app) && isProgramSource(posix.relative(project.app, file));
  const queue = start ? [start] : project.files.filter(isProgram);
  // What is only imported under a condition comes last: the packages that it imports are optional, too.
  const later: string[] = [];
  const resolveImport = createResolver(project);
  const sources = new Map<string, SourceFile>();
  const byName = new Map<string, Map<string, Site>>();
  const packages = new Map<string, string>();
  const optional = new Set<string>();
  const unknownImports: Site[] = [];
  const importedFile = (file: string, name: string) =>
    resolveImport(file, sources.get(file)?.bindings.get(name) ?? name);
  const findValue = (file: string, name: string, seen = new Set<string>()): Site | null => {
    const source = sources.get(file);
    const [first = '', ...rest] = name.split('.');
    const found = byName.get(file)?.get(name) ?? null;
    if (found || !source || seen.has(`${file} ${name}`)) return found;
    const isOther = seen.size > 0;
    seen.add(`${file} ${name}`);
    const target = importedFile(file, first);
    if (target) return findValue(target, rest.length > 0 ? rest.join('.') : name, seen);
    const properties = isOther ? source.values.filter((one) => one.name.endsWith(`.${name}`)) : [];
    const [property] = properties.sort((a, b) => a.name.length - b.name.length);
    const stars = property ? [] : [...source.bindings].filter(([key]) => key.startsWith('*'));
    const others = stars.map(([, from]) => findValue(resolveImport(file, from) ?? '', name, seen));
    return property ?? others.find((one) => one !== null) ?? null;
  };
  const pathOf: SourceScan['pathOf'] = ({ file, node }) => readPath(node, file, limitSteps(findValue));
  const readFile = (file: string, isLater: boolean) => {
    const parsed =
      sources.has(file) || sources.size >= FILES_LIMIT ? null : parseSource(file, project.read(file) ?? '');
    if (!parsed) return;
    sources.set(file, parsed);
    byName.set(file, new Map(parsed.values.toReversed().map((one) => [one.name, one])));
    for (const { from, line, isType, isUnused, isOptional } of parsed.imports) {
      const target = resolveImport(file, from);
      if (target && !isType) (isOptional ? later : queue).push(target);
      const name = /^(?:@[^/]+\/)?[^/@.#~][^/]*/.exec(from)?.[0];
      if (!name || isType || isUnused || target || isBuiltin(name) || /^[a-z]+:|[?!]/.test(from)) continue;
      const isAlways = !isOptional && !isLater;
      if (packages.has(name) && !(isAlways && optional.has(name))) continue;
      packages.set(name, `${file}:${line}`);
      optional[isAlways ? 'delete' : 'add'](name);
    }
    // What a worker or a loader of plugins is given, and require(...) of a directory.
    const loaders = parsed.calls.filter(({ name }) => /(Worker|Piscina|fork|[rR]egister)$/.test(name));
    const nodes = loaders.map(({ args: [a, b] }) => findProperty(b, /^dir$/) ?? findProperty(a, /^filename$/) ?? a);
    for (const site of [...nodes.flatMap((node) => (node ? { file, line: 0, node } : [])), ...parsed.dynamic]) {
      const value = pathOf(site);
      if (value && (value.from || site.line > 0)) queue.push(...findModules(project, value));
      if (!value && site.line > 0) unknownImports.push(site);
    }
  };
  for (const file of queue) readFile(file, false);
  while (later.length > 0) {
    const before = queue.length;
    readFile(later.pop() ?? '', true);
    later.push(...queue.slice(before));
  }
  const all = [...sources.values()];
  const [calls, values, paths] = [
    all.flatMap((one) => one.calls),
    all.flatMap((one) => one.values),
    all.flatMap((one) => one.paths),
  ];
  const files = [...sources.keys()].sort();
  return {
    entry: start,
    files,
    packages,
    optional,
    sources,
    calls,
    values,
    paths,
    unknownImports,
    pathOf,
    findValue,
    importedFile,
  };
}

/** Ends a search for values that refer to each other again and again. */
export function limitSteps(findValue: SourceScan['findValue']): SourceScan['findValue'] {
  let steps = 0;
  return (file, name) => (steps++ < 200 ? findValue(file, name) : null);
}

const isBelow = (file: string, directory: string) => directory === '' || file.startsWith(`${directory}/`);

/** The source files that a dynamic import may name: a file, or those of a directory. */
function findModules(project: Project, { from, path }: PathValue): string[] {
  const target = posix.join(from === null ? project.app : posix.dirname(from), path).replace(/\/$/, '');
  const file = resolveFile(project, target);
  const isTooMuch = target === '.' || target === project.app;
  const all = file || isTooMuch ? [] : project.files.filter((one) => isBelow(one, target) && isProgramSource(one));
  return file ? [file] : all;
}

/** The file that an import means, without an extension or with that of the output: `./a`, `./a.js` → `a.ts`. */
function resolveFile({ has }: Project, path: string): string | undefined {
  const stem = path.replace(/\.([cm]?)jsx?$/, '');
  return [path, ...EXTENSIONS.flatMap((end) => [stem + end, path + end])].find(
    (one) => /(\.[cm]?[jt]sx?|\/[^/.]+|^[^/.]+)$/.test(one) && !one.endsWith('.d.ts') && has(one),
  );
}

/** Makes a function that finds the file of an import: relative ones, tsconfig's `paths`, `#imports`, packages of the workspace. */
function createResolver(project: Project) {
  const patterns: [from: string, to: string][] = [];
  const addPatterns = (file: string, depth: number) => {
    const values = parseSource(`${file}.ts`, `(${project.read(file) ?? ''}\n)`)?.values ?? [];
    const findAll = (name: string) => values.filter((one) => one.name.startsWith(name));
    const textOf = (site: NamedSite | undefined, otherwise = '') => {
      const node = site?.node.type === 'ArrayExpression' ? site.node.elements[0] : site?.node;
      return node?.type === 'Literal' ? String(node.value) : otherwise;
    };
    const [directory, baseUrl] = [posix.dirname(file), findAll('compilerOptions.baseUrl')[0]];
    const base = posix.join(directory, textOf(baseUrl, '.'));
    for (const one of findAll('compilerOptions.paths.'))
      patterns.push([one.name.slice(22), posix.join(base, textOf(one))]);
    if (baseUrl) patterns.push(['*', posix.join(base, '*')]);
    for (const one of findAll('imports.#')) {
      const name = one.name.slice(8).replace(/\.(default|node|import|require|production)$/, '');
      patterns.push([name, posix.join(directory, textOf(one))]);
    }
    const parent = textOf(findAll('extends')[0]);
    if (parent.startsWith('.') && depth < 5)
      addPatterns(posix.join(directory, parent.replace(/(\.json)?$/, '.json')), depth + 1);
  };
  for (const name of ['tsconfig.json', 'jsconfig.json', 'package.json']) addPatterns(posix.join(project.app, name), 0);
  for (const file of project.app === '' ? [] : project.files.filter((one) => one.endsWith('/package.json'))) {
    const [name, member] = [/"name"\s*:\s*"([^"]+)"/.exec(project.read(file) ?? '')?.[1], posix.dirname(file)];
    if (!name || member === project.app) continue;
    for (const directory of [`${member}/src`, member])
      patterns.push([name, `${directory}/index`], [`${name}/*`, `${directory}/*`]);
  }
  // What a build makes is not in the project: its source code is.
  const resolve = (path: string) => {
    const paths = ['src', '.'].map((other) => posix.join(path.replace(/(^|\/)(dist|build|lib)(?=\/|$)/, `$1${other}`)));
    return [path, ...paths].map((one) => resolveFile(project, one)).find(Boolean);
  };
  return (file: string, from: string): string | undefined => {
    if (/^\.\.?(\/|$)/.test(from)) return resolve(posix.join(posix.dirname(file), from));
    for (const [pattern, to] of from === '' ? [] : patterns) {
      const [start = '', end] = pattern.split('*');
      if (end === undefined ? from !== start : !from.startsWith(start) || !from.endsWith(end)) continue;
      const path = to.replace('*', from.slice(start.length, from.length - (end?.length ?? 0)));
      const found = resolve(path);
      if (found) return found;
    }
    return undefined;
  };
}
