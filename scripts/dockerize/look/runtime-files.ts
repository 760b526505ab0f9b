import { posix } from 'node:path';
import { type Fact, fact } from './fact.ts';
import { findOwnStage } from './own-files.ts';
import type { NamedSite, Site } from './parse-source.ts';
import type { PathValue } from './read-path.ts';
import type { Project } from './read-project.ts';
import { findProperty, isProgramSource, type SourceScan } from './scan-source.ts';

/** What the program needs beside the output of the build. Paths are relative to the app; absolute ones are outside of it. */
export interface RuntimeFiles {
  /** Files and directories that it reads. */
  reads: Fact<string>[];
  /** Directories that it writes to; empty for the app's own directory. */
  writes: Fact<string>[];
  /** A path that could not be followed: everything should be copied. */
  isUncertain: boolean;
}

/** Calls whose arguments, or properties of them, are paths that are read. */
const READERS =
  /(^|[.\s])(static\w*|serve\w*|send|koaStatic|readFile\w*|readdir\w*|readJson\w*|createReadStream|existsSync|opendir|sendFile|download|loadSync|load|renderFile|compileFile|configure|registerPartials|views|render|engine|register|Piscina|Worker|migrate|sync|glob\w*|favicon|loadPackageDefinition|set|use|knex|Sequelize|DataSource|forRoot\w*|useStaticAssets|setBaseViewsDir|expressStaticGzip|serveIndex)$/;
const READ_OPTIONS =
  /^(root|dir|directory|directories|path|filename|views|templates|localesDir|loadPath|migrationsFolder|migrations|rootPath|folder|partialsDir|layoutsDir|protoPath|loadPath|viewPath|layout|basedir|staticRoot)$/i;
/** Calls whose first argument is written to. */
const WRITERS =
  /(^|[.\s])(writeFile\w*|mkdir\w*|mkdirp\w*|createWriteStream|appendFile\w*|outputFile\w*|outputJson\w*|ensureDir\w*|ensureFile\w*|Database|DatabaseSync|JSONFile\w*|Low\w*|Datastore|FileSync|LocalStorage|destination)$/;
const WRITE_OPTIONS =
  /^(dest|destination|uploadDir|tempFileDir|dirname|filename|storage|database|path|dbFileName|url)$/i;
const WRITE_OPTION_OWNERS =
  /(^|[.\s])(multer|File|DailyRotateFile|FileStore|FileStore\(\)|Sequelize|DataSource|forRoot\w*|Datastore|formidable|fileUpload|pino|destination|createClient|PrismaBetterSqlite3|PrismaLibSQL|knex)$/;
const DATABASE = /^\S+\.(db|sqlite3?)(\?.*)?$/;

