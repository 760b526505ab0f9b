import { appendFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBuildSteps } from '../../compare/build/build-steps.ts';
import type { BehaviourResult } from '../../compare/model/report-schema.ts';
import { subjectName } from '../../compare/model/subject.ts';
import { checkBehaviour } from '../../compare/run/check-behaviour.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { findAllSubjects } from './all-subjects.ts';
import { Bench, docker, engine, type FileEntry, filesOf, ROOT } from './test-engine.ts';

const bench = new Bench();
afterAll(() => bench.cleanUp());

/** Who runs the app. One that is not listed: see userOf. */
const USERS: Record<string, number> = {
  '01-first-dockerfile multi': 0,
  '02-multi-stage multi': 1000,
  '02-multi-stage native': 1000,
  '03-distroless multi': 65532,
  '03-distroless lean': 65532,
  '04-three-stage multi': 1000,
  '04-three-stage company': 1000,
  '04-three-stage single': 1000,
};

/** Any but root, by a number. `single` need not have one. */
function userOf(name: string, facts: ImageFacts | undefined): number {
  const listed = USERS[name] ?? (name.endsWith(' single') ? 0 : undefined);
  if (listed !== undefined) return listed;
  expect(facts?.user, 'USER has to be a number that is not 0').toMatch(/^[1-9]\d*$/);
  return Number(facts?.user);
}

/** What `single` does not set yet, and chapter 01 neither. */
const forProduction = (name: string) => (name.endsWith(' single') ? name.startsWith('04') : !name.startsWith('01'));

const subjects = await findAllSubjects();
const chapters = [...new Set(subjects.map(({ chapter }) => chapter))];

test('each listed user is of a variant that exists', () => {
  expect(subjects.map(subjectName)).toEqual(expect.arrayContaining(Object.keys(USERS)));
});

const images = new Map<string, string>();
const tried = new Map<string, BehaviourResult[]>();
const image = (name: string) => images.get(name) as string;

