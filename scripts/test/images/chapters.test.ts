import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChapters } from '../../src/subjects/chapters.ts';
import { readDockerfile } from '../../src/subjects/dockerfile.ts';
import { Bench, describeWithEngine, docker, type FileEntry, filesOf, ROOT } from './engine.ts';

const bench = new Bench();
afterAll(() => bench.cleanUp());

/** Who runs the app: root where a chapter does not speak of users yet. */
const USERS: Record<string, number> = {
  '01-first-dockerfile multi': 0,
  '02-multi-stage multi': 1000,
  '03-distroless multi': 65532,
  '04-three-stage multi': 1000,
  '04-three-stage single': 1000,
};

const subjects = await findChapters(ROOT);
const chapters = [...new Set(subjects.map(({ chapter }) => chapter))];
const images = new Map<string, string>();
const image = (name: string) => images.get(name) as string;

describeWithEngine.each(chapters)('%s', (chapter) => {
  const variants = subjects.filter((subject) => subject.chapter === chapter).map(({ variant }) => variant);

  beforeAll(async () => {
    for (const variant of variants) {
      const id = await bench.build(join(ROOT, chapter), `Dockerfile.${variant}`);
      images.set(`${chapter} ${variant}`, id);
    }
  });

  describe.each(variants)('%s', (variant) => {
    const name = `${chapter} ${variant}`;
    const user = USERS[name] ?? 0;

    test('answers, as the promised user', async () => {
      const { ask } = await bench.serve(image(name));
      const greeting = await ask('/');
      expect(greeting).toMatchObject({ status: 200, type: expect.stringContaining('application/json') });
      expect(JSON.parse(greeting.body)).toEqual({ message: 'Hello from a container' });
      expect(await ask('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
      const info = JSON.parse((await ask('/info')).body);
      expect(info).toMatchObject({ node: expect.stringMatching(/^v26\./), platform: 'linux', userId: user });
      const production = /^0[234].* multi$|^04/.test(name);
      expect(info.nodeEnv).toBe(production ? 'production' : null);
    });

    test('sees its memory limit', async () => {
      const { ask } = await bench.serve(image(name), ['--memory', '256m']);
      const info = JSON.parse((await ask('/info')).body);
      expect(info.memoryLimitBytes).toBe(256 * 1024 * 1024);
    });

    test('ends within two seconds of SIGTERM, with exit code 0', async () => {
      const { id } = await bench.serve(image(name));
      const begin = Date.now();
      await docker('stop', '-t', '10', id);
      expect(Date.now() - begin).toBeLessThan(2000);
      expect(await docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('0');
    });

    test('runs with a read-only root, no capabilities and no new privileges', async () => {
      const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
      const { ask } = await bench.serve(image(name), hardened);
      expect(await ask('/')).toMatchObject({ status: 200 });
    });
  });

  test('single and multi answer alike', async () => {
    const servers = await Promise.all(variants.map((variant) => bench.serve(image(`${chapter} ${variant}`))));
    for (const path of ['/', '/healthz', '/nowhere']) {
      const [reference, ...others] = await Promise.all(servers.map(({ ask }) => ask(path)));
      for (const other of others) expect(other).toEqual(reference);
    }
  });

  describe('multi', () => {
    const name = `${chapter} multi`;
    let files: FileEntry[] = [];
    beforeAll(async () => {
      files = await filesOf(image(name));
    });

    test('its CMD is a list that begins with no shell, and its user is a number', async () => {
      const config = JSON.parse(await docker('inspect', '--format', '{{json .Config}}', image(name)));
      expect(config.Cmd.at(-1)).toBe('dist/index.js');
      expect(config.Cmd[0]).not.toMatch(/sh$/);
      expect(config.User).toBe(USERS[name] === 0 ? '' : String(USERS[name]));
    });

    test('its HEALTHCHECK needs no shell, and turns healthy', async () => {
      const health = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck}}', image(name)));
      expect(health.Test[0]).toBe('CMD');
      expect(health.Test[1]).toMatch(/node$/);
      const { id } = await bench.serve(image(name), ['--health-interval', '1s', '--env', 'PORT=3000']);
      const status = () => docker('inspect', '--format', '{{.State.Health.Status}}', id);
      await expect.poll(status, { timeout: 20_000, interval: 250 }).toBe('healthy');
    });

    test('the user that runs it cannot write its files', () => {
      const app = files.filter(({ path, type }) => /^\/app(\/|$)/.test(path) && type !== 'symlink');
      expect(app.length).toBeGreaterThan(100);
      // Root may write everything. Where it runs the app, no other user may.
      const writable = app.filter(({ mode, uid }) => uid !== 0 || (mode & 0o022) !== 0);
      expect(writable.map(({ path }) => path)).toEqual([]);
    });

    test('ships no sources, and from chapter 02 on no development dependency and no npm leftovers', async () => {
      const paths = files.map(({ path }) => path);
      expect(paths.filter((path) => /^\/app\/(src|test)\//.test(path))).toEqual([]);
      const lock = JSON.parse(await readFile(join(ROOT, chapter, 'package-lock.json'), 'utf8'));
      const packages: [string, { dev?: boolean }][] = Object.entries(lock.packages);
      const dev = packages.filter(([path, { dev }]) => path !== '' && dev).map(([path]) => `/app/${path}/`);
      expect(dev.length).toBeGreaterThan(20);
      const shipped = dev.filter((folder) => paths.some((path) => path.startsWith(folder)));
      if (chapter.startsWith('01')) {
        // Chapter 01 copies the whole node_modules, which also shows that this test would notice.
        expect(shipped).toContain('/app/node_modules/typescript/');
        return;
      }
      expect(shipped).toEqual([]);
      // The type declarations that packages bring are theirs; our own sources and the compiler are not there.
      const own = paths.filter((path) => path.startsWith('/app/') && !path.startsWith('/app/node_modules/'));
      expect(own.filter((path) => path.endsWith('.ts'))).toEqual([]);
      expect(paths.filter((path) => /\/node_modules\/(typescript|\.bin\/tsc)/.test(path))).toEqual([]);
      expect(paths.filter((path) => /^\/(root|home\/\w+)\/\.npm\/.|^\/tmp\/./.test(path))).toEqual([]);
    });

    test('ships a shell only if its base image does', async () => {
      const text = await readFile(join(ROOT, chapter, 'Dockerfile.multi'), 'utf8');
      const shells = files.filter(({ path }) => /\/(sh|bash|dash|busybox)$/.test(path));
      expect(shells.length > 0).toBe(!readDockerfile(text, 'Dockerfile.multi').finalBase.includes('distroless'));
    });
  });
});
