import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { readStepName } from '../compare/build/build-steps.ts';
import { findLines } from '../compare/inspect/find-lines.ts';
import { describeBuildFailure } from '../engine/build-failure.ts';
import { readContainerFacts, readImageFacts } from '../engine/docker-inspect.ts';
import { throwBuildError, throwObjectError } from '../engine/engine-errors.ts';
import { findEngine } from '../engine/find-engine.ts';
import { podmanOptions } from '../engine/podman-options.ts';
import { readStage } from '../lib/dockerfile.ts';
import { ToolError } from '../lib/errors.ts';

// Lines that Podman 5.4 has printed. test/images/other-engines.test.ts runs a real one.

const DOCKERFILE = `FROM node:26-alpine AS build
WORKDIR /app
COPY nothere ./
RUN echo one && \\
    echo "two" >&2 && \\
    exit 3
FROM node:26-alpine
RUN echo one
`;

describe('a build that failed', () => {
  test('the last step with what it printed, and how it ended', () => {
    const output = `[1/2] STEP 1/4: FROM node:26-alpine AS build
[1/2] STEP 2/4: WORKDIR /app
--> 66bd8fb3d5f2
[1/2] STEP 4/4: RUN echo one &&     echo "two" >&2 &&     exit 3
one
two
time="2026-11-26T21:17:17Z" level=error msg="did not get container create message from subprocess: EOF"
Error: building at STEP "RUN echo one &&     echo \\"two\\" >&2 &&     exit 3": while running runtime: exit status 3`;
    expect(describeBuildFailure(output.split('\n'), DOCKERFILE)).toEqual({
      place: { line: 4, instruction: 'RUN echo one && echo "two" >&2 && exit 3' },
      cause: ['one', 'two', 'exit status 3'],
    });
  });

  test.each([
    [
      'STEP 3/4: COPY nothere ./',
      'Error: building at STEP "COPY nothere ./": checking on sources under "/tmp/app": copier: stat: "/nothere": no such file or directory',
      3,
      'checking on sources under "/tmp/app": copier: stat: "/nothere": no such file or directory',
    ],
    // The number of a stage counts only those that are built.
    ['[1/1] STEP 2/2: RUN echo one', 'Error: building at STEP "RUN echo one": x', 8, 'x'],
    [
      'STEP 2/2: FOO bar',
      'Error: building at STEP "FOO ": Build error: Unknown instruction: "FOO" &imagebuilder.Step{Env:[]string{"PATH=/"}}',
      null,
      'Build error: Unknown instruction: "FOO"',
    ],
  ])('%s', (step, error, line, cause) => {
    const { place, cause: lines } = describeBuildFailure([step, error], DOCKERFILE);
    expect([place?.line ?? null, lines.at(-1)]).toEqual([line, cause]);
  });
});

test('progress shows the step', () => {
  expect(readStepName('[2/2] STEP 4/10: RUN npm ci')).toBe('[4/10] RUN npm ci');
  expect(readStepName('--> Using cache 66bd8fb3d5f2')).toBeNull();
});

/** The code of what one of the functions throws for a line of Podman's. */
function codeOf(throwError: (error: unknown) => never, line: string): string {
  try {
    return throwError(new ToolError('podman failed:', { code: 'program-failed', lines: [line] }));
  } catch (error) {
    return (error as ToolError).code;
  }
}

test('errors', () => {
  const pull = 'Error: creating build container: initializing source docker://golang:1: pinging container registry';
  const lookup = `${pull} registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host`;
  const short =
    'Error: creating build container: short-name "nginx:1" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"';
  expect(codeOf(throwBuildError, lookup)).toBe('registry-unreachable');
  expect(codeOf(throwBuildError, short)).toBe('short-name');
  expect(codeOf(throwBuildError, 'echo short-name "x" did not resolve to an alias')).toBe('program-failed');
  expect(codeOf(throwObjectError, 'Error: nope: image not known')).toBe('image-not-found');
  expect(codeOf(throwObjectError, 'Error: inspecting object: a/b:1: image not known')).toBe('image-not-found');
  expect(codeOf(throwObjectError, 'Error: inspecting object: unable to inspect "nope": no such object')).toBe(
    'image-not-found',
  );
  expect(codeOf(throwObjectError, 'Error: no such container nope')).toBe('program-failed');
});

test('an image has its health check beside the configuration', () => {
  const image = { Id: '0', RootFS: { Layers: [] }, Config: { User: 'node' }, Healthcheck: { Test: ['CMD', 'x'] } };
  expect(readImageFacts(JSON.stringify([image]))).toMatchObject({ user: 'node', healthcheck: true });
});

