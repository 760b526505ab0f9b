import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BuildKey, type TimedBuild, timeBuildSequence } from '../../compare/build/build-sequence.ts';
import { findSubjects } from '../../compare/discover/project.ts';
import type { Invocation } from '../../compare/model/measurement.ts';
import { mergeSettings } from '../../compare/model/settings.ts';
import type { Subject } from '../../compare/model/subject.ts';
import { measureStart } from '../../compare/run/time-starts.ts';
import { quietProgress } from '../../lib/progress.ts';
import { Bench, docker, engine } from './test-engine.ts';

const bench = new Bench();
const { signal } = new AbortController();
const invocation: Invocation = { engine, id: bench.id, directory: tmpdir(), signal, progress: quietProgress() };
const mount = `test-bench-${randomUUID()}`;
let context = '';

/**
 * The build itself fails where the cache mount is wrong: a cold build of --bench must find it empty, and a build of the
 * user (WHO) must find what the user's earlier build left there, and nothing of --bench.
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

describe('timed builds', () => {
  test('begin with an empty cache, reuse what they may, and do not touch the caches and files of the user', {
    timeout: 240_000,
  }, async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'bench-tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    await bench.build(context, 'Dockerfile', { buildArgs: { WHO: 'first' } });
    const subject = await subjectAt(join(context, 'Dockerfile'));
    // Twice: the second sequence must not find what the first one left.
    for (const round of [1, 2]) {
      const name = `multi-stage-node/test:${bench.id}-${round}`;
      const builds = await timeBuildSequence(invocation, subject, { name, onStep: () => {} });
      const {
        buildColdMs: cold,
        buildNoopMs: noop,
        buildAfterEditMs: afterEdit,
        buildAfterDependencyMs: afterDependency,
      } = builds as Record<BuildKey, TimedBuild>;
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
      expect(cached(afterEdit).filter(Boolean).length).toBe(3); // WORKDIR, COPY package.json, RUN
      expect(cached(afterDependency).filter(Boolean).length).toBe(1);
      expect(cold.ms).toBeGreaterThan(noop.ms);
    }
    await bench.build(context, 'Dockerfile', { buildArgs: { WHO: 'second' } });

    vi.unstubAllEnvs();
    expect(await readdir(temporary)).toEqual([]);
    await rm(temporary, { recursive: true });
    expect(await docker('images', '--quiet', ...bench.filterArgs, 'multi-stage-node/test')).not.toBe('');
    expect(await docker('images', '--format', '{{.Tag}}', 'multi-stage-node/test')).not.toMatch(`${bench.id}-1-`);
    for (const [name, text] of Object.entries(FILES)) {
      expect(await readFile(join(context, name), 'utf8')).toBe(text);
    }
  });

  test('a build that fails is an error, and leaves nothing', { timeout: 60_000 }, async () => {
    const dockerfile = join(context, 'Dockerfile.broken');
    await writeFile(dockerfile, 'FROM node:26-alpine\nRUN echo before && exit 7\n');
    const building = timeBuildSequence(invocation, await subjectAt(dockerfile), {
      name: `multi-stage-node/test:${bench.id}-broken`,
      onStep: () => {},
    });
    await expect(building).rejects.toMatchObject({
      message: 'docker build failed at Dockerfile.broken:2: RUN echo before && exit 7',
      lines: ['before', 'exit code: 7'],
      place: { line: 2, instruction: 'RUN echo before && exit 7' },
    });
    await rm(dockerfile);
    expect(await docker('images', '--format', '{{.Tag}}', 'multi-stage-node/test')).not.toContain('broken');
  });
});

describe('a timed start', () => {
  const server = (more: string, listening = "console.log('listening')") =>
    `FROM node:26-alpine\nEXPOSE 3000\nCMD ["node", "-e", "${more}require('http').createServer((q, s) => s.end('x')).listen(3000, () => ${listening})"]\n`;

  async function build(dockerfile: string): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'start-'));
    try {
      await writeFile(join(directory, 'Dockerfile'), dockerfile);
      return await bench.build(directory, 'Dockerfile');
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  const start = async (dockerfile: string) => measureStart(engine, await build(dockerfile), bench.containerOptions);

  test('is timed by the clock of the engine, and so is the stop', async () => {
    // The app takes 700 ms before it listens, and 500 ms to stop.
    const slow = 'const t = Date.now(); while (Date.now() - t < 700); ';
    const figures = await start(server(`process.on('SIGTERM', () => setTimeout(process.exit, 500)); ${slow}`));
    expect(figures.nodeStartMs).toBeGreaterThan(700);
    expect(figures.nodeStartMs).toBeLessThan(figures.startMs);
    expect(figures.stopMs).toBeGreaterThan(490);
    expect(figures.stopMs).toBeLessThan(2000);
    expect(figures.memory).toMatchObject({ counter: expect.stringMatching(/^cgroup v[12]: /) });
    // Node by itself has about 40 MB; with the pages of its 150 MB program the figure would be far more.
    const { bytes } = figures.memory as { bytes: number };
    expect(bytes).toBeGreaterThan(4_000_000);
    expect(bytes).toBeLessThan(100_000_000);
  });

  test('gives the reason for a missing figure', async () => {
    const figures = await start(server('', '0'));
    expect(figures.nodeStartMs).toMatch(/^the app prints no line that says that it listens: --ready/);
    // As PID 1, Node does not end on a signal that it does not handle.
    expect(figures.stopMs).toBe('it still runs 10 s after SIGTERM');
  });

  test('finds a signal that the engine notes after the end', async () => {
    const { id } = await bench.serve(await build(server("process.on('SIGTERM', process.exit); ")));
    const before = Date.now() - 2;
    await engine.kill(id, 'SIGTERM');
    await engine.wait(id);
    // As if the container had ended before the engine noted the signal, by less and by more than a second.
    expect(await engine.killedAt(id, before)).toBeGreaterThan(before);
    expect(await engine.killedAt(id, before - 5000)).toBeNull();
  });
});
