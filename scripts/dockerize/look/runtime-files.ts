import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { type Fact, fact } from '../../project/fact.ts';
import { findOwnStage } from '../../project/own-files.ts';
import type { PathValue } from '../../project/read-path.ts';
import type { Project } from '../../project/read-project.ts';
import { findProperty, isProgramSource, type SourceScan } from '../../project/scan-source.ts';

/** What the program needs beside the output of the build. Paths are relative to the app; absolute ones are outside of it. */
export interface RuntimeFiles {
  /** Files and directories that it reads. */
  reads: Fact<string>[];
  /** Directories that it writes to; empty for the app's own directory. */
  writes: Fact<string>[];
  /** A path that could not be followed: everything should be copied. */
  isUncertain: boolean;
}

const endsWith = (names: string) => new RegExp(`(^|[.\\s])(${names.replaceAll(' ', '|').replaceAll('*', '\\w*')})$`);
/** Calls whose arguments, or properties of them, are paths that are read. */
const READERS = endsWith(
  'static* serve* send koaStatic readFile* readdir* readJson* createReadStream existsSync statSync lstatSync opendir sendFile download loadSync load renderFile compileFile configure registerPartials views render engine register Piscina Worker migrate sync glob* favicon set use knex Sequelize DataSource forRoot* useStaticAssets setBaseViewsDir expressStaticGzip',
);
const READ_OPTIONS =
  /^(root|dir|directory|directories|path|filename|views|templates|localesDir|loadPath|migrationsFolder|migrations|rootPath|folder|partialsDir|layoutsDir|viewPath|basedir)$/i;
/** Calls whose first argument is written to. */
const WRITERS = endsWith(
  'writeFile* mkdir* createWriteStream appendFile* outputFile* outputJson* ensureDir* ensureFile* Database DatabaseSync JSONFile* Low* Datastore FileSync LocalStorage destination',
);
/** Calls with a property that is written to: a directory, or a file. */
const WRITE_OWNERS = endsWith(
  'multer File DailyRotateFile FileStore Sequelize DataSource forRoot* Datastore formidable fileUpload pino destination createClient PrismaBetterSqlite3 PrismaLibSQL knex',
);
const WRITE_OPTIONS = /^(dest|destination|uploadDir|tempFileDir|dirname|filename|storage|database|path|url)$/i;
const DIRECTORIES = /mkdir|ensureDir|LocalStorage|multer|FileStore|formidable|fileUpload|Rotate/;
const DATABASE = /^\S+\.(db|sqlite3?)$/;
/** What belongs to the system: the app's user must not own it, and a volume must not hide it. */
const SYSTEM = /^\/((dev|proc|sys|tmp)(\/.*)?|bin|etc|home|lib|opt|root|sbin|usr|var)?$/;
const KEPT =
  /^((?:(?:\.\.\/)+|(?:[\w-]+\/)*?)(?:[\w-]*data|db|var|logs?|uploads?|files|storage|media|cache|tmp|sessions?))\/(?:[\w-]+\/)*\.(?:git)?(?:keep|ignore)$/;
/** What is copied anyway, or never. */
const NOT_READ =
  /(^|\/)(package(-lock)?\.json|yarn\.lock|pnpm-[\w-]+\.yaml|\.npmrc|\.yarnrc\.yml|tests?|__tests__|node_modules|\.env[^/]*|[^/]*\.(pem|key)|tsconfig[^/]*|Dockerfile[^/]*)(\/|$)/;

const isIn = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);
const toFacts = (entries: Iterable<[string, string]>) => [...entries].map(([path, source]) => fact(path, source));

/** Finds the files that the program reads and writes at run time. `outputs`: what the build makes, relative to the app. */
export function findRuntimeFiles(project: Project, scan: SourceScan, outputs: string[]): RuntimeFiles {
  const written = new Set<Node>();
  const writes = findWrites(project, scan, outputs, written);
  return { reads: findReads(project, scan, outputs, written), writes, isUncertain: scan.unknownImports.length > 0 };
}