test('a container without a health check has no health', () => {
  const healthOf = (Health: unknown) => {
    const times = { StartedAt: '2026-11-26T22:21:56Z', FinishedAt: '0001-01-01T00:00:00Z' };
    const State = { Running: true, ExitCode: 0, Pid: 7, ...times, Health };
    return readContainerFacts(JSON.stringify([{ Config: {}, State, NetworkSettings: {} }])).health;
  };
  // Podman 5, and Podman 4.
  expect(healthOf(null)).toBeNull();
  expect(healthOf({ Status: '', FailingStreak: 0, Log: null })).toBeNull();
  expect(healthOf({ Status: 'starting', Log: [{ Output: 'x' }] })).toEqual({ status: 'starting', output: 'x' });
});

test('a layer names the files of COPY by a digest: its instruction is found by the destination', () => {
  const dockerfile = 'FROM node:26\nCOPY a b ./\nCOPY . .\nCOPY --from=x /app/dist ./dist\n';
  const layers = ['COPY multi:2a7e in .', 'COPY dir:ae07 in ./dist'].map((instruction) => ({ instruction }));
  const finding = (layer: number) => ({
    ...({ code: 'compiler', level: 'warning', message: 'm', line: null, count: 1 } as const),
    evidence: [{ path: '/x', layer, note: null }],
  });
  const image = { ...readImageFacts(JSON.stringify([{ Id: '0', RootFS: { Layers: [] } }])) };
  const stage = readStage(dockerfile, 'Dockerfile', {});
  const { findings } = findLines([finding(0), finding(1)], { stage, image }, layers, 0);
  expect(findings.map(({ line }) => line)).toEqual([3, 4]);
});

describe('options of run that Podman understands otherwise', () => {
  const TIMES = ['--health-interval=1s', '--health-retries=2'];
  test.each([
    ['exec form', { Test: ['CMD', 'node', '-v'] }, ['--health-cmd', '["node","-v"]']],
    ['shell form', { Test: ['CMD-SHELL', 'wget -q x'] }, ['--health-cmd', 'wget -q x']],
    [
      'a start period',
      { Test: ['CMD', 'a', 'b'], StartPeriod: 5e9 },
      ['--health-cmd', '["a","b"]', '--health-start-period=5000000000ns'],
    ],
    // A shell would run it.
    ['a program without arguments', { Test: ['CMD', '/check'] }, []],
    ['no check', null, []],
    ['a check that is switched off', { Test: ['NONE'] }, []],
  ])('the times of a health check come with its command: %s', (_name, healthcheck, added) => {
    expect(podmanOptions(TIMES, JSON.stringify(healthcheck))).toEqual([...added, ...TIMES]);
  });

  test('--read-only leaves nothing writable that Docker would not', () => {
    expect(podmanOptions(['--read-only', '--env', 'A=1'])).toEqual([
      ...['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/dev/shm:mode=1777', '--env', 'A=1'],
    ]);
  });
});

const INFO = {
  host: { cgroupVersion: 'v1', cgroupControllers: ['memory'], security: { rootless: true } },
  store: { graphDriverName: 'overlay' },
  version: { Version: '5.4.2' },
};

/** Leaves only these programs on the PATH. */
async function usePrograms(programs: Record<string, string>, env: Record<string, string> = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'podman-'));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, name), 0o755);
  }
  for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT', 'CONTAINER_HOST']) vi.stubEnv(name, env[name]);
  vi.stubEnv('PATH', directory);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
  return directory;
}

const answer = (document: unknown) => `printf '%s' '${JSON.stringify(document)}'`;
const SILENT_DOCKER = 'echo "Cannot connect to the Docker daemon" >&2; exit 1';
/** Podman's own client under the name docker. */
const SHIM = answer({ Client: { Version: '5.4.2' } });
const OF_PODMAN = `case "$1" in
  version) ${answer({ Server: { Version: '5.4.2', Components: [{ Name: 'Podman Engine' }] } })} ;;
  info) echo '{}' ;;
  context) echo '"unix:///run/podman/podman.sock"' ;;
esac`;

