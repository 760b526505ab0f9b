import { expect, test } from 'vitest';
import { indexImage } from '../compare/inspect/index-image.ts';
import { inspectImage } from '../compare/inspect/inspect-image.ts';
import { CATALOG } from '../compare/model/finding-catalog.ts';
import { GROUPS } from '../compare/model/groups.ts';
import type { ImageFacts } from '../engine/engine.ts';
import { type Entry, layerOf } from './fixtures.ts';

const IMAGE: ImageFacts = {
  platform: 'linux/amd64',
  id: 'sha256:0',
  labels: {},
  user: '1000',
  environment: ['NODE_ENV=production'],
  entrypoint: ['docker-entrypoint.sh'],
  command: ['node', 'dist/index.js'],
  workingDirectory: '/app',
  healthcheck: true,
  ports: [3000],
  diffIds: [],
};

async function inspect(layers: Entry[][], facts: Partial<ImageFacts> = {}, history: string[] = [], baseLayers = 0) {
  const read = await Promise.all(
    layers.map(async (entries, index) => {
      const layer = await layerOf(entries);
      return { ...layer, instruction: history[index] ?? `RUN ${index}` };
    }),
  );
  const result = inspectImage(indexImage({ ...IMAGE, ...facts }, { layers: read, history }, baseLayers));
  const total = read.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(Object.values(result.contents.groups).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
  const summary = result.findings.map(({ code, level, evidence }) => [
    code,
    level,
    ...evidence.map(({ path, layer }) => `${path} ${layer}`),
  ]);
  return { ...result, summary };
}

const file = (name: string, bytes = 1, more: Partial<Entry> = {}): Entry => ({
  name,
  content: 'x'.repeat(bytes),
  ...more,
});
const packageJson = (name: string, content: object): Entry => ({ name, content: JSON.stringify(content) });

test.each([
  ['usr/local/bin/node', 'node'],
  ['nodejs/bin/node', 'node'],
  ['usr/local/include/node/v8.h', 'node'],
  ['usr/bin/node', 'node'],
  ['usr/local/lib/node_modules/npm/index.js', 'packageManagers'],
  ['usr/local/lib/node_modules/npm/node_modules/tar/index.js', 'packageManagers'],
  ['opt/yarn-v1.22.22/bin/yarn.js', 'packageManagers'],
  ['usr/bin/apt-get', 'packageManagers'],
  ['lib/apk/db/installed', 'packageManagers'],
  ['app/node_modules/x/index.js', 'productionDependencies'],
  ['app/node_modules/.package-lock.json', 'productionDependencies'],
  ['usr/local/lib/node_modules/pm2/index.js', 'productionDependencies'],
  ['app/dist/index.js', 'application'],
  ['app/package-lock.json', 'application'],
  ['root/.npm/_cacache/x', 'caches'],
  ['tmp/x', 'caches'],
  ['var/lib/apt/lists/x', 'caches'],
  ['app/node_modules/.cache/x', 'caches'],
  ['usr/lib/x86_64-linux-gnu/libc.so.6', 'baseSystem'],
  ['etc/passwd', 'baseSystem'],
  ['home/node/x', 'baseSystem'],
  ['data/x', 'other'],
] as const)('%s is %s', async (path, group) => {
  const { contents } = await inspect([[file(path, 7)]]);
  expect(contents.groups[group]).toBe(7);
});

test('an app in a directory that is not the working directory', async () => {
  const { contents } = await inspect([
    [packageJson('srv/other/package.json', {}), file('srv/other/x.js', 5), file('srv/y', 3)],
  ]);
  expect(contents.groups).toMatchObject({ application: 7, baseSystem: 3 });
});

test('an app in the root directory', async () => {
  const { contents } = await inspect([[file('server.js', 5), file('etc/x', 3)]], { workingDirectory: '' });
  expect(contents.groups).toMatchObject({ application: 5, baseSystem: 3 });
});

const tree: Entry[] = [
  packageJson('app/package.json', {
    dependencies: { express: '5' },
    devDependencies: { vitest: '4', typescript: '7' },
  }),
  packageJson('app/node_modules/express/package.json', {
    name: 'express',
    version: '5.2.0',
    dependencies: { qs: '6' },
  }),
  file('app/node_modules/express/index.js', 100),
  packageJson('app/node_modules/qs/package.json', { name: 'qs', version: '6.0.0' }),
  file('app/node_modules/qs/index.js', 300),
  packageJson('app/node_modules/vitest/package.json', {
    name: 'vitest',
    version: '4.0.0',
    dependencies: { qs: '5' },
    optionalDependencies: { fast: '1' },
    peerDependencies: { vite: '8' },
  }),
  packageJson('app/node_modules/vitest/node_modules/qs/package.json', { name: 'qs', version: '5.0.0' }),
  file('app/node_modules/vitest/node_modules/qs/index.js', 200),
  packageJson('app/node_modules/fast/package.json', { name: 'fast', version: '1.0.0' }),
  packageJson('app/node_modules/vite/package.json', { name: 'vite', version: '8.0.0' }),
  packageJson('app/node_modules/vite/dist/esm/package.json', { type: 'module' }),
  packageJson('app/node_modules/nobody/package.json', { name: 'nobody', version: '1.0.0' }),
];

test('packages are listed with what requires them, and development dependencies are those that production does not need', async () => {
  const { contents, summary } = await inspect([tree]);
  const listed = contents.packages.map(({ path, dev, requiredBy }) => [
    path.replace('/app/node_modules/', ''),
    dev,
    requiredBy,
  ]);
  expect(listed).toEqual(
    expect.arrayContaining([
      ['qs', false, ['express']],
      ['express', false, ['express']],
      ['vitest/node_modules/qs', true, ['vitest']],
      ['fast', true, ['vitest']],
      ['vite', true, ['vitest']],
      ['nobody', false, []],
    ]),
  );
  expect(contents.packages[0]).toMatchObject({ name: 'qs', version: '6.0.0', deleted: false });
  expect(contents.facts.npmPackages).toBe(7);
  expect(summary).toEqual([
    [
      'dev-dependency',
      'warning',
      ...['vitest', 'fast', 'vite', 'vitest/node_modules/qs'].map((name) => `/app/node_modules/${name} 0`),
    ],
  ]);
});

test('packages that are linked, as pnpm links them', async () => {
  const store = 'app/node_modules/.pnpm';
  const { contents } = await inspect([
    [
      packageJson('app/package.json', { dependencies: { a: '1' }, devDependencies: { c: '1' } }),
      { name: 'app/node_modules/a', type: 'symlink', linkname: '.pnpm/a@1/node_modules/a' },
      { name: 'app/node_modules/c', type: 'symlink', linkname: '.pnpm/c@1/node_modules/c' },
      packageJson(`${store}/a@1/node_modules/a/package.json`, {
        name: 'a',
        version: '1.0.0',
        dependencies: { b: '1' },
      }),
      { name: `${store}/a@1/node_modules/b`, type: 'symlink', linkname: '../../b@1/node_modules/b' },
      packageJson(`${store}/b@1/node_modules/b/package.json`, { name: 'b', version: '1.0.0' }),
      packageJson(`${store}/c@1/node_modules/c/package.json`, { name: 'c', version: '1.0.0' }),
    ],
  ]);
  const listed = contents.packages.map(({ name, dev, requiredBy }) => [name, dev, requiredBy]).sort();
  expect(listed).toEqual([
    ['a', false, ['a']],
    ['b', false, ['a']],
    ['c', true, ['c']],
  ]);
});

test("without the app's package.json, npm's own lockfile marks the development dependencies", async () => {
  const { summary } = await inspect([
    [
      packageJson('app/node_modules/.package-lock.json', {
        packages: { 'node_modules/a': { dev: true }, 'node_modules/b': {} },
      }),
      packageJson('app/node_modules/a/package.json', { name: 'a', version: '1.0.0' }),
      packageJson('app/node_modules/b/package.json', { name: 'b', version: '1.0.0' }),
    ],
  ]);
  expect(summary).toEqual([['dev-dependency', 'warning', '/app/node_modules/a 0']]);
});

test('a pruned package is counted in its group and as waste, and is not installed', async () => {
  const { contents, summary } = await inspect([
    tree,
    ['vitest', 'fast', 'vite'].map((name) => file(`app/node_modules/.wh.${name}`, 0)),
  ]);
  expect(summary).toEqual([]);
  expect(contents.groups.devDependencies).toBeGreaterThan(300);
  expect(
    contents.waste.map(({ path, how, instruction, removedBy }) => [path, how, instruction, removedBy]),
  ).toContainEqual(['/app/node_modules/vitest', 'deleted', 'RUN 0', 'RUN 1']);
  expect(contents.packages.find(({ name }) => name === 'vitest')).toMatchObject({ deleted: true, dev: true });
});

// Concatenated here, so that no scanner takes them for real secrets.
const KEY = `-----BEGIN ${'PRIVATE'} KEY-----\nMC4CAQAwBQ\n`;
const NPMRC = `registry=x\n//registry/:_auth${'Token'}=abc\n`;

test('secrets are found in any layer, even if a later layer deletes them, and never printed', async () => {
  const { findings, summary } = await inspect([
    [
      file('app/.env', 3),
      file('app/.env.production', 3),
      file('app/.env.example', 3),
      { name: 'root/.npmrc', content: NPMRC },
      { name: 'app/.npmrc', content: '//registry/:_authToken=${NPM_TOKEN}\n' },
      { name: 'app/key', content: KEY },
      { name: 'app/cert.pem', content: `Bag Attributes\n${KEY}` },
      { name: 'app/public.pem', content: '-----BEGIN PUBLIC KEY-----\n' },
      { name: 'app/node_modules/x/test/key.pem', content: KEY },
      file('app/.git/HEAD'),
      file('app/.git/config'),
    ],
    [file('app/.wh..env', 0), file('app/.wh.key', 0)],
  ]);
  expect(summary).toEqual([
    ['private-key', 'error', '/app/key 0', '/app/cert.pem 0'],
    ['npm-token', 'error', '/root/.npmrc 0'],
    ['env-file', 'error', '/app/.env 0', '/app/.env.production 0'],
    ['git-folder', 'error', '/app/.git 0'],
  ]);
  expect(findings.find(({ code }) => code === 'env-file')?.evidence[0]?.note).toBe(
    'deleted in a later layer; still part of the image',
  );
  expect(JSON.stringify(findings)).not.toMatch(/abc|MC4CAQ/);
});

test('secrets in the environment and in build arguments', async () => {
  const { findings, summary } = await inspect(
    [[file('a')], [file('b')]],
    { environment: ['API_KEY=hunter2', 'PATH=/bin'] },
    ['COPY a .', 'RUN |1 NPM_TOKEN=hunter2 /bin/sh -c npm ci # buildkit'],
  );
  expect(summary).toEqual([['secret-in-config', 'error', 'ENV API_KEY null', 'ARG NPM_TOKEN null']]);
  expect(JSON.stringify(findings)).not.toContain('hunter2');
});

test('secrets in commands, masked', async () => {
  const instruction = 'RUN curl -H "Authorization: Bearer ***" x';
  const { summary } = await inspect([[file('a')]], { command: ['node', 'x.js', '--token=hunter2'] }, [instruction]);
  expect(summary).toEqual([['secret-in-config', 'error', `${instruction} 0`, 'CMD node x.js --token=*** null']]);
});

test('files with credentials', async () => {
  const names = ['root/.netrc', 'root/.aws/credentials', 'root/.docker/config.json'];
  const yarn = { name: 'app/.yarnrc.yml', content: 'npmAuthToken: abc\n' };
  const { summary } = await inspect([
    [...names.map((name) => file(name)), yarn, file('app/prod.env'), file('usr/lib/x.env')],
  ]);
  expect(summary).toEqual([
    ['npm-token', 'error', '/app/.yarnrc.yml 0'],
    ['env-file', 'error', '/app/prod.env 0'],
    ['credentials-file', 'error', ...names.map((name) => `/${name} 0`)],
  ]);
});

const passwd = { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' };
const group = { name: 'etc/group', content: 'root:x:0:\nnode:x:1000:\nteam:x:2000:node\n' };
const directory = (name: string, mode: number, uid = 0, gid = 0): Entry => ({
  name,
  type: 'directory',
  mode,
  uid,
  gid,
});

test.each([
  ['1000', ['/app/owned', '/app/team', '/world']],
  ['node', ['/app/owned', '/app/team', '/world']],
  ['1000:0', ['/app/owned', '/app/root-group', '/world']],
  ['2000', ['/app/other', '/app/root-group', '/world']],
  ['0', ['/world']],
  ['', ['/world']],
])('what user "%s" may write to', async (user, writable) => {
  const { findings } = await inspect(
    [
      [
        passwd,
        group,
        directory('tmp', 0o1777),
        directory('home/node', 0o755, 1000, 1000),
        file('home/node/.profile', 1, { uid: 1000 }),
        file('app/readable', 1, { mode: 0o644 }),
        directory('app/owned', 0o755, 1000, 1000),
        file('app/owned/in', 1, { uid: 1000 }),
        file('app/team', 1, { mode: 0o664, gid: 2000 }),
        file('app/root-group', 1, { mode: 0o664 }),
        file('app/other', 1, { mode: 0o644, uid: 2000 }),
        directory('world', 0o777),
      ],
    ],
    { user },
  );
  expect(findings.find(({ code }) => code === 'writable-files')?.evidence.map(({ path }) => path)).toEqual(writable);
});

test.each<[string, Partial<ImageFacts>, string[]]>([
  ['root', { user: '' }, ['runs-as-root']],
  ['root by number', { user: '0:0' }, ['runs-as-root']],
  ['a name', { user: 'node' }, ['user-name']],
  ['a number', { user: '1000:1000' }, []],
  ['shell form', { command: ['/bin/sh', '-c', 'node x.js'] }, ['shell-form']],
  ['shell form that replaces itself', { command: ['/bin/sh', '-c', 'exec node x.js'] }, []],
  ['npm', { command: ['npm', 'start'] }, ['npm-process']],
  ['npm in shell form', { command: ['/bin/sh', '-c', 'npm start'] }, ['shell-form', 'npm-process']],
  ['npm as entrypoint', { entrypoint: ['/usr/local/bin/npm'], command: ['start'] }, ['npm-process']],
  ['no health check', { healthcheck: false }, ['no-healthcheck']],
])('%s', async (_name, facts, codes) => {
  expect((await inspect([[file('app/x')]], facts)).summary.map(([code]) => code)).toEqual(codes);
});

test("the distribution's setuid programs are info, added ones a warning", async () => {
  const su = file('usr/bin/su', 1, { mode: 0o4755 });
  const added = file('app/su', 1, { mode: 0o4755 });
  expect((await inspect([[su]], {}, [], 1)).summary).toEqual([['setuid', 'info', '/usr/bin/su 0']]);
  expect((await inspect([[su], [added]], {}, [], 1)).summary).toEqual([['setuid', 'warning', '/app/su 1']]);
  expect((await inspect([[file('x')], [su]], {}, [], 1)).summary).toEqual([['setuid', 'warning', '/usr/bin/su 1']]);
});

test('compilers, source code and caches', async () => {
  const layer = [
    file('usr/bin/gcc'),
    file('app/node_modules/typescript/package.json'),
    file('app/src/index.ts'),
    file('app/dist/index.d.ts'),
    file('app/node_modules/x/x.ts'),
    file('root/.npm/_cacache/index-v5/a'),
    file('root/.npm/_cacache/index-v5/b'),
  ];
  expect((await inspect([layer])).summary).toEqual([
    ['compiler', 'warning', '/app/node_modules/typescript 0', '/usr/bin/gcc 0'],
    ['sources', 'warning', '/app/src/index.ts 0'],
    ['npm-cache', 'warning', '/root/.npm/_cacache 0'],
  ]);
  const typeScript = await inspect([[file('app/src/index.ts')]], { command: ['node', 'src/index.ts'] });
  expect(typeScript.summary).toEqual([]);
});

test('facts', async () => {
  const status = 'Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n';
  const { contents } = await inspect([
    [
      file('bin/busybox'),
      { name: 'bin/sh', type: 'symlink', linkname: 'busybox' },
      file('usr/local/bin/npm'),
      { name: 'var/lib/dpkg/status', content: status },
      { name: 'var/lib/dpkg/status.d/libc6', content: 'Package: libc6\n' },
      { name: 'var/lib/dpkg/status.d/libc6.md5sums', content: 'Package: no\n' },
      { name: 'lib/apk/db/installed', content: 'P:musl\nV:1\n\nP:busybox\nV:1\n' },
      file('usr/bin/su', 1, { mode: 0o4755 }),
      { name: 'usr/bin/also-su', type: 'link', linkname: 'usr/bin/su' },
      { name: 'usr/bin/symlink-to-su', type: 'symlink', linkname: 'su', mode: 0o777 },
      { name: 'usr/lib', type: 'directory', mode: 0o755 },
      file('usr/bin/gone', 1, { mode: 0o4755 }),
      { name: 'usr/local/bin/node', content: '\0node.js/v18.20.8\0', mode: 0o755 },
      { name: 'usr/local/bin/also-node', type: 'link', linkname: 'usr/local/bin/node' },
      { name: 'opt/node', content: 'node.js/v31.0.0' },
    ],
    [{ name: 'usr/bin/.wh.gone' }, file('opt/group', 1, { mode: 0o010 })],
  ]);
  expect(contents.facts).toEqual({
    shells: ['/bin/busybox', '/bin/sh'],
    packageManagers: ['/usr/local/bin/npm'],
    files: 12,
    npmPackages: 0,
    osPackages: 4,
    // su, node, their hard links, and the file of which only the group may run it.
    executables: 5,
    setuidFiles: 2,
    node: [
      { path: '/opt/node', version: '31.0.0', endOfLife: null },
      { path: '/usr/local/bin/node', version: '18.20.8', endOfLife: '2025-04-30' },
    ],
  });
});

test('every group has a name, and every finding says why it matters and what to do', () => {
  expect(Object.values(GROUPS).every((name) => name.length > 3)).toBe(true);
  for (const { why, fix } of Object.values(CATALOG)) expect(Math.min(why.length, fix.length)).toBeGreaterThan(40);
});