/** Finds the files that the program reads and writes at run time. `outputs`: what the build makes, relative to the app. */
export function findRuntimeFiles(project: Project, scan: SourceScan, outputs: string[]): RuntimeFiles {
  const [reads, writes] = [new Map<string, string>(), new Map<string, string>()];
  const isIn = (path: string, directory: string) => path === directory || path.startsWith(`${directory}/`);
  const inApp = (path: string) => posix.join(project.app, path);
  const places = new Set(
    project.files.flatMap((file) => file.split('/').map((_, at, all) => all.slice(0, at + 1).join('/'))),
  );
  const exists = (path: string) => path === '' || places.has(inApp(path));
  const isBuilt = (path: string) => outputs.some((output) => isIn(path, output));
  const isCopied = (path: string) => {
    const isSource =
      scan.files.includes(inApp(path)) || scan.files.some((file) => isIn(file, inApp(path)) && outputs.length > 0);
    return (
      isBuilt(path) ||
      isSource ||
      /(^|\/)(package(-lock)?\.json|yarn\.lock|pnpm-[\w-]+\.yaml|\.npmrc|\.yarnrc\.yml|tests?|__tests__|node_modules|\.env[^/]*|tsconfig[^/]*|Dockerfile[^/]*|\.git)(\/|$)/.test(
        path,
      )
    );
  };
  const addRead = (path: string, source: string) => {
    if (path === '' || path.startsWith('..') || posix.isAbsolute(path) || !exists(path) || isCopied(path)) return;
    if (!reads.has(path)) reads.set(path, source);
  };
  const addWrite = (path: string, source: string) => {
    if (
      isIn(path, '/tmp') ||
      path.startsWith('..') ||
      isBuilt(path) ||
      /^(https?|postgres\w*|mysql|mongodb|:)/.test(path)
    )
      return;
    const known = [...writes.keys()].some((one) => one !== '' && isIn(path, one));
    if (!known) writes.set(path, source);
  };
  const locate = (value: PathValue) => locateAll(value, project.app, outputs);
  const readSite = (site: Site, value: PathValue) => {
    const path = locate(value).find((one) => exists(one) || isBuilt(one));
    if (path !== undefined) addRead(path, `${site.file}:${site.line}`);
  };
  const writeSite = (site: Site, value: PathValue, isFile: boolean) => {
    const path = locate(value)[0] ?? '';
    if (value.isPartial && path === '') return;
    const directory = isFile && !value.isPartial ? posix.dirname(path) : path;
    addWrite(directory === '.' ? '' : directory, `${site.file}:${site.line}`);
  };
  const valuesOf = (call: NamedSite, names: RegExp) =>
    [...call.args, ...call.args.flatMap((one) => findProperty(one, names) ?? [])].flatMap((node) => {
      const nodes = node.type === 'ArrayExpression' ? node.elements.flatMap((one) => one ?? []) : [node];
      return nodes.flatMap((one) => scan.pathOf({ file: call.file, node: one }) ?? []);
    });
  const written = new Set<unknown>();
  for (const call of scan.calls) {
    const [first] = call.args;
    const value = first && scan.pathOf({ file: call.file, node: first });
    if (WRITERS.test(call.name) && value && (value.path !== '' || value.from)) {
      writeSite(
        call,
        { ...value, path: value.path.replace(/^file:(\/\/)?/, '') },
        !/mkdir|ensureDir|LocalStorage/.test(call.name),
      );
      written.add(first);
    }
    if (WRITE_OPTION_OWNERS.test(call.name)) {
      const node = findProperty(first, WRITE_OPTIONS);
      const option = node && scan.pathOf({ file: call.file, node });
      const isFile = option && /\.\w+$/.test(option.path);
      if (option && (isFile || /multer|FileStore|formidable|fileUpload|Rotate/.test(call.name)))
        writeSite(call, option, Boolean(isFile));
      if (node) written.add(node);
    }
    if (READERS.test(call.name)) for (const one of valuesOf(call, READ_OPTIONS)) readSite(call, one);
  }
  let [end, file] = [0, ''];
  for (const site of scan.paths) {
    if (site.file === file && site.node.start < end) continue;
    const value = scan.pathOf(site);
    if (!value) continue;
    [file, end] = [site.file, site.node.end];
    const path = value.path.replace(/^(file|sqlite):(\/\/)?/, '');
    if (DATABASE.test(path) && !written.has(site.node))
      writeSite(site, { ...value, path: path.replace(/\?.*/, '') }, true);
    else if (value.from !== null || site.node.type === 'CallExpression') readSite(site, value);
  }
  for (const { value, source } of findPrismaDatabases(project)) addWrite(value, source);
  const views = scan.calls.find(
    ({ name, args: [one] }) =>
      /\.(set|engine)$/.test(name) &&
      one &&
      /^(view engine|ejs|pug|hbs|html)$/.test(scan.pathOf({ file: '', node: one })?.path ?? ''),
  );
  if (views) addRead('views', `${views.file}:${views.line}`);
  addCopied(project, (path, source) => !isProgramSource(path) && addRead(path, source));
  const all = [...reads].filter(([path]) => ![...reads.keys()].some((one) => one !== path && isIn(path, one)));
  const toFacts = (entries: Iterable<[string, string]>) => [...entries].map(([path, source]) => fact(path, source));
  return { reads: toFacts(all), writes: toFacts(writes), isUncertain: scan.unknownImports.length > 0 };
}

/**
 * Where a path is at run time, relative to the app. A source file may lie in the output with or without the first of its
 * directories (`src/a.ts` → `dist/a.js`, `dist/src/a.js`), or in one bundle. Without outputs it stays where it is.
 */
function locateAll({ from, path, isPartial }: PathValue, app: string, outputs: string[]): string[] {
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

/** What the project's own Dockerfile copies into its last stage. */
function addCopied(project: Project, add: (path: string, source: string) => void): void {
  const stage = findOwnStage(project);
  for (const copy of stage?.copies ?? []) {
    const words = copy.getArguments().map((one) => stage?.expand(one.getValue()) ?? '');
    for (const word of words.slice(0, -1)) {
      const root = copy.getFromFlag() ? /^\/(?:usr\/src\/app|[\w-]+)(\/.*)$/.exec(word)?.[1] : word;
      const path = posix.join('.', (root ?? '').replace(/^\.?\//, '')).replace(/\/$/, '');
      if (root && path !== '.' && !path.includes('*')) add(posix.relative(project.app, path), `COPY in ${stage?.path}`);
    }
  }
}
