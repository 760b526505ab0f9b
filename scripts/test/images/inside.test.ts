import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findLines } from '../../compare/inspect/find-lines.ts';
import type { ImageLayer } from '../../compare/inspect/layer.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { mergeLayers } from '../../compare/inspect/merge-layers.ts';
import { readImageLayers } from '../../compare/inspect/read-image-layers.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { readStage } from '../../lib/dockerfile.ts';
import { findAllSubjects } from './all-subjects.ts';
import { look } from './look.ts';
import { Bench, engine, filesOf } from './test-engine.ts';

const bench = new Bench();
const subjects = await findAllSubjects();
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'inside-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await bench.cleanUp();
});

/** The files that Docker mounts over those of the image in every container. */
const REPLACED = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];

/** The bytes of all files that the engine exports from a container, without those that it mounts. */
async function exportedBytes(image: ImageFacts): Promise<number> {
  const files = (await filesOf(image.id)).filter(({ path }) => !REPLACED.includes(path));
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The bytes of the image's files under those mounts. */
function replacedBytes(layers: ImageLayer[]): number {
  const { visible } = mergeLayers(layers.map(({ files }) => files));
  return REPLACED.reduce((sum, path) => sum + (visible.get(path.slice(1))?.bytes ?? 0), 0);
}

describe('inside', () => {
  // The tool counts regular files in the layers that hold their bytes, and subtracts those that no path leads to any more.
  // The test counts regular files in what the engine exports from a container. In both, hard links, directories, symbolic
  // links and devices count nothing. Neither counts the files that Docker mounts over those of the image; everything else
  // that Docker adds, such as /.dockerenv, is empty in an export.
  test.each(subjects.map((subject) => [`${subject.chapter} ${subject.variant}`, subject] as const))(
    '%s: groups add up to the layers, and without the waste to what a container sees',
    async (name, { chapter, variant, context, dockerfile }) => {
      const image = await bench.buildImage(context, relative(context, dockerfile));
      const { layers, contents, findings } = await look(image);
      const unpackedBytes = layers.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(Object.values(contents.groups).reduce((sum, bytes) => sum + bytes, 0)).toBe(unpackedBytes);

      const exported = await exportedBytes(image);
      expect(exported).toBeGreaterThan(100e6);
      expect(unpackedBytes - contents.wasteBytes - replacedBytes(layers)).toBe(exported);

      const serious = findings.filter(({ level }) => level !== 'info').map(({ code }) => code);
      if (name === '01-first-dockerfile single') {
        expect(serious).toEqual(['runs-as-root', 'dev-dependency', 'compiler', 'sources', 'npm-cache']);
      }
      if (variant === 'multi' && !chapter.startsWith('01')) expect(serious).toEqual([]);
      if (name === '04-three-stage single') {
        // It deletes more than a third of its bytes in later layers.
        expect(contents.wasteBytes).toBeGreaterThan(0.33 * unpackedBytes);
        expect(contents.waste[0]).toMatchObject({ how: 'deleted', path: '/root/.npm/_cacache' });
      }
    },
  );

  test('hard links across layers are counted as the engine counts them', async () => {
    const context = join(directory, 'links');
    await mkdir(context);
    await writeFile(
      join(context, 'Dockerfile'),
      [
        'FROM node:26-alpine',
        'RUN mkdir /d && head -c 100000 /dev/zero > /d/a && ln /d/a /d/b && ln /d/a /d/c',
        'RUN rm /d/a',
        'RUN echo more >> /d/b',
        'RUN rm -rf /d/c && mkdir /e && head -c 5000 /dev/zero > /e/x && ln /e/x /e/y && rm /e/x',
        'RUN rm -rf /e && mkdir /e && touch /e/new',
        'RUN chmod 600 /usr/local/CHANGELOG.md',
      ].join('\n'),
    );
    const image = await bench.buildImage(context, 'Dockerfile');
    const { layers, contents } = await look(image);
    const unpackedBytes = layers.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(contents.wasteBytes).toBeGreaterThan(100_000);
    expect(unpackedBytes - contents.wasteBytes - replacedBytes(layers)).toBe(await exportedBytes(image));
  });

  test('planted secrets and mistakes are found, with their path and layer, and never printed', async () => {
    const context = join(directory, 'planted');
    const files: Record<string, string> = {
      '.env': 'DB_PASSWORD=hunter2\n',
      '.npmrc': `//registry/:_auth${'Token'}=hunter2\n`,
      id_ed25519: `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\nhunter2\n`,
      '.git/config': '[remote "origin"]\n\turl = https://me:hunter2@example.com/x\n',
      'package.json': '{"dependencies":{"a":"1"},"devDependencies":{"b":"1"}}',
      'node_modules/a/package.json': '{"name":"a","version":"1.0.0"}',
      'node_modules/b/package.json': '{"name":"b","version":"2.0.0"}',
      'src/index.ts': 'export {};\n',
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(context, name)), { recursive: true });
      await writeFile(join(context, name), content);
    }
    const lines = [
      'FROM node:26-alpine AS base',
      'ARG DIRECTORY=app',
      'WORKDIR /$DIRECTORY/',
      'FROM base',
      '# With a comment, and in JSON.',
      'COPY [".", "."]',
      'RUN true',
      'RUN rm -rf .env .npmrc id_ed25519 .git',
      'RUN mkdir -p /root/.npm/_cacache && echo left > /root/.npm/_cacache/x',
      'RUN cp /bin/busybox /usr/local/bin/su \\',
      '  && chmod 4755 /usr/local/bin/su',
      'RUN ["chmod", "777", "/app"]',
      'ARG NPM_TOKEN',
      'RUN echo "with the argument"',
      'ENV API_KEY=hunter2',
      'USER node',
      'CMD npm start',
    ];
    await writeFile(join(context, 'Dockerfile'), lines.join('\n'));
    const image = await bench.buildImage(context, 'Dockerfile', { buildArgs: { NPM_TOKEN: 'hunter2' } });
    const { layers, contents, findings } = await look(image, join(directory, 'cache'));
    const copied = layers.findIndex(({ instruction }) => instruction === 'COPY . .');
    const layerOf = (text: string) => layers.findIndex(({ instruction }) => instruction?.includes(text));
    const summary = Object.fromEntries(
      findings.map(({ code, evidence }) => [code, evidence.map(({ path, layer }) => [path, layer])]),
    );
    expect(summary).toEqual({
      'env-file': [['/app/.env', copied]],
      'npm-token': [['/app/.npmrc', copied]],
      'private-key': [['/app/id_ed25519', copied]],
      'git-folder': [['/app/.git', copied]],
      'secret-in-config': [
        ['ENV API_KEY', null],
        ['ARG NPM_TOKEN', layerOf('with the argument')],
      ],
      'dev-dependency': [['/app/node_modules/b', copied]],
      sources: [['/app/src/index.ts', copied]],
      'npm-cache': [['/root/.npm/_cacache', layerOf('_cacache')]],
      setuid: [['/usr/local/bin/su', layerOf('chmod 4755')]],
      'writable-files': [['/app', layerOf('chmod 777')]],
      'user-name': [['USER node', null]],
      'shell-form': [['CMD /bin/sh -c npm start', null]],
      'npm-process': [['CMD /bin/sh -c npm start', null]],
      'no-healthcheck': [['HEALTHCHECK', null]],
    });
    // The engine has the base image, or only the layers: the lines are the same.
    const base = (await engine.image('node:26-alpine'))?.diffIds.length ?? 0;
    for (const known of [base, null]) {
      const stage = readStage(lines.join('\n'), 'Dockerfile');
      const located = findLines(findings, { stage, image }, layers, known);
      expect(located.baseLayers).toBe(base);
      expect(Object.fromEntries(located.findings.map(({ code, line }) => [code, lines[(line ?? 0) - 1]]))).toEqual({
        ...Object.fromEntries(['env-file', 'npm-token', 'private-key', 'git-folder'].map((code) => [code, lines[5]])),
        ...{ 'dev-dependency': lines[5], sources: lines[5], 'secret-in-config': 'ENV API_KEY=hunter2' },
        ...{ 'npm-cache': lines[8], setuid: lines[9], 'writable-files': lines[11], 'user-name': 'USER node' },
        ...{ 'shell-form': 'CMD npm start', 'npm-process': 'CMD npm start', 'no-healthcheck': 'FROM base' },
      });
    }
    expect(findings.find(({ code }) => code === 'env-file')?.evidence[0]?.note).toBe(
      'deleted in a later layer; still part of the image',
    );
    const instructions = layers.map(({ instruction }) => instruction);
    expect(JSON.stringify([contents, findings, instructions])).not.toContain('hunter2');
    const cached = await promisify(execFile)('grep', ['-rl', 'hunter2', join(directory, 'cache')]).catch(
      ({ code }) => code,
    );
    expect(cached).toBe(1); // The exit code of grep when it finds nothing.
  });

  test('one image that cannot be saved fails alone, and an image without layers has 0 bytes', async () => {
    const context = join(directory, 'alone');
    await mkdir(context);
    const contents = { empty: 'CMD ["/x"]', one: 'COPY Dockerfile.one /', two: 'COPY Dockerfile.two /' };
    for (const [name, line] of Object.entries(contents)) {
      await writeFile(join(context, `Dockerfile.${name}`), `FROM scratch\n${line}\n`);
    }
    const images = [];
    for (const name of Object.keys(contents)) images.push(await bench.buildImage(context, `Dockerfile.${name}`));
    const [empty, one, two] = images.map(({ id }) => id);
    // The engine has no image of this name. Its layer is that of `one`, and so it is saved together with it.
    const absent = { id: 'multi-stage-node/absent:1', diffIds: [images[1]?.diffIds[0] ?? '', 'sha256:0'] };
    const withoutCache = new LayerCache(join(directory, 'alone-cache'));
    const history = async (id: string) => (id === absent.id ? [] : engine.history(id));
    const results = await readImageLayers({ save: engine.save, history }, [...images, absent], withoutCache, {
      signal: new AbortController().signal,
    });
    expect(results.get(empty ?? '')).toMatchObject({ layers: [] });
    for (const id of [one, two])
      expect(results.get(id ?? '')).toMatchObject({ layers: [{ files: [{ kind: 'file' }] }] });
    const error = { code: 'program-failed', lines: ['Error response from daemon: reference does not exist'] };
    expect(results.get(absent.id)).toMatchObject({ error });
  });

  test('a 1 GB image is read as a stream: it takes little memory, and writes only the cache', async () => {
    const work = join(directory, 'memory');
    await mkdir(join(work, 'tmp'), { recursive: true });
    const script = join(import.meta.dirname, 'memory.ts');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), script, 'node:26', join(work, 'cache')],
      { cwd: work, env: { ...process.env, TMPDIR: join(work, 'tmp') } },
    );
    const { bytes, maxRssBytes } = JSON.parse(stdout);
    expect(bytes).toBeGreaterThan(1e9);
    expect(maxRssBytes).toBeLessThan(300e6);
    const written = await readdir(work, { recursive: true, withFileTypes: true });
    const files = written.filter((file) => file.isFile() && !file.parentPath.includes('tsx-'));
    expect(files.length).toBeGreaterThan(1);
    for (const { parentPath } of files)
      expect(parentPath).toMatch(/\/cache\/measurements-v\d+\/(layers|instructions)$/);
  });
});