describe('which engine is found', () => {
  test.each([
    ['no docker', {}],
    ['a docker that does not respond', { docker: SILENT_DOCKER }],
    ["Podman's own client under the name docker", { docker: SHIM }],
  ])('%s: Podman', async (_name, programs) => {
    const directory = await usePrograms({ ...programs, podman: answer(INFO) });
    const { info } = await findEngine();
    expect(info).toEqual({
      ...{ name: 'podman', version: '5.4.2', command: join(directory, 'podman'), builder: 'buildah' },
      ...{ imageStore: 'overlay', rootless: true, limitsMemory: false },
    });
  });

  test('Podman where Docker is expected: its own client is used, with the address', async () => {
    await usePrograms({ docker: OF_PODMAN, podman: `[ "$1 $2" = "--remote --url" ] && ${answer(INFO)}` });
    expect((await findEngine()).info.name).toBe('podman');
    await usePrograms({ docker: OF_PODMAN });
    await expect(findEngine()).rejects.toMatchObject({
      code: 'engine-not-found',
      message: 'The engine at unix:///run/podman/podman.sock is Podman, which docker cannot build on.',
    });
  });

  test('an engine that the user has chosen for Docker is not replaced', async () => {
    await usePrograms({ docker: SILENT_DOCKER, podman: answer(INFO) }, { DOCKER_HOST: 'tcp://127.0.0.1:1' });
    await expect(findEngine()).rejects.toMatchObject({ message: 'No container engine responds.' });
    expect((await findEngine(undefined, { engine: 'podman' })).info.name).toBe('podman');
  });

  test('the engine of a context on another machine is not replaced either', async () => {
    const docker = `[ "$1" = context ] && echo '"ssh://me@far"' || { ${SILENT_DOCKER}; }`;
    await usePrograms({ docker, podman: answer(INFO) });
    await expect(findEngine()).rejects.toMatchObject({
      message: 'No container engine responds.',
      hint: expect.stringMatching(/current context.*docker context use default/),
    });
    await usePrograms({ docker: docker.replace('ssh://me@far', 'unix:///no/such'), podman: answer(INFO) });
    expect((await findEngine()).info.name).toBe('podman');
  });

  test('one that is asked for, and is not there, or is too old', async () => {
    await usePrograms({ docker: SILENT_DOCKER, podman: answer({ ...INFO, version: { Version: '3.4.4' } }) });
    await expect(findEngine(undefined, { engine: 'podman' })).rejects.toMatchObject({
      code: 'engine-not-found',
      message: 'Podman 3.4.4 is too old.',
      hint: expect.stringContaining('Podman 4 or later'),
    });
    await expect(findEngine(undefined, { engine: 'docker' })).rejects.toMatchObject({
      message: 'No container engine responds.',
    });
    await usePrograms({ docker: SILENT_DOCKER });
    await expect(findEngine(undefined, { engine: 'podman' })).rejects.toMatchObject({
      message: 'There is no podman command on the PATH.',
    });
  });
});

test('a read-only container has the writable directories that it has with Docker', async () => {
  await usePrograms({ podman: `case "$1" in info) ${answer(INFO)} ;; run) echo "$@" ;; esac` });
  const podman = await findEngine();
  const start = (...args: string[]) => podman.start('app', { port: 80, labels: {}, args });
  expect(await start('--read-only', '--user', '1')).toBe(
    'run --detach --publish 127.0.0.1::80 --read-only --read-only-tmpfs=false --tmpfs /dev/shm:mode=1777 --user 1 app',
  );
  expect(await start('--user', '1')).toBe('run --detach --publish 127.0.0.1::80 --user 1 app');
});

test('a health check comes as late as with Docker: one that fails decides', async () => {
  const State = { Running: true, ExitCode: 0, Pid: 7, StartedAt: '', FinishedAt: '', Health: { Status: 'healthy' } };
  const container = answer([{ Config: {}, State, NetworkSettings: {} }]);
  await usePrograms({ podman: `case "$1" in info) ${answer(INFO)} ;; container) ${container} ;; esac` });
  const podman = await findEngine();
  const begin = performance.now();
  expect(await podman.health('id')).toEqual({ status: 'healthy', output: null });
  expect(performance.now() - begin).toBeGreaterThan(990);
});

test('the signal that ended a container, on a machine whose clock is an hour ahead', async () => {
  const at = Date.now() + 3_600_000;
  await usePrograms({
    podman: `case "$1" in info) ${answer(INFO)} ;; events) ${answer({ timeNano: at * 1e6 })} ;; esac`,
  });
  const podman = await findEngine();
  expect(await podman.killedAt('id', at - 1)).toBeCloseTo(at, 0);
  expect(await podman.killedAt('id', at - 5000)).toBeNull();
});

test.skipIf(process.platform !== 'linux')(
  'an interruption ends the instruction of a build: Podman cleans up',
  async () => {
    // It prints a line once it can be interrupted.
    const build = `/bin/bash -c 'exec -a buildah-oci-runtime ${process.execPath} -e "console.log(1);setTimeout(Object,60000)"'
    echo "$?" > cleaned; exit 1`;
    const directory = await usePrograms({
      podman: `case "$1" in info) ${answer(INFO)} ;; build) ${build} ;; esac`,
    });
    const controller = new AbortController();
    const podman = await findEngine(controller.signal);
    const request = { context: directory, dockerfile: join(directory, 'Dockerfile'), name: 'x', labels: {} };
    const onLine = () => controller.abort(new Error('interrupted'));
    await expect(podman.build({ ...request, onLine })).rejects.toThrow('interrupted');
    expect(await readFile(join(directory, 'cleaned'), 'utf8')).toBe('130\n');
  },
);
