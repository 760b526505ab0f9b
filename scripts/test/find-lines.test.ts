import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findLines } from '../compare/inspect/find-lines.ts';
import { instructionText } from '../compare/inspect/instruction.ts';
import { CODES, type Code } from '../compare/model/finding-catalog.ts';
import type { Evidence, Finding } from '../compare/model/report-schema.ts';
import type { ImageFacts } from '../engine/engine.ts';
import { readStage } from '../lib/dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');

const IMAGE: ImageFacts = {
  ...{ id: 'sha256:0', platform: 'linux/amd64', labels: {}, user: '', environment: [], workingDirectory: '/app' },
  ...{ entrypoint: ['docker-entrypoint.sh'], command: ['node', 'x.js'], healthcheck: false, ports: [], diffIds: [] },
};

const place = (layer: number | null, path = '/x'): Evidence => ({ path, layer, note: null });

function finding(code: Code, evidence: Evidence[]): Finding {
  return { code, level: 'warning', message: 'm', line: null, count: evidence.length, evidence };
}

/** The layers that builders describe in these words. */
const layersOf = (history: string[]) => history.map((text) => ({ instruction: instructionText(text) }));

/** What the base image's layers are made by. */
const BASE = ['/bin/sh -c #(nop) ADD file:1 in / ', 'RUN /bin/sh -c apt-get update # buildkit', 'COPY a b # buildkit'];

/** The lines of a finding in each layer above the base image. */
function linesOfLayers(dockerfile: string, history: string[], { target = '', isKnown = false } = {}) {
  const stage = readStage(dockerfile, 'Dockerfile', { target });
  const layers = layersOf([...BASE, ...history]);
  const findings = layers.map((_layer, index) => finding('compiler', [place(index)]));
  const found = findLines(findings, { stage, image: IMAGE }, layers, isKnown ? BASE.length : null);
  return { lines: found.findings.map(({ line }) => line).slice(BASE.length), base: found.findings[0]?.line, found };
}

test.each([
  // As BuildKit writes the instructions of these Dockerfiles of the chapters.
  [
    '01-first-dockerfile/Dockerfile.single',
    [
      'WORKDIR /app',
      'COPY . . # buildkit',
      'RUN |1 A=b /bin/sh -c npm install # buildkit',
      'RUN /bin/sh -c npm run build',
    ],
    ['WORKDIR /app', 'COPY . .', 'RUN npm install', 'RUN npm run build'],
  ],
  [
    '02-multi-stage/mistakes/chown-layer/Dockerfile.mistake',
    [
      'WORKDIR /app',
      'COPY package.json package-lock.json ./ # buildkit',
      'RUN /bin/sh -c npm ci # buildkit',
      'COPY . . # buildkit',
      'RUN /bin/sh -c npm run build # buildkit',
      'RUN /bin/sh -c chown -R node:node /app # buildkit',
    ],
    ['WORKDIR /app', 'COPY package.json package-lock.json ./', 'RUN npm ci$', 'COPY . .', 'RUN npm run', 'RUN chown'],
  ],
  [
    '02-multi-stage/Dockerfile.multi',
    [
      'WORKDIR /app',
      'COPY package.json package-lock.json ./ # buildkit',
      'RUN /bin/sh -c npm ci --omit=dev   && npm cache clean --force   && rm -rf /root/.npm /tmp/* # buildkit',
      'COPY /app/dist ./dist # buildkit',
    ],
    ['WORKDIR /app', 'COPY package.json', 'RUN npm ci --omit=dev', 'COPY --from=builder'],
  ],
])('%s: each layer has the line of its instruction', async (path, history, expected) => {
  const text = await readFile(join(ROOT, path), 'utf8');
  for (const isKnown of [true, false]) {
    const { lines, base, found } = linesOfLayers(text, history, { isKnown });
    const instructions = lines.map((line) => text.split('\n')[(line ?? 0) - 1] ?? '');
    expect(instructions).toEqual(expected.map((start) => expect.stringMatching(new RegExp(`^${start}`))));
    // The last stage, not the first one.
    expect(lines).toEqual([...lines].sort((a, b) => (a ?? 0) - (b ?? 0)));
    expect(text.split('\n')[(base ?? 0) - 1]).toMatch(/^FROM /);
    expect(found.baseLayers).toBe(BASE.length);
  }
});

