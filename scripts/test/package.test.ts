import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PACKAGE, readOptions } from '../compare/cli.ts';
import { readBudgetsForReport } from '../compare/discover/collect-budgets.ts';
import { projectSchema, readConfig } from '../compare/discover/config.ts';
import type { SelectionRequest } from '../compare/discover/find-projects.ts';
import { selectSubjects } from '../compare/discover/select-subjects.ts';
import { subjectName } from '../compare/model/subject.ts';
import { cacheDirectory } from '../compare/pipeline.ts';
import { spawnOutput } from '../lib/spawn.ts';
import { userCacheDirectory } from '../lib/user-cache.ts';
import { BUNDLE_OPTIONS } from '../package/build-package.ts';

// compare as the package compare-dockerfiles: without this repository. What is packed and installed is in images/package.

const SCRIPTS = join(import.meta.dirname, '..');
const top = await realpath(await mkdtemp(join(tmpdir(), 'package-')));
const app = join(top, 'app');

beforeEach(() => files({ Dockerfile: 'FROM scratch\n' }));
afterEach(() => rm(app, { recursive: true }));
afterAll(() => rm(top, { recursive: true }));

async function files(texts: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(app, name)), { recursive: true });
    await writeFile(join(app, name), text);
  }
}

const select = (names: string[] = [], request: Partial<SelectionRequest> = {}, current = app) =>
  selectSubjects({ names, hasImages: false, given: {}, check: false, ...request }, { root: null, current });

const refused = (message: RegExp, hint = /./) =>
  expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });

const KEY = 'compare-dockerfiles';
const inPackageJson = (config: unknown) => ({ 'package.json': JSON.stringify({ name: 'app', [KEY]: config }) });

test.each([
  ['compare.config.json', { 'compare.config.json': '{"port": 1}' }, ''],
  ['compare-dockerfiles.config.json', { 'compare-dockerfiles.config.json': '\uFEFF{"port": 1}' }, ''],
  ['a key of package.json', { 'package.json': `\uFEFF${inPackageJson({ port: 1 })['package.json']}` }, `, "${KEY}"`],
])('a configuration is %s', async (_, texts: Record<string, string>, key) => {
  await files(texts);
  expect((await select()).subjects).toMatchObject([{ settings: { port: 1 } }]);
  const source = join(app, Object.keys(texts)[0] ?? '') + key;
  expect(await readConfig(app, projectSchema)).toEqual({ config: { port: 1 }, source });
  await expect(select([], { check: true })).rejects.toThrow(refused(new RegExp(`^${source}: there are no budgets`)));
});

test.each([
  ['names an unknown key', { prt: 1 }, /app\/package\.json, "compare-dockerfiles": .*Unrecognized key: "prt"/],
  ['is not an object', 'port', /app\/package\.json, "compare-dockerfiles": .*expected object/],
  ['is null', null, /app\/package\.json, "compare-dockerfiles": .*expected object/],
  ['has a misspelt budget', { budgets: { nope: {} } }, /package\.json, "compare-dockerfiles": there is no app nope/],
  ['leads outside', { context: '..' }, /package\.json, "compare-dockerfiles": context: .* is outside of the directory/],
])('a key of package.json that %s is refused', async (_, config, message) => {
  await files(inPackageJson(config));
  await expect(select()).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
});

test.each([
  ['compare.config.json', 'compare-dockerfiles.config.json'],
  ['compare.config.json', 'package.json'],
  ['compare-dockerfiles.config.json', 'package.json'],
])('two configurations, %s and %s, are refused', async (first, second) => {
  await files({ [first]: '{}', [second]: '{}', ...(second === 'package.json' && inPackageJson({})) });
  await expect(select()).rejects.toThrow(
    refused(new RegExp(`^There are two configurations: .*/${first} and .*/${second}`), /Keep one/),
  );
});

test('a package.json without the key is no configuration; one that is not JSON is an error only with the key', async () => {
  const dependency = JSON.stringify({ devDependencies: { [KEY]: '^1.0.0' } });
  for (const text of [dependency, '{', '[]', 'null', '""', '{"name": "x",,}', `["${KEY}"]`]) {
    await files({ 'package.json': text });
    expect(await readConfig(app, projectSchema)).toBeUndefined();
  }
  const broken = `{"${KEY}": {},,}`;
  await files({ 'package.json': broken });
  await expect(select()).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/package\.json: it is not/),
  });
  await files({ 'package.json': broken, 'compare.config.json': '{"port": 1}' });
  expect((await select()).subjects).toMatchObject([{ settings: { port: 1 } }]);
  await rm(join(app, 'package.json'));
  await files({ 'package.json/x': '' });
  expect((await select()).subjects).toMatchObject([{ settings: { port: 1 } }]);
});

test('without names, the current directory is measured; there are no chapters', async () => {
  await files({ '02-b/Dockerfile.single': '', 'api/Dockerfile': '' });
  const selected = async (...args: Parameters<typeof select>) => (await select(...args)).subjects.map(subjectName);
  expect(await selected()).toEqual(['app Dockerfile']);
  expect(await selected([], { hasImages: true })).toEqual([]);
  expect(await selected(['02-b', 'api'])).toEqual(['02-b single', 'api Dockerfile']);
  expect(await selected([], { given: { dockerfiles: ['api/Dockerfile'] } })).toEqual(['api Dockerfile']);
  await expect(select(['02'])).rejects.toThrow(refused(/^There is no directory "02"\.$/, /^Directories are searched/));
  await expect(select(['Dockerfile'])).rejects.toThrow(refused(/is a file/, /^To measure a Dockerfile: --dockerfile/));
});

