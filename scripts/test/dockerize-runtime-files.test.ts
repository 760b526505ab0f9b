import { describe, expect, test } from 'vitest';
import { findRuntimeFiles } from '../dockerize/look/runtime-files.ts';
import { readDockerFiles } from '../project/docker-files.ts';
import { scanSource } from '../project/scan-source.ts';
import { projectOf } from './dockerize-project.ts';

const find = (files: Record<string, string | object>, entry = 'src/index.ts', outputs = ['dist']) => {
  const project = projectOf(files);
  const { reads, writes, isUncertain } = findRuntimeFiles(
    project,
    scanSource(project, entry),
    outputs,
    readDockerFiles(project),
  );
  return {
    reads: reads.map(({ value }) => value),
    writes: writes.map(({ value }) => value),
    isUncertain,
    sources: reads,
  };
};

describe('reads', () => {
  test.each([
    [`app.use(express.static('views'))`],
    [`app.use(express.static(path.join(__dirname, '../views')))`],
    [`app.use(express.static(path.join(__dirname, '/../views/')))`],
    [`app.use(express.static(path.join(process.cwd(), '/views')))`],
    [`app.use(sirv('views', { dev: true }))`],
    [`app.set('view engine', 'ejs')`],
    ['fs.readFileSync(`views/${name}.html`)'],
    [`fastify.register(fastifyStatic, { root: join(import.meta.dirname, '..', 'views') })`],
    [`app.use('/*', serveStatic({ root: './views' }))`],
    [`nunjucks.configure('views')`],
    [`const somewhere = new URL('../views', import.meta.url)`],
    [`const root = path.resolve(__dirname, '..'); f(path.join(root, 'views'))`],
    [`glob.sync('views/**/*.html')`],
  ])('%s', (source) => {
    expect(find({ 'src/index.ts': source, 'views/a.ejs': '' }).reads).toStrictEqual(['views']);
  });

  test.each([
    ['the source code that is built', `path.join(__dirname, 'routes')`, { 'src/routes/a.ts': '' }],
    ['what does not exist', `express.static('public')`, {}],
    ['what the build copies', `path.join(__dirname, 'views')`, { 'src/views/a.ejs': '' }],
    ['package.json and .env', `readFileSync('package.json'); readFileSync('.env')`, { '.env': '' }],
    ['a word that is not a path', `response.setHeader('Cache-Control', 'public')`, { 'public/a': '' }],
  ])('but not %s', (_, source, files) => {
    expect(find({ 'src/index.ts': source, ...files }).reads).toStrictEqual([]);
  });

  test('what a string names, and a configuration that is read', () => {
    const source = `const files = ['./a.md', 'index.js']; JSON.parse(readFileSync('b.json'))`;
    const all = { 'index.js': source, 'a.md': '', 'b.json': { c: './c.md', d: 'd.md' }, 'c.md': '' };
    expect(find(all, 'index.js', []).reads).toStrictEqual(['b.json', 'a.md', 'c.md']);
  });

  test('JSON that JavaScript imports', () => {
    const files = { 'server/index.js': `require('../src/schema.json')`, 'src/schema.json': '{}', 'src/b.json': '{}' };
    expect(find(files, 'server/index.js', ['dist']).reads).toStrictEqual(['src/schema.json']);
  });

  test('beside an output that keeps the directory src', () => {
    expect(find({ 'src/index.ts': `path.join(__dirname, '../../views')`, 'views/a': '' }).reads).toStrictEqual([
      'views',
    ]);
  });

  test('from JavaScript that is not built', () => {
    expect(
      find({ 'src/index.js': `path.join(__dirname, 'views')`, 'src/views/a': '' }, 'src/index.js', []).reads,
    ).toStrictEqual(['src/views']);
  });

  test('what the own Dockerfile copies into its last stage', () => {
    const Dockerfile = `FROM node AS build\nCOPY a a\nFROM node\nCOPY package.json yarn.lock ./\nCOPY b ./b\nCOPY --from=build /app/c /app/dist /app/node_modules ./\nCOPY . .`;
    const found = find({ 'src/index.ts': '', Dockerfile, 'a/x': '', 'b/x': '', 'c/x': '', 'yarn.lock': '' });
    expect(found.sources).toStrictEqual(['b', 'c'].map((value) => ({ value, source: 'COPY in Dockerfile' })));
  });

  test('in a workspace, relative to the app', () => {
    const files = {
      'apps/api/package.json': {},
      'apps/api/src/index.ts': `join(__dirname, '../views')`,
      'apps/api/views/a': '',
    };
    const project = projectOf(files, 'apps/api');
    const { reads } = findRuntimeFiles(
      project,
      scanSource(project, 'src/index.ts'),
      ['dist'],
      readDockerFiles(project),
    );
    expect(reads).toStrictEqual([{ value: 'views', source: 'apps/api/src/index.ts:1' }]);
  });
});

describe('writes', () => {
  test.each([
    [`new Database('data/app.db')`, 'data'],
    [`new Database(process.env.DB ?? './data/app.sqlite')`, 'data'],
    [`new Database(path.join(__dirname, '../data', 'app.db'))`, 'data'],
    [`const url = process.env.DATABASE_URL || 'file:./data/app.db'`, 'data'],
    [`new Sequelize({ dialect: 'sqlite', storage: 'data/x' + '.sqlite' })`, 'data'],
    [`new DatabaseSync('app.db')`, ''],
    [`multer({ dest: 'uploads/' })`, 'uploads'],
    [`fs.mkdirSync('logs', { recursive: true })`, 'logs'],
    [`writeFile(path.join(process.cwd(), 'cache', name), text)`, 'cache'],
    [`new winston.transports.File({ filename: 'logs/error.log' })`, 'logs'],
    [`const directory = '/data'; fs.writeFileSync(directory + '/x.json', '')`, '/data'],
  ])('%s', (source, directory) => {
    expect(find({ 'src/index.ts': source }).writes).toStrictEqual([directory]);
  });

  test.each([
    `fs.writeFileSync('/tmp/x', '')`,
    `fs.writeFileSync(path.join(os.tmpdir(), 'x'), '')`,
    `log('database at data/x.db')`,
  ])('but not %s', (source) => {
    expect(find({ 'src/index.ts': source }).writes).toStrictEqual([]);
  });

  test('the SQLite database of Prisma', () => {
    const schema = 'datasource db {\n provider = "sqlite"\n url = "file:./data/dev.db"\n}';
    expect(find({ 'src/index.ts': '', 'prisma/schema.prisma': schema }).writes).toStrictEqual(['prisma/data']);
  });
});

test('what cannot be followed makes it uncertain', () => {
  expect(find({ 'src/index.ts': 'require(name)' }).isUncertain).toBe(true);
  expect(find({ 'src/index.ts': 'import(`./routes/${name}.js`)', 'src/routes/a.ts': '' }).isUncertain).toBe(false);
});

test('writes to the volumes of its own Dockerfile, and to directories that are empty in Git', () => {
  const Dockerfile = 'FROM node\nARG DIR=state\nWORKDIR /srv\nVOLUME ["/srv/$DIR", "/config"]';
  const kept = { 'public/uploads/a/.gitkeep': '', 'var/.gitignore': '', 'db/.gitkeep': '', 'db/schema.sql': '' };
  const found = find({ 'src/index.ts': '', 'src/tests/.gitkeep': '', Dockerfile, ...kept });
  expect(found.writes).toStrictEqual(['state', '/config', 'public/uploads', 'var']);
});