function findReads(project: Project, scan: SourceScan, outputs: string[], written: Set<Node>): Fact<string>[] {
  const reads = new Map<string, string>();
  const parentsOf = (file: string) => file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'));
  const [places, sources] = [new Set(project.files.flatMap(parentsOf)), new Set(scan.files)];
  const sourcePlaces = new Set(scan.files.flatMap(parentsOf));
  const isBuilt = (path: string) => outputs.some((output) => isIn(path, output));
  const exists = (path: string) => path === '' || places.has(posix.join(project.app, path));
  const add = (path: string | undefined, source: string) => {
    if (!path || path.startsWith('..') || posix.isAbsolute(path) || !exists(path) || isBuilt(path)) return;
    const inProject = posix.join(project.app, path);
    const isSource = sources.has(inProject) || (outputs.length > 0 && sourcePlaces.has(inProject));
    if (!isSource && !NOT_READ.test(path) && !reads.has(path)) reads.set(path, source);
  };
  const addSite = (file: string, line: number, node: Node) => {
    const value = scan.pathOf({ file, node });
    const paths = value ? locate(value, project.app, outputs) : [];
    add(
      paths.find((one) => exists(one) || isBuilt(one)),
      `${file}:${line}`,
    );
  };
  for (const { name, file, line, args } of scan.calls) {
    const [first] = args;
    if (
      /\.(set|engine)$/.test(name) &&
      first?.type === 'Literal' &&
      /^(view engine|ejs|pug|hbs|html)$/.test(String(first.value))
    ) {
      add('views', `${file}:${line}`);
    }
    if (!READERS.test(name)) continue;
    const nodes = [...args, ...args.flatMap((one) => findProperty(one, READ_OPTIONS) ?? [])];
    for (const node of nodes.flatMap((one): (Node | null)[] =>
      one.type === 'ArrayExpression' ? one.elements : [one],
    )) {
      if (node) addSite(file, line, node);
    }
  }
  for (const { file, line, node, value } of outerPaths(scan)) {
    const isPath = value.from !== null || node.type === 'CallExpression';
    if (isPath && !written.has(node) && !DATABASE.test(value.path)) addSite(file, line, node);
  }
  // https://github.com/node-config/node-config reads its directory by itself.
  const configured = scan.packages.get('config') ?? scan.packages.get('@feathersjs/configuration');
  if (configured) add('config', configured);
  // The name of a file, in the source code or in a configuration that it reads: it may be read elsewhere.
  const addFile = (word: string, source: string) => {
    if (/^[\w./-]{1,99}\.\w+$/.test(word) && project.has(posix.join(project.app, word)))
      add(posix.normalize(word), source);
  };
  for (const [file, { words }] of scan.sources) {
    for (const word of words) addFile(word, file);
    // What JavaScript imports: require('../data.json'). Of TypeScript it is in the output.
    const imported = /\.[cm]?tsx?$/.test(file) ? [] : [...words].filter((word) => /^\.\.?\/.*\.json$/.test(word));
    for (const word of imported) addFile(posix.relative(project.app, posix.join(posix.dirname(file), word)), file);
  }
  for (const path of reads.keys()) {
    const text = /\.(json|js|ya?ml)$/.test(path) ? project.read(posix.join(project.app, path)) : null;
    for (const [, word = ''] of text?.slice(0, 100_000).matchAll(/["']([^"'\s]+)["']/g) ?? []) addFile(word, path);
  }
  for (const { value, source } of findCopied(project)) if (!isProgramSource(value)) add(value, source);
  return toFacts([...reads].filter(([path]) => ![...reads.keys()].some((one) => one !== path && isIn(path, one))));
}

/** The expressions that are paths, without those that are part of another. */
function outerPaths(scan: SourceScan) {
  let [end, last] = [0, ''];
  return scan.paths.flatMap((site) => {
    const value = site.file === last && site.node.start < end ? null : scan.pathOf(site);
    if (value) [last, end] = [site.file, site.node.end];
    return value ? [{ ...site, value }] : [];
  });
}

function findWrites(project: Project, scan: SourceScan, outputs: string[], written: Set<Node>): Fact<string>[] {
  const writes = new Map<string, string>();
  const add = (path: string, source: string) => {
    const isOutside = SYSTEM.test(path) || posix.join(project.app, path).startsWith('..') || /^(\w+:|:)/.test(path);
    const isKnown = [...writes.keys()].some((one) => one !== '' && isIn(path, one));
    if (!isOutside && !isKnown && !outputs.some((output) => isIn(path, output))) writes.set(path, source);
  };
  const addValue = (given: PathValue, isFile: boolean, source: string) => {
    const value = { ...given, path: given.path.replace(/^(file|sqlite):(\/\/)?/, '').replace(/\?.*/, '') };
    const path = locate(value, project.app, outputs)[0] ?? '';
    if (path === '' && (value.isPartial || !isFile)) return;
    add(isFile && !value.isPartial ? posix.join(path, '..').replace(/^\.$/, '') : path, source);
  };
  for (const { name, file, line, args } of scan.calls) {
    const [first] = args;
    const isOwner = WRITE_OWNERS.test(name);
    const option = isOwner ? findProperty(first, WRITE_OPTIONS) : undefined;
    const node = option ?? (WRITERS.test(name) ? first : undefined);
    const value = node && scan.pathOf({ file, node });
    const isFile = option ? /\.\w+$/.test(value?.path ?? '') : !DIRECTORIES.test(name);
    if (!node || !value || (option && !isFile && !DIRECTORIES.test(name))) continue;
    written.add(node);
    addValue(value, isFile, `${file}:${line}`);
  }
  for (const { file, line, node, value } of outerPaths(scan)) {
    if (DATABASE.test(value.path.replace(/\?.*/, '')) && !written.has(node)) addValue(value, true, `${file}:${line}`);
  }
  const others = [...findPrismaDatabases(project), ...findOwnVolumes(project), ...findEmptyDirectories(project)];
  for (const { value, source } of others) add(value, source);
  return toFacts(writes);
}

