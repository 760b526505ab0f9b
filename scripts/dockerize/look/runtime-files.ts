import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty, type Value } from '../../project/evaluate.ts';
import type { Site } from '../../project/parse-source.ts';
import type { Project } from '../../project/read-project.ts';
import { isProgramSource, type SourceScan } from '../../project/scan-source.ts';
import { tidy } from '../../project/script-commands.ts';
import { type Fact, fact } from './fact.ts';

export type RuntimeFiles = ReturnType<typeof findRuntimeFiles>;

const endsWith = (names: string) => new RegExp(`(^|[.\\s])(${names.replaceAll(' ', '|').replaceAll('*', '\\w*')})$`);
/** Calls whose arguments are paths that are read, and the names of other values that are. */
const READERS = endsWith(
  'static* serve* send koaStatic readFile* readdir* readJson* createReadStream existsSync statSync lstatSync opendir sendFile download loadSync load renderFile compileFile configure registerPartials views render engine register Piscina Worker migrate sync glob* favicon set use useStaticAssets setBaseViewsDir expressStaticGzip',
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

const isIn = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);
const parentsOf = (file: string) => file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'));

/**
 * Finds the files that the program reads, and the directories that it writes to: relative to the app (empty for its own), or
 * absolute. `outputs`: what the build makes, relative to the app.
 */
export function findRuntimeFiles(project: Project, scan: SourceScan, outputs: string[], own: DockerFiles) {
  const [reads, writes] = [new Map<string, string>(), new Map<string, string>()];
  const [places, sources] = [project.files, scan.files].map((files) => new Set(files.flatMap(parentsOf)));
  const toPath = (path: string) => posix.join(project.app, path);
  const isBuilt = (path: string) => outputs.some((output) => isIn(path, output));
  const exists = (path: string) => path === '' || places?.has(toPath(path));
  const isPartOf = (path: string, found: Map<string, string>) =>
    [...found.keys()].some((one) => one !== '' && isIn(path, one));
  const addRead = (path: string, source: string | Site) => {
    const isSource = sources?.has(toPath(path)) && (outputs.length > 0 || scan.sources.has(toPath(path)));
    if (path === '' || path.startsWith('..') || !exists(path) || isBuilt(path)) return;
    if (isSource || NOT_READ.test(path) || isPartOf(path, reads)) return;
    for (const one of reads.keys()) if (isIn(one, path)) reads.delete(one);
    reads.set(path, typeof source === 'string' ? source : scan.placeOf(source));
  };
  const addWrite = (path: string, source: string | Site) => {
    if (SYSTEM.test(path) || toPath(path).startsWith('..') || isBuilt(path) || isPartOf(path, writes)) return;
    writes.set(path, typeof source === 'string' ? source : scan.placeOf(source));
  };
  const addWritten = (given: Value, isFile: boolean, site: Site) => {
    const value = { ...given, text: given.text.replace(/^(file|sqlite):(\/\/)?/, '').replace(/\?.*/, '') };
    const path = locate(value, project.app, outputs)[0] ?? '';
    if (isFile && !value.isPartial) addWrite(tidy(path, '..'), site);
    else if (path !== '') addWrite(path, site);
  };
  for (const { name, file, args } of scan.calls.filter((call) => WRITERS.test(call.name))) {
    const node = findProperty(args[0], WRITE_OPTIONS) ?? args[0];
    const value = node && scan.evaluate({ file, node });
    const isFile = !/mkdir|ensureDir/.test(name) && /\.\w+$/.test(value?.text ?? '');
    if (value && (isFile || value.isPartial || DIRECTORIES.test(name))) addWritten(value, isFile, { file, node });
  }
  for (const { value, isRead, ...site } of findPaths(scan)) {
    const path = locate(value, project.app, outputs).find((one) => exists(one) || isBuilt(one));
    if (DATABASE.test(value.text)) addWritten(value, true, site);
    else if (path && (isRead || value.from !== null)) addRead(path, site);
  }
  for (const { value, source } of [...findPrismaDatabase(project), ...own.volumes, ...findEmptyDirectories(project)])
    addWrite(value, source);
  // The name of a file, in the source code or in a configuration that it reads: it may be read elsewhere.
  const addWords = (words: Iterable<string>, source: string) => {
    for (const word of words) {
      if (/^[\w./-]{1,99}\.\w+$/.test(word) && project.has(toPath(word))) addRead(posix.normalize(word), source);
    }
  };
  for (const [file, { words }] of scan.sources) {
    if (words.has('view engine')) addRead('views', file);
    addWords(words, file);
  }
  // https://github.com/node-config/node-config reads its directory by itself.
  const configured = scan.packages.get('config') ?? scan.packages.get('@feathersjs/configuration');
  if (configured) addRead('config', configured);
  for (const path of reads.keys()) {
    const text = /\.(json|js|ya?ml)$/.test(path) ? project.read(toPath(path))?.slice(0, 100_000) : '';
    addWords(
      [...(text ?? '').matchAll(/["']([^"'\s]+)["']/g)].map(([, word = '']) => word),
      path,
    );
  }
  for (const { value, source } of own.copies)
    if (!isProgramSource(value)) addRead(posix.relative(project.app, value), source);
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
  return files.flatMap((file) => {
    const directory = KEPT.exec(posix.relative(app, file))?.[1];
    const inside = files.filter((one) => directory && isIn(one, posix.join(app, directory)));
    return directory && inside.every((one) => /\/\.\w+$/.test(one)) ? [fact(directory, file)] : [];
  });
}

/**
 * Where a path is at run time, relative to the app. A source file may lie in the output with or without the first of its
 * directories (`src/a.ts` → `dist/a.js`, `dist/src/a.js`), or in one bundle. Without outputs it stays where it is.
 */
function locate({ from, text }: Value, app: string, outputs: string[]): string[] {
  // Up to the first pattern: entities/**/*.ts
  const fixed = text.includes('*') ? text.slice(0, text.lastIndexOf('/', text.indexOf('*')) + 1) : text;
  if (from === null || posix.isAbsolute(fixed)) return [tidy(fixed)];
  const directory = posix.relative(app, posix.dirname(from));
  const built = outputs.flatMap((output) => [
    tidy(output, directory.replace(/^[^/]*\/?/, '')),
    tidy(output, directory),
    output,
  ]);
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