test.each([
  ['flags', 'COPY --chown=node:node --link a b', 'COPY --chown=node:node a b # buildkit'],
  ['JSON', 'COPY ["a b", "c"]', 'COPY a b c # buildkit'],
  ['the exec form', 'RUN ["npm", "ci"]', 'RUN npm ci # buildkit'],
  ['mounts', 'RUN --mount=type=cache,target=/root/.npm npm ci', 'RUN /bin/sh -c npm ci # buildkit'],
  ['another shell', 'RUN npm ci', 'RUN /bin/bash -o pipefail -c npm ci # buildkit'],
  ['continuations with comments', 'RUN a \\\n  # why\n  && b', 'RUN /bin/sh -c a   && b # buildkit'],
  ['variables', 'COPY ${SRC:-x}/*.js $TO/', 'COPY app/*.js /srv/ # buildkit'],
  ['a relative directory', 'WORKDIR app/', 'WORKDIR /srv/app'],
  ['a secret', 'RUN DB_PASSWORD=hunter2 npm ci', 'RUN /bin/sh -c DB_PASSWORD=hunter2 npm ci # buildkit'],
  [
    'a program of more than 2000 characters',
    `RUN ${'echo x; '.repeat(400)}`,
    `RUN /bin/sh -c ${'echo x; '.repeat(400)}`,
  ],
])('a layer is found by its text: %s', (_name, instruction, createdBy) => {
  const text = `FROM x\nRUN other\n${instruction}\nCOPY c d\n`;
  // Without the first one, which changed nothing, the counts do not match.
  expect(linesOfLayers(text, [createdBy, 'COPY c d']).lines).toEqual([3, text.split('\n').indexOf('COPY c d') + 1]);
});

test('a layer with another text is found by the instructions around it, if their number and kinds match', () => {
  const text = 'FROM x\nCOPY a b\nRUN <<EOF\none\nEOF\nCOPY <<X /y\nz\nX\nRUN last\n';
  const history = ['COPY a b', 'RUN /bin/sh -c one', 'COPY X /y', 'RUN last'];
  expect(linesOfLayers(text, history).lines).toEqual([2, 3, 6, 9]);
  // One is missing, or there is one more of a trigger (ONBUILD): nothing is guessed.
  expect(linesOfLayers(text, ['COPY a b', 'COPY X /y', 'RUN last']).lines).toEqual([2, null, 9]);
  expect(linesOfLayers(text, ['COPY a b', 'RUN 1', 'RUN 2', 'COPY X /y', 'RUN last']).lines).toEqual([
    2,
    null,
    null,
    null,
    9,
  ]);
  expect(linesOfLayers(text, ['COPY a b', 'RUN 1', 'RUN 2', 'RUN last']).lines).toEqual([2, null, null, 9]);
  const oneRun = 'FROM x\nCOPY a b\nRUN <<EOF\none\nEOF\nRUN last\n';
  expect(linesOfLayers(oneRun, ['COPY a b', 'RUN 1', 'RUN 2', 'RUN last']).lines).toEqual([2, null, null, 6]);
  expect(linesOfLayers(oneRun, ['COPY a b', 'RUN last']).lines).toEqual([2, 6]);
  // Of two with the same text, the last one wrote the upper layer.
  expect(linesOfLayers('FROM x\nRUN a\nCOPY b c\nRUN a\n', ['COPY b c', 'RUN a']).lines).toEqual([3, 4]);
  expect(linesOfLayers('FROM x\nRUN a\n', ['RUN trigger', 'RUN a'], { isKnown: true }).lines).toEqual([null, 2]);
});

