import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage } from '../../compare/build/build-image.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../../compare/inspect/read-image-layers.ts';
import type { Report } from '../../compare/model/report-schema.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { summarizeError, ToolError } from '../../lib/errors.ts';
import { quietProgress } from '../../lib/progress.ts';
import { describeEngine, findGaps, type Gap, isAccepted } from './engine-gaps.ts';
import { compareEngineProject, writeEngineProject } from './engine-project.ts';
import { Bench, engine } from './test-engine.ts';

// What compare expects of an engine: each method of the interface, and compare as a whole. It runs on the engine of this
// machine, and other-engines.test.ts runs it on others.

const bench = new Bench();
const tested = describeEngine(engine.info);
const gaps = new Map<string, Gap>();
let directory = '';
let report: Report | null = null;
const { signal } = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engine-'));
  await writeFile(join(directory, 'secret.txt'), 'from a file');
});
afterAll(async () => {
  await bench.cleanUp();
  await rm(directory, { recursive: true });
  const { TEST_ENGINE_RESULTS: file } = process.env;
  if (file) await writeFile(file, JSON.stringify({ engine: tested, gaps: [...gaps.values()], report }));
});

/** Notes what the engine cannot do. @throws when the engine has to be able to do it. */
function note(gap: Gap): void {
  expect(isAccepted(tested, gap), `${JSON.stringify(tested)} does not give ${gap.figure}: ${gap.reason}`).toBe(true);
  gaps.set(gap.figure, gap);
}

/** What the engine says; null for what it may be unable to say. */
async function ask<T>(figure: string, question: Promise<T>): Promise<T | null> {
  try {
    return await question;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    note({ figure, reason: summarizeError(error) });
    return null;
  }
}

async function build(name: string, text: string, options: Parameters<Bench['buildImage']>[2] = {}) {
  await writeFile(join(directory, `Dockerfile.${name}`), text);
  return bench.buildImage(directory, `Dockerfile.${name}`, options);
}

/** Prints on both streams, serves, and ends with code 3 on SIGTERM. */
const SERVER = `
console.log('to standard output');
console.error('to standard error');
require('http').createServer((request, response) => response.end('ok')).listen(3000);
process.on('SIGTERM', () => process.exit(3));`.replaceAll('\n', ' ');

const start = (image: ImageFacts, args: string[] = [], port = 3000) =>
  engine.start(image.id, { port, labels: bench.labels, args });

/** Asks again until the answer is not null, for at most ten seconds. */
async function until<T>(question: () => Promise<T | null>): Promise<T> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await question();
    if (answer !== null) return answer;
    await sleep(100);
  }
  throw new Error('It did not happen within ten seconds.');
}

describe.concurrent('builds', () => {
  test('labels, a target, build arguments, and secrets from a file and from the environment', async () => {
    const lines: string[] = [];
    const image = await build(
      'options',
      `FROM node:26-alpine AS first
ARG GREETING=none
RUN --mount=type=secret,id=file --mount=type=secret,id=variable \\
  test "$(cat /run/secrets/file)" = 'from a file' \\
  && test "$(cat /run/secrets/variable)" = '${process.env.TEST_LABEL}' \\
  && test "$GREETING" = 'hello there' && echo "it fits: ${bench.id}"
FROM first AS second
RUN exit 1
`,
      {
        target: 'first',
        buildArgs: { GREETING: 'hello there' },
        secrets: [`id=file,src=${join(directory, 'secret.txt')}`, 'id=variable,env=TEST_LABEL'],
        onLine: (line) => lines.push(line),
      },
    );
    expect(image.labels).toMatchObject(bench.labels);
    expect(lines.join('\n')).toContain(`it fits: ${bench.id}`);
    expect(await engine.image(image.id)).toEqual(image);
  });

  test('a build that fails names the instruction and has its last lines', async () => {
    await writeFile(join(directory, 'Dockerfile.broken'), 'FROM node:26-alpine\n\nRUN echo before \\\n  && exit 7\n');
    const invocation = { engine, id: bench.id, directory, signal, progress: quietProgress() };
    const dockerfile = join(directory, 'Dockerfile.broken');
    const request = { context: directory, dockerfile, name: `multi-stage-node/test:${bench.id}-broken` };
    await expect(buildImage(invocation, request)).rejects.toMatchObject({
      code: 'program-failed',
      message: expect.stringMatching(/ build failed at Dockerfile\.broken:3: RUN echo before && exit 7$/),
      lines: ['before', expect.stringMatching(/exit (?:code:|status) 7/)],
      place: { line: 3 },
    });
    expect(await engine.image(request.name)).toBeNull();
  });

  test('for another platform', async () => {
    const platform = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const image = await build('platform', 'FROM scratch\nCOPY secret.txt /\n', { platform });
    expect(image.platform).toMatch(platform);
    const own = await build('own', 'FROM scratch\nCOPY secret.txt /own.txt\n');
    expect(own.platform).toBe(`linux/${process.arch === 'x64' ? 'amd64' : process.arch}`);
  });
});

