import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDependency } from '../../compare/build/context-copy.ts';
import { type BuildKind, type TimedBuild, timeBuildSequence } from '../../compare/build/timed-builds.ts';
import { findSubjects } from '../../compare/discover/project.ts';
import { mergeSettings } from '../../compare/model/settings.ts';
import type { Subject } from '../../compare/model/subject.ts';
import { timeStart } from '../../compare/run/timed-starts.ts';
import type { Engine } from '../../engine/engine.ts';
import { Bench, describeWithEngine, docker, engine } from './test-engine.ts';

const bench = new Bench();
const mount = `test-bench-${randomUUID()}`;
let context = '';

/**
 * The build itself fails where a cache is not what it should be: a cold build of ours finds an empty one, and a build of
 * the user's (USER) finds what an earlier one left there, and nothing of ours.
 */
const DOCKERFILE = `ARG NODE_VERSION=26
FROM node:\${NODE_VERSION}-alpine AS build
WORKDIR /app
COPY package.json ./
ARG WHO=
RUN --mount=type=cache,id=${mount},target=/cache \\
  case "$WHO" in \\
    first) touch /cache/user ;; \\
    second) test -e /cache/user && test ! -e /cache/bench ;; \\
    *) grep -q mitt package.json || test -z "$(ls /cache)"; touch /cache/bench ;; \\
  esac
COPY . .
FROM scratch
COPY --from=build /app /app
`;

const FILES = {
  '.dockerignore': 'Dockerfile*\nnode_modules\n',
  'package.json': '{"name": "x", "version": "1.0.0"}\n',
  'src/index.js': "require('http').createServer((_, r) => r.end('ok')).listen(3000, () => console.log('listening'));\n",
  Dockerfile: DOCKERFILE,
};

beforeAll(async () => {
  context = await mkdtemp(join(tmpdir(), 'bench-'));
  await mkdir(join(context, 'src'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(context, name), text);
});
afterAll(async () => {
  await rm(context, { recursive: true });
  await bench.cleanUp();
});

async function subjectAt(dockerfile: string): Promise<Subject> {
  const [subject] = await findSubjects('x', context, { dockerfiles: [dockerfile] }, mergeSettings());
  return subject as Subject;
}

describeWithEngine('timed builds', () => {
  test('begin with nothing, reuse what they may, and leave the user his caches and files', {
    timeout: 240_000,
  }, async () => {
    const { signal } = new AbortController();
    const temporary = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('multi-stage-node-bench-'));
    const before = await temporary();
    await bench.build(context, 'Dockerfile', { buildArgs: { WHO: 'first' } });
    const subject = await subjectAt(join(context, 'Dockerfile'));
    const withDependency = await addDependency(context, signal);
    // Twice: the second one must not find what the first one left.
    for (const round of [1, 2]) {
      const salt = `${bench.id}-${round}`;
      const builds = await timeBuildSequence(engine as Engine, subject, {
        runId: bench.id,
        name: `multi-stage-node/test:${salt}`,
        salt,
        withDependency,
        signal,
        onStep: () => {},
      });
      const { cold, noop, afterEdit, afterDependency } = builds as Record<BuildKind, TimedBuild>;
      const cached = ({ steps }: TimedBuild) => steps.map((step) => step.cached);
      expect(cold.steps.map(({ name }) => name.replace(/^.*\] (\w+).*$/, '$1')).sort()).toEqual([
        'COPY',
        'COPY',
        'COPY',
        'RUN',
        'WORKDIR',
      ]);
      expect(cached(cold)).toEqual([false, false, false, false, false]);
      expect(cached(noop)).toEqual([true, true, true, true, true]);
      expect(cached(afterEdit).filter(Boolean).length).toBe(3); // WORKDIR, the manifest, RUN
      expect(cached(afterDependency).filter(Boolean).length).toBe(1);
      expect(cold.ms).toBeGreaterThan(noop.ms);
    }
    await bench.build(context, 'Dockerfile', { buildArgs: { WHO: 'second' } });

    expect(await temporary()).toEqual(before);
    expect(await docker('images', '--quiet', ...bench.filterArgs, 'multi-stage-node/test')).not.toBe('');
    expect(await docker('images', '--format', '{{.Tag}}', 'multi-stage-node/test')).not.toMatch(`${bench.id}-1-`);
    for (const [name, text] of Object.entries(FILES)) {
      expect(await readFile(join(context, name), 'utf8')).toBe(text);
    }
  });

  test('a build that fails is told with its last lines, and leaves nothing', { timeout: 60_000 }, async () => {
    const dockerfile = join(context, 'Dockerfile.broken');
    await writeFile(dockerfile, 'FROM node:26-alpine\nRUN echo before && exit 7\n');
    const building = timeBuildSequence(engine as Engine, await subjectAt(dockerfile), {
      runId: bench.id,
      name: `multi-stage-node/test:${bench.id}-broken`,
      salt: `${bench.id}-broken`,
      withDependency: new Map(),
      signal: new AbortController().signal,
      onStep: () => {},
    });
    await expect(building).rejects.toThrow('docker build failed');
    await rm(dockerfile);
    expect(await docker('images', '--format', '{{.Tag}}', 'multi-stage-node/test')).not.toContain('broken');
  });
});

describeWithEngine('a timed start', () => {
  const server = (more: string, say = "console.log('listening')") =>
    `FROM node:26-alpine\nEXPOSE 3000\nCMD ["node", "-e", "${more}require('http').createServer((q, s) => s.end('x')).listen(3000, () => ${say})"]\n`;

  async function start(dockerfile: string) {
    const folder = await mkdtemp(join(tmpdir(), 'start-'));
    try {
      await writeFile(join(folder, 'Dockerfile'), dockerfile);
      const image = await bench.build(folder, 'Dockerfile');
      const options = {
        port: 3000,
        labels: bench.labels,
        signal: new AbortController().signal,
        node: true,
      };
      return await timeStart(engine as Engine, image, options);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test('is told by the clock of the engine, and so is the stop', async () => {
    // The app takes 700 ms before it listens, and 500 ms to stop.
    const slow = 'const t = Date.now(); while (Date.now() - t < 700); ';
    const found = await start(server(`process.on('SIGTERM', () => setTimeout(process.exit, 500)); ${slow}`));
    expect(found.nodeStartMs).toBeGreaterThan(700);
    expect(found.nodeStartMs).toBeLessThan(found.startMs);
    expect(found.stopMs).toBeGreaterThan(490);
    expect(found.stopMs).toBeLessThan(2000);
    expect(found.memory).toMatchObject({ counter: expect.stringMatching(/^cgroup v[12]: /) });
    // Node by itself has about 40 MB; with the pages of its 150 MB program the figure would be far more.
    const { bytes } = found.memory as { bytes: number };
    expect(bytes).toBeGreaterThan(4_000_000);
    expect(bytes).toBeLessThan(100_000_000);
  });

  test('says why a figure is missing', async () => {
    const found = await start(server('', '0'));
    expect(found.nodeStartMs).toMatch(/^the app prints no line that says that it listens: --ready/);
    // As process 1, Node does not end on a signal that it does not handle.
    expect(found.stopMs).toBe('it still runs 10 s after SIGTERM');
  });
});
