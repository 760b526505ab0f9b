import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty, type Value } from '../../project/evaluate.ts';
import { type Fact, fact } from '../../project/fact.ts';
import type { Site } from '../../project/parse-source.ts';
import { isIn, type Project } from '../../project/read-project.ts';
import { isProgramSource, type SourceScan } from '../../project/scan-source.ts';
import { tidy } from '../../project/script-commands.ts';

const endsWith = (names: string) => new RegExp(`(^|[.\\s])(${names.replaceAll(' ', '|').replaceAll('*', '\\w*')})$`);
/** Calls whose arguments are paths that are read, and the names of other values that are. */
const READERS = endsWith(
  'static* serve* sirv send koaStatic readFile* readdir* readJson* createReadStream existsSync statSync lstatSync opendir sendFile download loadSync load renderFile compileFile configure registerPartials views render engine register Piscina Worker migrate sync glob* favicon set use useStaticAssets setBaseViewsDir expressStaticGzip',
);
const READ_NAMES =
  /(^|\.)(root|dir|directory|directories|path|filename|views|templates|localesDir|loadPath|migrationsFolder|migrations|rootPath|folder|partialsDir|layoutsDir|viewPath|basedir)$/i;
/** Calls whose first argument, or a property of it, is a directory or a file that is written to. */
const WRITERS = endsWith(
  'mkdir* ensureDir* LocalStorage multer FileStore formidable fileUpload DailyRotateFile writeFile* createWriteStream appendFile* outputFile* outputJson* ensureFile* Database DatabaseSync JSONFile* Low* Datastore FileSync destination File Sequelize DataSource forRoot* pino createClient PrismaBetterSqlite3 PrismaLibSQL knex',
);
const WRITE_OPTIONS = /^(dest|destination|uploadDir|tempFileDir|dirname|filename|storage|database|path|url)$/i;
const DIRECTORIES = /mkdir|ensureDir|LocalStorage|multer|FileStore|formidable|fileUpload|Rotate/;
const DATABASE = /^\S+\.(db|sqlite3?)(\?|$)/;
const PRISMA_URL = /(?:url|DATABASE_URL)\s*=\s*["']?file:([^"'\s?]+)/;
/** What belongs to the system (the app's user must not own it, and a volume must not hide it), and what is no file. */
const SYSTEM = /^\/((dev|proc|sys|tmp)(\/.*)?|bin|etc|home|lib|opt|root|sbin|usr|var)?$|^\w*:/;
const KEPT =
  /^((?:(?:\.\.\/)+|(?:[\w-]+\/)*?)(?:[\w-]*data|db|var|logs?|uploads?|files|storage|media|cache|tmp|sessions?))\/(?:[\w-]+\/)*\.(?:git)?(?:keep|ignore)$/;
/** What is copied anyway, or never. */
const NOT_READ =
  /(^|\/)(package(-lock)?\.json|yarn\.lock|pnpm-[\w-]+\.yaml|\.npmrc|\.yarnrc\.yml|tests?|__tests__|node_modules|\.env[^/]*|[^/]*\.(pem|key)|tsconfig[^/]*|Dockerfile[^/]*)(\/|$)/;
/** With more paths, the whole build context is copied anyway. */
const PATHS_LIMIT = 500;

const parentsOf = (file: string) => file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'));

/** Finds the files that the program reads, and the directories that it writes to: relative to the app (empty for its own), or absolute. */
export function findRuntimeFiles(project: Project, scan: SourceScan, outputs: string[], own: DockerFiles) {
  const [reads, writes] = [new Map<string, string>(), new Map<string, string>()];
  const [places, sources] = [project.files, scan.files].map((files) => new Set(files.flatMap(parentsOf)));
  const toPath = (path: string) => posix.join(project.app, path);
  const isBelow = (path: string, all: Iterable<string>) => [...all].some((one) => one !== '' && isIn(path, one));
  const exists = (path: string) => path === '' || places?.has(toPath(path));
  const placeOf = (source: string | Site) => (typeof source === 'string' ? source : scan.placeOf(source));
  const addRead = (path: string, source: string | Site) => {
    const isSource = sources?.has(toPath(path)) && (outputs.length > 0 || scan.sources.has(toPath(path)));
    if (/^(\.\.|$)/.test(path) || NOT_READ.test(path) || isSource || !exists(path)) return;
    if (isBelow(path, outputs) || reads.size > PATHS_LIMIT || isBelow(path, reads.keys())) return;
    for (const one of reads.keys()) if (isIn(one, path)) reads.delete(one);
    reads.set(path, placeOf(source));
  };
  const addWrite = (path: string, source: string | Site) => {
    const isOutside = SYSTEM.test(path) || toPath(path).startsWith('..') || writes.size > PATHS_LIMIT;
    if (!isOutside && !isBelow(path, outputs) && !isBelow(path, writes.keys())) writes.set(path, placeOf(source));
  };
  const addWritten = (site: Site, given: Value, call: string) => {
    const value = { ...given, text: given.text.replace(/^(file|sqlite):(\/\/)?/, '').replace(/\?.*/, '') };
    const [path = ''] = locate(value, project.app, outputs);
    const isFile = !/mkdir|ensureDir/.test(call) && /\.\w+$/.test(value.text);
    if (isFile && !value.isPartial) addWrite(tidy(path, '..'), site);
    else if (path !== '' && (value.isPartial || DIRECTORIES.test(call))) addWrite(path, site);
  };
  for (const { name, file, args } of scan.calls.filter((call) => WRITERS.test(call.name))) {
    const node = findProperty(args[0], WRITE_OPTIONS) ?? args[0];
    const value = node && scan.evaluate({ file, node });
    if (value) addWritten({ file, node }, value, name);
  }
  for (const { value, isRead, ...site } of findPaths(scan)) {
    const path = locate(value, project.app, outputs).find((one) => exists(one) || isBelow(one, outputs));
    if (DATABASE.test(value.text)) addWritten(site, value, '');
    else if (path && (isRead || value.from !== null)) addRead(path, site);
  }
  const others = [...findPrismaDatabase(project), ...own.volumes, ...findEmptyDirectories(project)];
  for (const { value, source } of others) addWrite(value, source);
  // The name of a file, in the source code or in a configuration that it reads: it may be read elsewhere.
  const addWord = (word: string, source: string) => {
    const isFile = /^[\w./-]{1,99}\.\w+$/.test(word) && project.has(toPath(word));
    if (isFile || word === 'view engine') addRead(isFile ? posix.normalize(word) : 'views', source);
  };
  for (const [file, { words }] of scan.sources) {
    for (const word of words) addWord(word, file);
    // What JavaScript imports: require('../data.json'). Of TypeScript it is in the output.
    const imported = /\.[cm]?tsx?$/.test(file) ? [] : [...words].filter((word) => /^\.\.?\/.*\.json$/.test(word));
    for (const word of imported) addWord(posix.relative(project.app, posix.join(posix.dirname(file), word)), file);
  }
  // https://github.com/node-config/node-config reads its directory by itself.
  const configured = scan.packages.get('config') ?? scan.packages.get('@feathersjs/configuration');
  if (configured) addRead('config', configured);
  for (const path of reads.keys()) {
    const text = /\.(json|js|ya?ml)$/.test(path) ? project.read(toPath(path)) : null;
    for (const [, word = ''] of text?.slice(0, 100_000).matchAll(/["']([^"'\s]+)["']/g) ?? []) addWord(word, path);
  }
  const copies = own.copies.filter(({ value }) => !isProgramSource(value));
  for (const { value, source } of copies) addRead(posix.relative(project.app, value), source);
  const toFacts = (found: Map<string, string>) => [...found].map(([path, source]) => fact(path, source));
  return { reads: toFacts(reads), writes: toFacts(writes), isUncertain: scan.isUncertain };
}

/** What may be a path, with its value: calls, their arguments, and values. `isRead` when its place says that it is one. */
function findPaths(scan: SourceScan) {
  const sites = [
    ...scan.calls.flatMap((call) => [
      { ...call, isRead: true },
      ...call.args.map((node) => ({ ...call, node, args: [], isRead: READERS.test(call.name) })),
    ]),
    ...scan.values.map((site) => ({ ...site, isRead: READ_NAMES.test(site.name) })),
  ];
  // The arguments of a path are only parts of it.
  const parts = new Set<Node>();
  return sites.flatMap(({ file, node, args, isRead }) => {
    const value = parts.has(node) ? null : scan.evaluate({ file, node });
    if (value || parts.has(node)) for (const one of args) parts.add(one);
    return value ? [{ file, node, isRead, value }] : [];
  });
}

/** Directories that Git keeps without a file of their own: `uploads/.gitkeep`. */
function findEmptyDirectories({ app, files }: Project): Fact<string>[] {
  const hasFiles = (directory: string) => files.some((one) => isIn(one, directory) && !/\/\.\w+$/.test(one));
  return files.flatMap((file) => {
    const [, directory] = KEPT.exec(posix.relative(app, file)) ?? [];
    return directory && !hasFiles(posix.join(app, directory)) ? [fact(directory, file)] : [];
  });
}

/** Where a path may be at run time, relative to the app: `src/a.ts` becomes `dist/a.js`, `dist/src/a.js`, or part of a bundle. */
function locate({ from, text }: Value, app: string, outputs: string[]): string[] {
  // Up to the first pattern: entities/**/*.ts
  const fixed = text.includes('*') ? text.slice(0, text.lastIndexOf('/', text.indexOf('*')) + 1) : text;
  if (from === null || posix.isAbsolute(fixed)) return [tidy(fixed)];
  const directory = posix.relative(app, posix.dirname(from));
  const moved = [directory.replace(/^[^/]*\/?/, ''), directory, ''];
  const built = outputs.flatMap((output) => moved.map((one) => tidy(output, one)));
  const isCompiled = /\.[cm]?tsx?$/.test(from) && outputs.length > 0;
  return [...(isCompiled ? [] : [directory]), ...built].map((one) => tidy(one, fixed));
}

/** The directory of Prisma's SQLite database, in the schema or in an example of the environment: relative to the schema. */
function findPrismaDatabase({ app, read }: Project): Fact<string>[] {
  const textOf = (path: string) => read(posix.join(app, path)) ?? '';
  const schema = ['prisma/schema.prisma', 'schema.prisma'].find((path) => /provider\s*=\s*"sqlite"/.test(textOf(path)));
  const name = [schema ?? '', '.env.example', '.env.sample', '.env'].find((path) => PRISMA_URL.test(textOf(path)));
  const [, path = ''] = PRISMA_URL.exec(textOf(name ?? '')) ?? [];
  return schema && name ? [fact(tidy(posix.isAbsolute(path) ? '' : posix.dirname(schema), path, '..'), name)] : [];
}
