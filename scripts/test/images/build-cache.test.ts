import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTools } from './image-tools.ts';
import { startImageRegistry } from './registry-container.ts';
import { Bench } from './test-engine.ts';

// A registry as the build cache of a builder that has none, as the documents describe it. The builder is that of Docker 26
// with the containerd image store, in a container: the test empties its cache before each build.

const DOCKERFILE = `FROM scratch AS builder
COPY package.json /
COPY app.js /dist/
FROM scratch AS runner
COPY settings.json /
COPY --from=builder /dist /dist
`;
const BUILDER = ['builder 1/2', 'builder 2/2'];
const RUNNER = ['runner 1/2', 'runner 2/2'];

/** The arguments are the credentials of the registry. */
const BUILD = `
mkdir -p /etc/docker ~/.docker
echo '{ "features": { "containerd-snapshotter": true }, "storage-driver": "native" }' > /etc/docker/daemon.json
printf '{ "auths": { "127.0.0.1:5000": { "auth": "%s" } } }' "$1" > ~/.docker/config.json
dockerd --iptables=false --ip6tables=false --bridge=none > dockerd.log 2>&1 &
for _ in $(seq 200); do docker version > dockerd.version 2>&1 && break; sleep 0.1; done

build() {
  docker builder prune --all --force > prune.log
  echo "== $1"
  shift
  docker buildx build --progress plain --output type=cacheonly "$@" 2>&1
}
cache=type=registry,ref=127.0.0.1:5000/team/cache
build 'to min' --cache-to "$cache:min,mode=min" context
build 'to max' --cache-to "$cache:max,mode=max" context
build 'from min' --cache-from "$cache:min" context
build 'from max' --cache-from "$cache:max" context
echo '{ "edited": true }' > context/settings.json
build 'edited, from min' --cache-from "$cache:min" context
build 'edited, from max' --cache-from "$cache:max" context
`;

const bench = new Bench();
let directory = '';
/** The output of each build. */
const outputs = new Map<string, string>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'build-cache-'));
  const files = { Dockerfile: DOCKERFILE, 'package.json': '{}\n', 'app.js': '1;\n', 'settings.json': '{}\n' };
  await mkdir(join(directory, 'context'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, 'context', name), text);
  const registry = await startImageRegistry(bench);
  const args = [Buffer.from(`user:${registry.password}`).toString('base64')];
  const text = await runTools(bench, { directory, network: registry.id, script: BUILD, args });
  for (const part of text.split(/^== /m)) outputs.set(part.slice(0, part.indexOf('\n')), part);
});

afterAll(async () => {
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

/** The steps of a build that the builder took from a cache, and those that it ran. */
function stepsOf(build: string) {
  const text = outputs.get(build) ?? '';
  const steps = { cached: new Set<string>(), run: new Set<string>() };
  for (const [, number, name = ''] of text.matchAll(/^#(\d+) \[(\w+ \d\/\d)\] COPY/gm)) {
    // BuildKit shows a download instead of CACHED for the layers that a later step requires.
    const isCached = new RegExp(`^#${number} (CACHED|extracting sha256:)`, 'm').test(text);
    steps[isCached ? 'cached' : 'run'].add(name);
  }
  return { cached: [...steps.cached].sort(), run: [...steps.run].sort() };
}

test.each(['min', 'max'])('an empty builder without a cache runs every step, and writes it: mode=%s', (mode) => {
  expect(stepsOf(`to ${mode}`)).toEqual({ cached: [], run: [...BUILDER, ...RUNNER] });
});

test.each(['min', 'max'])('an empty builder takes an unchanged image from the registry: mode=%s', (mode) => {
  expect(stepsOf(`from ${mode}`)).toEqual({ cached: [...BUILDER, ...RUNNER], run: [] });
});

test('after an edit, mode=max brings the steps of the other stages, mode=min does not', () => {
  expect(stepsOf('edited, from max')).toEqual({ cached: BUILDER, run: RUNNER });
  expect(stepsOf('edited, from min')).toEqual({ cached: [], run: [...BUILDER, ...RUNNER] });
});