describe.concurrent('images', () => {
  test('the configuration and the history', async () => {
    const image = await build(
      'facts',
      `FROM node:26-alpine
ENV EXAMPLE="a value"
WORKDIR /srv
COPY secret.txt ./
RUN echo something > /made
EXPOSE 8080 3000/tcp 53/udp
USER 1000:1000
HEALTHCHECK --interval=1s CMD ["node", "-v"]
ENTRYPOINT ["node"]
CMD ["-p", "1 + 1"]
`,
    );
    expect(image).toMatchObject({
      id: expect.stringMatching(/^(?:sha256:)?[0-9a-f]{64}$/),
      user: '1000:1000',
      environment: expect.arrayContaining(['EXAMPLE=a value', expect.stringMatching(/^PATH=/)]),
      entrypoint: ['node'],
      command: ['-p', '1 + 1'],
      workingDirectory: '/srv',
      healthcheck: true,
      ports: [3000, 8080],
    });
    const history = (await engine.history(image.id)).join('\n');
    const instructions = ['ENV EXAMPLE', 'WORKDIR', 'COPY', 'echo something', 'EXPOSE', 'USER', 'HEALTHCHECK', 'CMD'];
    const places = instructions.map((text) => history.lastIndexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('the archive, as compare reads it', async () => {
    const image = await build(
      'saved',
      'FROM scratch AS one\nCOPY secret.txt /one.txt\nFROM one\nCOPY secret.txt /two/\n',
    );
    const cache = new LayerCache(join(directory, 'cache'));
    const read = (await readImageLayers(engine, [image], cache, { signal })).get(image.id);
    if (!read || 'error' in read) throw read?.error;
    expect(read.layers.map(({ diffId }) => diffId)).toEqual(image.diffIds);
    // Buildah names what it copied by its hash.
    const instructions = read.layers.map(({ instruction }) => instruction?.replace(/file:\w+ in/, 'secret.txt'));
    expect(instructions).toEqual(['COPY secret.txt /one.txt', 'COPY secret.txt /two/']);
    const files = read.layers.map((layer) => layer.files.filter(({ kind }) => kind === 'file').map(({ path }) => path));
    expect(files).toEqual([['one.txt'], ['two/secret.txt']]);
  });

  test('names', async () => {
    const image = await build('names', 'FROM scratch\nCOPY secret.txt /names.txt\nHEALTHCHECK NONE\n');
    expect(image).toMatchObject({
      healthcheck: false,
      user: '',
      ports: [],
      entrypoint: [],
      workingDirectory: expect.stringMatching(/^\/?$/),
    });
    const name = `multi-stage-node/test:${bench.id}-another-name`;
    await engine.tag(image.id, name);
    expect(await engine.image(name)).toEqual(image);
    await engine.removeImage(name);
    expect(await engine.image(name)).toBeNull();
    expect(await engine.image(image.id)).toEqual(image);
    expect(await engine.image(`multi-stage-node/no-such-image:${randomUUID()}`)).toBeNull();
  });

  test('the import of a root file system', async () => {
    const root = pack();
    root.entry({ name: 'etc', type: 'directory' });
    root.entry({ name: 'etc/motd' }, `imported ${bench.id}`);
    root.finalize();
    const name = `multi-stage-node/test:${bench.id}-imported`;
    await engine.importRoot(Readable.from(root), name, bench.labels);
    const image = await engine.image(name);
    expect(image?.labels).toMatchObject(bench.labels);
    expect(image?.diffIds).toHaveLength(1);
  });

  test('a registry that cannot be reached', async () => {
    const error = await engine.pull('registry.invalid/image:1').catch((reason) => reason);
    expect(error).toBeInstanceOf(ToolError);
    expect(error).toMatchObject({ code: 'registry-unreachable' });
  });

  test('the cache of the builder', async () => {
    const bytes = await ask('size of the build cache', engine.builderCacheBytes());
    if (bytes !== null) expect(bytes).toBeGreaterThanOrEqual(0);
  });
});

describe.concurrent('containers', () => {
  const server = (more = '') => `FROM node:26-alpine\n${more}EXPOSE 3000\nCMD ["node", "-e", "${SERVER}"]\n`;

  test('a container is started, serves, is measured, and stops', async () => {
    const begin = Date.now();
    const id = await start(await build('server', server()), ['--env', 'EXAMPLE=1']);
    const { host, port } = await until(async () => (await engine.container(id)).address);
    const response = await until(() =>
      fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(2000) }).catch(() => null),
    );
    expect(await response.text()).toBe('ok');

    const running = await engine.container(id);
    expect(running).toMatchObject({ running: true, labels: bench.labels, health: null, endedAt: null });
    if (running.startedAt === null)
      note({ figure: 'nodeStartMs', reason: 'the engine does not report when it started' });
    else expect(Math.abs(running.startedAt - begin)).toBeLessThan(10_000);
    expect((await engine.logs(id, 10)).toSorted()).toEqual(['to standard error', 'to standard output']);
    const { stdout, stderr } = await engine.output(id);
    expect([stdout, stderr]).toMatchObject([[{ text: 'to standard output' }], [{ text: 'to standard error' }]]);
    expect(stdout[0]?.at).toBeGreaterThan((running.startedAt ?? 0) - 1);

    const memory = await ask('memoryBytes', engine.memory(id));
    if (memory) expect(memory.bytes).toBeGreaterThan(5e6);
    if (memory) expect(memory.bytes).toBeLessThan(100e6);
    const processes = await ask('pid-1', engine.processes(id));
    if (processes)
      expect(processes).toContainEqual({ processId: running.processId, command: expect.stringMatching(/^node -e/) });

    const ended = engine.wait(id);
    const before = Date.now();
    await engine.kill(id, 'SIGTERM');
    expect(await ended).toBe(3);
    const stopped = await engine.container(id);
    expect(stopped).toMatchObject({ running: false, exitCode: 3 });
    expect(stopped.endedAt).toBeGreaterThan(before - 2000);
    const killedAt = await engine.killedAt(id, stopped.endedAt ?? 0);
    if (killedAt === null) note({ figure: 'killedAt', reason: 'the engine does not report when it sent SIGTERM' });
    else expect(Math.abs(killedAt - before)).toBeLessThan(2000);
    await engine.removeContainer(id);
    await expect(engine.container(id)).rejects.toBeInstanceOf(ToolError);
  });

  test('health', async () => {
    const check = (command: string) => server(`HEALTHCHECK --interval=1s --retries=1 CMD ${command}\n`);
    const images = [await build('healthy', check('echo fine')), await build('ill', check('echo ill; exit 1'))];
    const ids = await Promise.all(images.map((image) => start(image)));
    const statuses = ids.map((id) =>
      until(async () => {
        const health = await engine.health(id);
        return health?.status === 'starting' ? null : health;
      }),
    );
    expect(await Promise.all(statuses)).toEqual([
      { status: 'healthy', output: expect.stringMatching(/^fine\s*$/) },
      { status: 'unhealthy', output: expect.stringMatching(/^ill\s*$/) },
    ]);
    await Promise.all(ids.map((id) => engine.removeContainer(id)));
  });

  test('what carries a label is listed', async () => {
    const labels = { ...bench.labels, [`multi-stage-node.listed-${bench.id}`]: 'yes' };
    const [label = ''] = Object.keys(labels).slice(-1);
    const image = await build('listed', server('LABEL some="label"\n'));
    const id = await engine.start(image.id, { port: 3000, labels });
    expect(await engine.labelled(label)).toEqual({ containers: [id], images: [] });
    expect(await engine.labelled(label, 'no')).toEqual({ containers: [], images: [] });
    const { images } = await engine.labelled('some', 'label');
    const facts = await Promise.all(images.map((name) => engine.image(name)));
    expect(facts.map((one) => one?.id)).toContain(image.id);
    await engine.removeContainer(id);
  });
});

// Not at the same time: Docker 20.10 now and then cuts off a build when a container with a published port ends.
test('compare: sizes, findings, behaviour and times', { timeout: 240_000 }, async () => {
  const project = join(directory, 'project');
  await writeEngineProject(project);
  const times = process.env.TEST_ENGINE_TIMES === 'yes' ? ['--bench', '--runs', '1'] : [];
  report = await compareEngineProject(project, ['--behaviour', ...times, '--inside']);
  expect(report.engine).toMatchObject({ name: tested.name, version: tested.version, builder: tested.builder });
  expect(report.images.map(({ variant }) => variant)).toEqual(['single', 'multi']);
  const failed = report.images.map(({ behaviour }) =>
    (behaviour ?? []).flatMap(({ name, ok, reason }) => (ok === false ? `${name}: ${reason}` : [])),
  );
  const noCheck = ['healthy', 'unhealthy'].map((name) => `${name}: its Dockerfile has no HEALTHCHECK`);
  expect(failed).toEqual([noCheck, []]);
  for (const gap of findGaps(report)) note(gap);
  const codes = report.images.map(({ findings }) => (findings ?? []).map(({ code }) => code));
  expect(codes).toEqual([['runs-as-root', 'dev-dependency', 'no-healthcheck'], []]);
});