test('a stage has the instructions of the stages that it is built on, and FROM is the one with the base image', () => {
  const text =
    'ARG N=base\nFROM x AS base\nWORKDIR /app\nFROM y AS other\nRUN no\nFROM $N AS app\nRUN a\nFROM app\nUSER 1\n';
  const { lines, base, found } = linesOfLayers(text, ['WORKDIR /app', 'RUN a']);
  expect({ lines, base, baseLayers: found.baseLayers }).toEqual({ lines: [3, 7], base: 2, baseLayers: BASE.length });
  expect(linesOfLayers(text, ['RUN no'], { target: 'Other' })).toMatchObject({ lines: [5], base: 4 });
  // Nothing of its own: all layers are those of the base image.
  expect(linesOfLayers('FROM x\nCMD a\n', []).found.baseLayers).toBe(BASE.length);
  expect(linesOfLayers('FROM x\nRUN a\n', ['RUN b']).found).toMatchObject({ baseLayers: null });
});

const CONFIGURED = [
  'FROM node AS base',
  'ENV A=1 API_KEY=x',
  'FROM base',
  'ARG NPM_TOKEN',
  'COPY a b',
  'RUN npm ci',
  'USER node',
  'ENTRYPOINT ["x"]',
  'CMD npm start',
].join('\n');

/** The lines of findings about the configuration. */
function lineOf(code: Code, evidence: Evidence, text = CONFIGURED, facts: Partial<ImageFacts> = {}) {
  const stage = readStage(text, 'Dockerfile');
  const layers = layersOf([...BASE, 'COPY a b', 'RUN |1 NPM_TOKEN=x /bin/sh -c npm ci']);
  const image = { ...IMAGE, ...facts };
  return findLines([finding(code, [evidence])], { stage, image }, layers, null).findings[0]?.line;
}

test('what the configuration says has the line that set it, or else that of FROM', () => {
  expect(lineOf('user-name', place(null, 'USER node'))).toBe(7);
  expect(lineOf('runs-as-root', place(null, 'USER root'))).toBe(7);
  expect(lineOf('runs-as-root', place(null, 'USER root'), 'FROM a AS b\nUSER 0\nFROM b\nRUN x\n')).toBe(2);
  expect(lineOf('runs-as-root', place(null, 'USER root'), 'FROM a AS b\nFROM b\nRUN x\n')).toBe(2);
  expect(lineOf('shell-form', place(null, 'CMD npm start'))).toBe(9);
  expect(lineOf('npm-process', place(null, 'CMD npm start'), CONFIGURED, { entrypoint: ['npm', 'start'] })).toBe(8);
  expect(lineOf('no-healthcheck', place(null, 'HEALTHCHECK'))).toBe(3);
  expect(lineOf('no-healthcheck', place(null, 'HEALTHCHECK'), 'FROM a\nHEALTHCHECK NONE\n')).toBe(2);
  expect(lineOf('secret-in-config', place(null, 'ENV API_KEY'))).toBe(2);
  expect(lineOf('secret-in-config', place(4, 'ARG NPM_TOKEN'))).toBe(4);
  expect(lineOf('secret-in-config', place(4, 'RUN npm ci'))).toBe(6);
  expect(lineOf('secret-in-config', place(null, 'ENV OF_THE_BASE'))).toBe(1);
  expect(lineOf('secret-in-config', place(null, 'CMD x --token ***'))).toBe(9);
});

test('of several places, the first that the Dockerfile adds counts', () => {
  const stage = readStage('FROM x\nCOPY a b\nRUN c\n', 'Dockerfile');
  const layers = layersOf([...BASE, 'COPY a b', 'RUN c']);
  const lineOfAll = (...places: number[]) =>
    findLines(
      [
        finding(
          'compiler',
          places.map((layer) => place(layer)),
        ),
      ],
      { stage, image: IMAGE },
      layers,
      3,
    ).findings[0]?.line;
  expect(lineOfAll(0, 4, 3)).toBe(3);
  expect(lineOfAll(0, 2)).toBe(1);
});

test('an image that was given by name has no lines', () => {
  const findings = CODES.map((code) => finding(code, [place(0)]));
  expect(findLines(findings, { image: IMAGE }, layersOf(BASE), 1)).toEqual({ findings, baseLayers: 1 });
});

test('many variables side by side take no long time', () => {
  const begin = performance.now();
  const dockerfile = `FROM scratch\nCOPY ${'$A'.repeat(12)}x /app\n`;
  linesOfLayers(dockerfile, [`COPY ${'x'.repeat(300)} /other # buildkit`]);
  expect(performance.now() - begin).toBeLessThan(500);
});