test('budgets of projects are in the projects, those of images in the current directory', async () => {
  const limit = { download: '1 MB' };
  const check = { check: true };
  const config = { budgets: { Dockerfile: limit }, imageBudgets: { 'my/app:1': limit } };
  const ofApp = { app: { Dockerfile: limit } };
  const ofImages = { image: { 'my/app:1': limit } };
  await files(inPackageJson(config));
  await files({ 'api/Dockerfile': '' });
  expect((await select([], check)).budgets).toEqual(ofApp);
  expect((await select([], { ...check, hasImages: true })).budgets).toEqual(ofImages);
  expect((await select(['.'], { ...check, hasImages: true })).budgets).toEqual({ ...ofApp, ...ofImages });
  expect((await select(['app'], { ...check, hasImages: true }, top)).budgets).toEqual(ofApp);
  const none = (path: string) => refused(new RegExp(`^${path}/compare\\.config\\.json: there are no`), /imageBudgets/);
  await expect(select(['api'], check)).rejects.toThrow(none(join(app, 'api')));
  await expect(select([], { ...check, hasImages: true }, top)).rejects.toThrow(none(top));
  // A report that is only shown.
  expect(await readBudgetsForReport({ root: null, current: app })).toEqual({ ...ofApp, ...ofImages });
  await expect(readBudgetsForReport({ root: null, current: top })).rejects.toThrow(none(top));
});

test.each([
  ['linux', { XDG_CACHE_HOME: '/c' }, '/c'],
  ['linux', { XDG_CACHE_HOME: 'relative' }, join(homedir(), '.cache')],
  ['linux', {}, join(homedir(), '.cache')],
  ['darwin', { XDG_CACHE_HOME: '/c' }, join(homedir(), 'Library/Caches')],
  ['win32', { LOCALAPPDATA: 'C:\\Local' }, 'C:\\Local'],
  ['win32', {}, join(homedir(), 'AppData/Local')],
] as const)('the caches of a user on %s with %j', (platform, env, directory) => {
  expect(userCacheDirectory({ platform, env })).toBe(directory);
});

test('measured layers are kept in the repository, or else below the caches of the user', () => {
  expect(cacheDirectory('/r')).toBe(join('/r', 'node_modules/.cache/multi-stage-node'));
  expect(cacheDirectory(null)).toBe(join(userCacheDirectory(), KEY));
});

/** The help of an edition. */
function help(...edition: Parameters<typeof readOptions> extends [unknown, ...infer T] ? T : never): string {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('exit');
  });
  try {
    expect(() => readOptions(['--help'], ...edition)).toThrow('exit');
  } finally {
    vi.restoreAllMocks();
  }
  return printed;
}

test('the help has the command of its edition, and no chapters without this repository', () => {
  const [clone, packaged] = [help(), help(PACKAGE)];
  const options = (text: string) => text.match(/^ {2}-.*$/gm);
  expect(options(packaged)).toEqual(options(clone));
  expect(clone).toMatch(/^Usage: npm run compare -- \[options\] \[chapters and directories\.\.\.\]\n/);
  expect(clone).toMatch(/^ {2}npm run compare\n {2}npm run compare -- 02 03 --inside$/m);
  expect(clone).not.toContain('npx');
  expect(packaged).toMatch(/^Usage: npx compare-dockerfiles \[options\] \[directories\.\.\.\]\n/);
  expect(packaged).toMatch(/^ {2}npx compare-dockerfiles\n {2}npx compare-dockerfiles --inside$/m);
  expect(packaged).not.toMatch(/npm run|chapter|\b0\d\b|undefined/);
});

test('options that npm took are refused in npm run compare, and not in the package', () => {
  vi.stubEnv('npm_lifecycle_event', 'compare');
  vi.stubEnv('npm_config_keep', 'true');
  try {
    expect(() => readOptions([])).toThrow('npm took --keep for itself');
    expect(readOptions([], PACKAGE)).toMatchObject({ keep: false });
    expect(() => readOptions(['--jsn'], PACKAGE)).toThrow(refused(/--jsn/, /^Try: npx compare-dockerfiles --help$/));
  } finally {
    vi.unstubAllEnvs();
  }
});

test('the dependencies of the package are exactly what its program imports', async () => {
  const { metafile } = await build({ ...BUNDLE_OPTIONS, write: false, metafile: true });
  const [output] = Object.values(metafile.outputs);
  const names = (output?.imports ?? [])
    .filter(({ path, external }) => external && !path.startsWith('node:'))
    .map(({ path }) => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  const { dependencies, bin } = JSON.parse(await readFile(join(SCRIPTS, 'package.json'), 'utf8'));
  expect([...new Set(names)].sort()).toEqual(Object.keys(dependencies).sort());
  expect(Object.values(bin)).toEqual([BUNDLE_OPTIONS.outfile]);
});

test('start.mjs without tsx: Node removes the types itself, or the message names the version that does', async () => {
  await cp(join(SCRIPTS, 'start.mjs'), join(app, 'start.mjs'));
  await files({ 'program.ts': "console.log('started' as string);\n" });
  const start = () => spawnOutput(process.execPath, ['start.mjs', 'program'], { cwd: app });
  await expect(start()).rejects.toMatchObject({ lines: [expect.stringMatching(/not installed.*npm run setup$/)] });
  await files({ 'node_modules/commander/package.json': '{"main": "x.js"}', 'node_modules/commander/x.js': '' });
  if (process.features.typescript) expect((await start()).stdout).toBe('started');
  else
    await expect(start()).rejects.toMatchObject({
      lines: [expect.stringContaining('Node 22.18 or later is required.')],
    });
});
