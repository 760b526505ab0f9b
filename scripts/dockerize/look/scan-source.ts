import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { type Call, type NamedValue, parseSource, type Site, type SourceFile } from './parse-source.ts';
import { keyOf, type PathValue, readPath } from './read-path.ts';
import type { Project } from './read-project.ts';

/** What a program's source code says. Paths are those of the project. */
export interface SourceScan {
  /** The entry point in the source code; null when all files were read instead. */
  entry: string | null;
  /** The source files that were read: those that the entry point reaches, sorted. */
  files: string[];
  /** Packages that are imported at run time, and not only for their types: name → `src/a.ts:3`. */
  packages: Map<string, string>;
  /** Those of them that are only imported in a function or under a condition. */
  optional: Set<string>;
  calls: Call[];
  values: NamedValue[];
  paths: Site[];
  sources: Map<string, SourceFile>;
  /** A module that is named by an expression of which nothing is known: `require(name)`. */
  unknownImports: Site[];
  /** The path that an expression stands for; null when it cannot be known. */
  pathOf(site: Pick<Site, 'file' | 'node'>): PathValue | null;
  /** The file that a name of a file is imported from; `name` may also be `require` of it. */
  importedFile(file: string, name: string): string | undefined;
  /** The value of a name in a file, also when it is imported from another file. */
  findValue(file: string, name: string): Site | null;
}

const FILES_LIMIT = 5000;
const SOURCE = /\.[cm]?[jt]sx?$/;
const NOT_THE_PROGRAM =
  /(^|\/)(__tests__|__mocks__|tests?|specs?|e2e|cypress|playwright|stories|scripts|examples?|docs|public|static|dist|build|coverage|\.[^/]+)\/|[.-](test|spec|stories|story|config|d|min|e2e-spec)\.[cm]?[jt]sx?$|(^|\/)\.[^/]*$/;
/** Whether a file is source code of the program, by its name: not a test, a configuration or a story. */
export const isProgramSource = (path: string) => SOURCE.test(path) && !NOT_THE_PROGRAM.test(path);