describe.each(chapters)('%s', (chapter) => {
  const dockerfiles = new Map(
    subjects
      .filter((subject) => subject.chapter === chapter)
      .map(({ variant, context, dockerfile }) => [variant, relative(context, dockerfile)]),
  );
  const variants = [...dockerfiles.keys()];
  const fileOf = (variant: string) => dockerfiles.get(variant) as string;

  const facts: ImageFacts[] = [];
  const user = (variant: string) => userOf(`${chapter} ${variant}`, facts[variants.indexOf(variant)]);

  beforeAll(async () => {
    for (const variant of variants) {
      const built = await bench.buildImage(join(ROOT, chapter), fileOf(variant));
      facts.push(built);
      images.set(`${chapter} ${variant}`, built.id);
    }
    const options = { ...bench.containerOptions, onCheck: () => {} };
    // Side by side, because health checks take their time.
    const found = await Promise.all(facts.map((one) => checkBehaviour(engine, one, options)));
    for (const [index, variant] of variants.entries()) tried.set(`${chapter} ${variant}`, found[index]?.results ?? []);
  });

  describe.each(variants)('%s', (variant) => {
    const name = `${chapter} ${variant}`;

    test('answers, as the promised user', async () => {
      const { ask } = await bench.serve(image(name));
      const greeting = await ask('/');
      expect(greeting).toMatchObject({ status: 200, type: expect.stringContaining('application/json') });
      expect(JSON.parse(greeting.body)).toEqual({ message: 'Hello from a container' });
      expect(await ask('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
      const info = JSON.parse((await ask('/info')).body);
      expect(info).toMatchObject({ node: expect.stringMatching(/^v26\./), platform: 'linux', userId: user(variant) });
      expect(info.nodeEnv).toBe(forProduction(name) ? 'production' : null);
      // Without a memory limit, the heap must not grow to a part of the machine. V8's own limit is a little more than 4 GiB.
      expect(info.heapLimitBytes).toBeLessThan(4.5 * 1024 ** 3);
    });

    test('behaves as a service should', () => {
      const missed = tried.get(name)?.filter(({ ok }) => ok !== true);
      // What single is there to show: nobody asks how it is.
      const expected = variant === 'single' ? ['healthy', 'unhealthy'] : [];
      expect(missed?.map((one) => one.name)).toEqual(expected);
    });
  });

  test.each(chapter.startsWith('04') ? ['multi'] : variants)(
    '%s: an edit of a test rebuilds it only where a stage runs the tests',
    async (variant) => {
      const copy = await mkdtemp(join(tmpdir(), 'edited-test-'));
      try {
        const filter = (path: string) => !/\/(node_modules|dist|\.turbo)$/.test(path);
        await cp(join(ROOT, chapter), copy, { recursive: true, verbatimSymlinks: true, filter });
        await appendFile(join(copy, 'test/app.test.ts'), `// ${bench.id}\n`);
        const lines: string[] = [];
        await bench.buildImage(copy, fileOf(variant), { onLine: (line) => lines.push(line) });
        const step = readBuildSteps(lines).find(({ name }) => name.endsWith(' RUN npm run build'));
        expect(step?.cached).toBe(!chapter.startsWith('04'));
      } finally {
        await rm(copy, { recursive: true });
      }
    },
  );

  test('all variants answer alike', async () => {
    const servers = await Promise.all(variants.map((variant) => bench.serve(image(`${chapter} ${variant}`))));
    for (const path of ['/', '/healthz', '/nowhere']) {
      const [reference, ...others] = await Promise.all(servers.map(({ ask }) => ask(path)));
      for (const other of others) expect(other).toEqual(reference);
    }
  });

  describe.each(variants.filter((variant) => variant !== 'single'))('%s', (variant) => {
    const name = `${chapter} ${variant}`;
    let files: FileEntry[] = [];
    beforeAll(async () => {
      files = await filesOf(image(name));
    });

    test('its CMD is in exec form and begins with no shell, and its user is a number', async () => {
      const config = JSON.parse(await docker('inspect', '--format', '{{json .Config}}', image(name)));
      expect(config.Cmd.at(-1)).toBe(variant === 'lean' ? 'dist/start.cjs' : 'dist/index.js');
      expect([...(config.Entrypoint ?? []), ...config.Cmd][0]).not.toMatch(/\/(ba|da)?sh$/);
      expect(config.User).toBe(user(variant) === 0 ? '' : String(user(variant)));
    });

    test("its HEALTHCHECK needs no shell, and has Docker's interval", async () => {
      const health = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck}}', image(name)));
      expect(health.Test[0]).toBe('CMD');
      expect(health.Test[1]).toMatch(/node$/);
      expect(health.Interval).toBeUndefined();
    });

    test('the user that runs it cannot write its files', () => {
      const app = files.filter(({ path, type }) => /^\/app(\/|$)/.test(path) && type !== 'symlink');
      expect(app.length).toBeGreaterThan(100);
      // Root may write everything. Where it runs the app, no other user may.
      const writable = app.filter(({ mode, uid }) => uid !== 0 || (mode & 0o022) !== 0);
      expect(writable.map(({ path }) => path)).toEqual([]);
    });

    test('ships no source code, and from chapter 02 on no development dependency and no npm leftovers', async () => {
      const paths = files.map(({ path }) => path);
      expect(paths.filter((path) => /^\/app\/(src|test)\//.test(path))).toEqual([]);
      const lock = JSON.parse(await readFile(join(ROOT, chapter, 'package-lock.json'), 'utf8'));
      const packages: [string, { dev?: boolean }][] = Object.entries(lock.packages);
      const dev = packages.filter(([path, { dev }]) => path !== '' && dev).map(([path]) => `/app/${path}/`);
      expect(dev.length).toBeGreaterThan(20);
      const shipped = dev.filter((directory) => paths.some((path) => path.startsWith(directory)));
      if (chapter.startsWith('01')) {
        // Chapter 01 copies the whole node_modules, which also shows that this test would notice.
        expect(shipped).toContain('/app/node_modules/typescript/');
        return;
      }
      expect(shipped).toEqual([]);
      // The type declarations that packages bring are theirs; our own source code and the compiler are not there.
      const own = paths.filter((path) => path.startsWith('/app/') && !path.startsWith('/app/node_modules/'));
      expect(own.filter((path) => path.endsWith('.ts'))).toEqual([]);
      expect(paths.filter((path) => /\/node_modules\/(typescript|\.bin\/tsc)/.test(path))).toEqual([]);
      expect(paths.filter((path) => /^\/(root|home\/\w+)\/\.npm\/.|^\/tmp\/./.test(path))).toEqual([]);
    });

    test('ships a shell only if its base image does', async () => {
      const text = await readFile(join(ROOT, chapter, fileOf(variant)), 'utf8');
      const shells = files.filter(({ path }) => /\/(sh|bash|dash|busybox)$/.test(path));
      expect(shells.length > 0).toBe(!/distroless|scratch/.test(readDockerfile(text, 'Dockerfile').finalBase));
    });
  });
});

describe('03-distroless lean', () => {
  const lean = () => image('03-distroless lean');
  const node = (options: string, ...args: string[]) =>
    docker('run', '--rm', '--workdir', '/app', '--env', `NODE_OPTIONS=${options}`, lean(), ...args);

  test.each(['', '--max-old-space-size-percentage=75'])(
    'V8 accepts the bytecode of the build, NODE_OPTIONS=%s',
    async (options) => {
      const script = `
      const { Script } = require('vm');
      const { wrap } = require('module');
      const { readFileSync } = require('fs');
      const cachedData = readFileSync('dist/server.bytecode');
      const code = wrap(readFileSync('dist/server.cjs', 'utf8'));
      console.log(new Script(code, { filename: '/app/dist/server.cjs', cachedData }).cachedDataRejected);`;
      expect(await node(options, '-e', script)).toBe('false');
      // And this test would notice: another limit of the stack makes other code.
      expect(await node(options, '--stack-size=500', '-e', script)).toBe('true');
    },
  );

  test('keeps what a service needs: CA certificates, time zones, a home and a place for temporary files', async () => {
    const files = await filesOf(lean());
    const find = (path: string) => files.find((file) => file.path === path);
    expect(find('/etc/ssl/certs/ca-certificates.crt')?.bytes).toBeGreaterThan(100_000);
    expect(find('/usr/share/zoneinfo/Europe/Vienna')?.bytes).toBeGreaterThan(100);
    expect((find('/tmp/')?.mode ?? 0) & 0o7777).toBe(0o1777);
    expect(find('/home/nonroot/')?.uid).toBe(65532);
    expect((find('/home/nonroot/')?.mode ?? 0) & 0o7777).toBe(0o700);
    const date = 'new Date(Date.UTC(2026, 6, 1)).toLocaleString("de-AT", { timeZoneName: "long" })';
    expect(await docker('run', '--rm', '--env', 'TZ=Europe/Vienna', lean(), '-p', date)).toMatch(
      /2:00:00 Mitteleuropäische Sommerzeit$/,
    );
  });

  test('lists the packages that it has, and no others', async () => {
    const files = await filesOf(lean());
    const listed = files.flatMap(({ path }) => /\/status\.d\/([^/]+)$/.exec(path)?.[1] ?? []);
    expect(listed).toEqual(expect.arrayContaining(['libc6', 'libstdc++6', 'libgcc-s1', 'tzdata', 'base-files']));
    expect(listed.filter((name) => /^(libssl|zlib|libzstd|libgomp)/.test(name))).toEqual([]);
    expect(files.filter(({ path }) => /lib(ssl|crypto|z|zstd|gomp)\.so/.test(path))).toEqual([]);
  });

  test('has the names and licences of the packages in its bundle', async () => {
    const { packages } = JSON.parse(await readFile(join(ROOT, '03-distroless/package-lock.json'), 'utf8'));
    const shipped = Object.entries<{ dev?: boolean }>(packages).filter(([path, { dev }]) => path !== '' && !dev);
    const paths = new Set((await filesOf(lean())).map(({ path }) => path));
    expect(shipped.length).toBeGreaterThan(50);
    expect(shipped.filter(([path]) => !paths.has(`/app/${path}/package.json`))).toEqual([]);
  });
});