/** Directories that Git keeps without a file of their own: `uploads/.gitkeep`. */
function findEmptyDirectories({ app, files }: Project): Fact<string>[] {
  return files.flatMap((file) => {
    const directory = KEPT.exec(posix.relative(app, file))?.[1];
    if (!directory) return [];
    const inside = files.filter((one) => isIn(one, posix.join(app, directory)));
    return inside.every((one) => /\/\.\w+$/.test(one)) ? [fact(directory, file)] : [];
  });
}

/** The volumes of the project's own Dockerfile. */
function findOwnVolumes(project: Project): Fact<string>[] {
  const stage = findOwnStage(project);
  const home = stage?.find('WORKDIR').at(-1)?.getArgumentsContent() ?? '/app';
  const words = (stage?.find('VOLUME') ?? []).flatMap((one) => one.getArgumentsContent()?.match(/[^\s"',[\]]+/g) ?? []);
  return words.map((word) => {
    const path = posix.resolve(home, stage?.expand(word) ?? word);
    return fact(isIn(path, home) ? posix.relative(home, path) : path, `VOLUME in ${stage?.path}`);
  });
}

/**
 * Where a path is at run time, relative to the app. A source file may lie in the output with or without the first of its
 * directories (`src/a.ts` → `dist/a.js`, `dist/src/a.js`), or in one bundle. Without outputs it stays where it is.
 */
function locate({ from, path, isPartial }: PathValue, app: string, outputs: string[]): string[] {
  // Up to the first pattern: entities/**/*.ts
  const fixed = path.includes('*') ? path.slice(0, path.lastIndexOf('/', path.indexOf('*')) + 1) : path;
  const finish = (one: string) => posix.join(one, '.').replace(/\/$/, '').replace(/^\.$/, '');
  if (from === null || posix.isAbsolute(fixed))
    return [finish(fixed || '.')].filter((one) => one !== '' || isPartial || fixed === '');
  const directory = posix.relative(app, posix.dirname(from));
  const isTypeScript = /\.[cm]?tsx?$/.test(from);
  const built = outputs.flatMap((output) => [
    posix.join(output, directory.replace(/^[^/]*\/?/, '')),
    posix.join(output, directory),
    output,
  ]);
  const all = isTypeScript && outputs.length > 0 ? built : [directory, ...built];
  return all.map((one) => finish(posix.join(one, fixed)));
}

/** The directories of Prisma's SQLite databases, in the schema or in an example of the environment: relative to the schema. */
function findPrismaDatabases(project: Project): Fact<string>[] {
  const schemas = ['prisma/schema.prisma', 'schema.prisma'].filter((path) =>
    /provider\s*=\s*"sqlite"/.test(project.read(posix.join(project.app, path)) ?? ''),
  );
  return schemas.flatMap((schema) =>
    [schema, '.env.example', '.env.sample', '.env']
      .flatMap((name) => {
        const path = /(?:url|DATABASE_URL)\s*=\s*["']?file:([^"'\s?]+)/.exec(
          project.read(posix.join(project.app, name)) ?? '',
        )?.[1];
        return path
          ? [fact(posix.dirname(posix.isAbsolute(path) ? path : posix.join(posix.dirname(schema), path)), name)]
          : [];
      })
      .slice(0, 1),
  );
}

/** What the project's own Dockerfile copies into its last stage, relative to the app. */
function findCopied(project: Project): Fact<string>[] {
  const stage = findOwnStage(project);
  return (stage?.copies ?? []).flatMap((copy) => {
    const words = copy.getArguments().map((one) => stage?.expand(one.getValue()) ?? '');
    return words.slice(0, -1).flatMap((word) => {
      const path = copy.getFromFlag()
        ? /^\/(?:usr\/src\/app|[\w-]+)\/(.+)$/.exec(word)?.[1]
        : word.replace(/^\.?\//, '');
      const isAll = !path || path === '.' || path.includes('*');
      return isAll
        ? []
        : [fact(posix.relative(project.app, posix.join(path, '.').replace(/\/$/, '')), `COPY in ${stage?.path}`)];
    });
  });
}