/** Reads the source code that the entry point (relative to the app) reaches; all of the app's without one. */
export function scanSource(project: Project, entry: string | null): SourceScan {
  const start = (entry !== null && resolveFile(project, posix.join(project.app, entry))) || null;
  const isBelow = (file: string) => project.app === '' || file.startsWith(`${project.app}/`);
  const queue = start ? [start] : project.files.filter((file) => isBelow(file) && isProgramSource(file));
  const resolveImport = createResolver(project);
  const sources = new Map<string, SourceFile>();
  const packages = new Map<string, string>();
  const optional = new Set<string>();
  const unknownImports: Site[] = [];
  const findValue = (file: string, name: string, depth = 0): Site | null => {
    const source = sources.get(file);
    const [first = '', ...rest] = name.split('.');
    const found = source?.values.find((one) => one.name === name) ?? null;
    if (found || !source || depth > 8) return found;
    const target = resolveImport(file, source.bindings.get(first) ?? '');
    if (target) return findValue(target, rest.length > 0 ? rest.join('.') : name, depth + 1);
    const property = source.values.find((one) => depth > 0 && one.name.endsWith(`.${name}`));
    if (property) return property;
    for (const from of source.reexports) {
      const value = findValue(resolveImport(file, from) ?? '', name, depth + 1);
      if (value) return value;
    }
    return null;
  };
  const pathOf: SourceScan['pathOf'] = ({ file, node }) => readPath(node, file, findValue);
  for (const file of queue) {
    if (sources.has(file) || sources.size >= FILES_LIMIT) continue;
    const parsed = parseSource(file, project.read(file) ?? '');
    if (!parsed) continue;
    sources.set(file, parsed);
    for (const { from, line, isType, isConditional } of parsed.imports) {
      const target = resolveImport(file, from);
      if (target) queue.push(target);
      const name = /^(?:@[^/]+\/)?[^/@.#~][^/]*/.exec(from)?.[0];
      const isPackage = name && !isType && !target && !isBuiltin(name) && !/^[a-z]+:|[?!]/.test(from);
      if (!isPackage || (packages.has(name) && (isConditional || !optional.has(name)))) continue;
      packages.set(name, `${file}:${line}`);
      if (isConditional) optional.add(name);
      else optional.delete(name);
    }
    for (const site of parsed.dynamic) {
      const value = pathOf(site);
      if (!value) unknownImports.push(site);
      else queue.push(...findModules(project, value));
    }
    // What a worker or a plugin loader is given.
    for (const call of parsed.calls.filter(({ name }) => /Worker$|Piscina$|fork$|[rR]egister$/.test(name))) {
      const directory = findProperty(call.args[1] ?? call.args[0], /^(dir|filename)$/);
      const value = pathOf({ file, node: directory ?? (call.args[0] as Node) });
      if (value?.from && call.args[0]) queue.push(...findModules(project, value));
    }
  }
  const all = [...sources.values()];
  return {
    entry: start,
    files: [...sources.keys()].sort(),
    packages,
    optional,
    calls: all.flatMap(({ calls }) => calls),
    values: all.flatMap(({ values }) => values),
    paths: all.flatMap(({ paths }) => paths),
    sources,
    unknownImports,
    pathOf,
    findValue,
    importedFile: (file, name) => resolveImport(file, sources.get(file)?.bindings.get(name) ?? ''),
  };
}

/** The value of a property of an object expression, by its name. */
export function findProperty(node: Node | undefined, name: RegExp): Node | undefined {
  if (node?.type !== 'ObjectExpression') return undefined;
  for (const one of node.properties) if (one.type === 'Property' && name.test(keyOf(one.key))) return one.value;
  return undefined;
}

/** The source files that a dynamic import may name: a file, or those of a directory. */
function findModules(project: Project, { from, path }: PathValue): string[] {
  const target = posix.join(from === null ? project.app : posix.dirname(from), path);
  const file = resolveFile(project, target);
  if (file) return [file];
  const directory = target === '.' ? '' : `${target}/`;
  const isTooMuch = directory === '' || directory === `${project.app}/`;
  return isTooMuch ? [] : project.files.filter((one) => one.startsWith(directory) && isProgramSource(one));
}

/** The file that an import without or with an extension of the output means: `./a`, `./a.js` → `a.ts`. */
function resolveFile({ has }: Project, path: string): string | undefined {
  const stem = path.replace(/\.([cm]?)jsx?$/, '');
  const ends = [
    '.ts',
    '.tsx',
    '.mts',
    '.cts',
    '.js',
    '.jsx',
    '.mjs',
    '.cjs',
    '/index.ts',
    '/index.tsx',
    '/index.js',
    '/index.mjs',
    '/index.cjs',
  ];
  return [path, ...ends.map((end) => stem + end), ...ends.map((end) => path + end)].find(
    (one) => /(\.[cm]?[jt]sx?|\/[^/.]+|^[^/.]+)$/.test(one) && !one.endsWith('.d.ts') && has(one),
  );
}

/** Makes a function that finds the file of an import: relative ones, tsconfig's `paths`, `#imports`, packages of the workspace. */
function createResolver(project: Project) {
  const patterns: [from: string, to: string][] = [];
  const addPaths = (file: string, depth: number) => {
    const parsed = parseSource(`${file}.ts`, `(${project.read(file) ?? ''}\n)`);
    const find = (name: string) => parsed?.values.filter((one) => one.name.startsWith(name)) ?? [];
    const text = ({ node }: NamedValue) => {
      const first = node.type === 'ArrayExpression' ? node.elements[0] : node;
      return first?.type === 'Literal' ? String(first.value) : '';
    };
    const base = posix.join(posix.dirname(file), find('compilerOptions.baseUrl').map(text)[0] ?? '.');
    for (const one of find('compilerOptions.paths.')) {
      patterns.push([one.name.slice('compilerOptions.paths.'.length), posix.join(base, text(one))]);
    }
    for (const one of find('imports.#'))
      patterns.push([
        one.name.slice(8).replace(/\.(default|node|import|require|production)$/, ''),
        posix.join(posix.dirname(file), text(one)),
      ]);
    if (find('compilerOptions.baseUrl').length > 0) patterns.push(['*', posix.join(base, '*')]);
    const parent = find('extends').map(text)[0];
    if (parent?.startsWith('.') && depth < 5)
      addPaths(posix.join(posix.dirname(file), parent.replace(/(\.json)?$/, '.json')), depth + 1);
  };
  for (const name of ['tsconfig.json', 'jsconfig.json', 'package.json']) addPaths(posix.join(project.app, name), 0);
  const members = project.app === '' ? [] : project.files.filter((file) => file.endsWith('/package.json'));
  for (const file of members) {
    const name = /"name"\s*:\s*"([^"]+)"/.exec(project.read(file) ?? '')?.[1];
    const directory = posix.dirname(file);
    if (name && directory !== project.app)
      patterns.push(
        [name, `${directory}/src/index`],
        [name, `${directory}/index`],
        [`${name}/*`, `${directory}/src/*`],
        [`${name}/*`, `${directory}/*`],
      );
  }
  return (file: string, from: string): string | undefined => {
    if (/^\.\.?(\/|$)/.test(from)) return resolveFile(project, posix.join(posix.dirname(file), from));
    for (const [pattern, to] of patterns) {
      const [start = '', end] = pattern.split('*');
      const isMatch = end === undefined ? from === start : from.startsWith(start) && from.endsWith(end);
      const path = to.replace('*', end === undefined ? '' : from.slice(start.length, from.length - end.length));
      const found =
        isMatch &&
        from !== '' &&
        (resolveFile(project, path) ?? resolveFile(project, path.replace(/(^|\/)(dist|build|lib)\//, '$1src/')));
      if (found) return found;
    }
    return undefined;
  };
}
