import { describe, expect, test } from 'vitest';
import { type Invocation, type Measurement, recordError } from '../compare/model/measurement.ts';
import { createReport } from '../compare/report/create-report.ts';
import { describeBuildFailure } from '../engine/build-failure.ts';
import { describeError, summarizeError, ToolError } from '../lib/errors.ts';

// What builders have printed: Docker 20.10 on this project's machines, Docker 28 (buildx) as users reported it.

const DOCKERFILE = `# syntax=docker/dockerfile:1
ARG NODE_VERSION=26

FROM node:\${NODE_VERSION}-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:\${NODE_VERSION}-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm \\
    # all of them
    npm ci && \\
    true
ENV NAME=value
COPY . .
RUN npm run build

FROM deps
COPY --from=build /app/dist /app/dist
RUN echo $NAME && exit 3
`;

const OLD_BUILD = `#1 [internal] load build definition from Dockerfile.multi
#1 sha256:3b8341a4ed3d8f17729b94a9e739dd2aaa70754d23f3bf2ac444dbff69179ec1
#1 transferring dockerfile: 470B done
#1 DONE 0.0s
#8 [deps 4/4] RUN npm ci --omit=dev
#8 sha256:0fe5307542206fa8b71a151a022348b3a820282f7361cbfe2901357d4b2eb80f
#11 [build 6/6] RUN npm run build
#11 sha256:059b8178be2ff6345a1d0416ce366100967051e4b64d23f2ad28498124737169
#11 0.412 > app@1.0.0 build
#11 0.412 > tsc
#8 1.362 npm notice New major version of npm available
#11 1.903 \u001b[96msrc/index.ts\u001b[0m(3,7): error TS2322: Type 'string' is not assignable to type 'number'.
#11 1.905     3   const port: number = '3000';
#11 2.011 npm notice
#11 2.011 npm notice New major version of npm available! 10.9.2 -> 11.6.0
#11 2.012 npm warn deprecated inflight@1.0.6: This module is not supported
#11 2.013 npm error A complete log of this run can be found in: /root/.npm/_logs/2026-11-26T01_00_00_000Z-debug-0.log
#11 2.013 npm ERR! A complete log of this run can be found in:
#11 2.013 npm ERR!     /root/.npm/_logs/2026-11-26T01_00_00_000Z-debug-0.log
#11 ERROR: executor failed running [/bin/sh -c npm run build]: exit code: 2
#8 CANCELED
------
 > [build 6/6] RUN npm run build:
------
executor failed running [/bin/sh -c npm run build]: exit code: 2`.split('\n');

const NEW_BUILD = `#11 [build 6/6] RUN npm run build
#11 1.903 src/index.ts:14
#11 ERROR: process "/bin/sh -c npm run build" did not complete successfully: exit code: 2
------
 > [build 6/6] RUN npm run build:
1.903 src/index.ts:14
------

 1 warning found (use docker --debug to expand):
 - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 4)
Dockerfile.multi:18
--------------------
  16 |     ENV NAME=value
  17 |     COPY . .
  18 | >>> RUN npm run build
  19 |
  20 |     FROM deps
--------------------
ERROR: failed to solve: process "/bin/sh -c npm run build" did not complete successfully: exit code: 2`.split('\n');

const BUILD = { line: 18, instruction: 'RUN npm run build' };

describe('the instruction that failed, and its cause without notices', () => {
  test('Docker 20.10, which names the step', () => {
    expect(describeBuildFailure(OLD_BUILD, DOCKERFILE)).toEqual({
      place: BUILD,
      cause: [
        '> app@1.0.0 build',
        '> tsc',
        "src/index.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.",
        "    3   const port: number = '3000';",
        'exit code: 2',
      ],
    });
  });

  test('Docker 28, which names the line', () => {
    expect(describeBuildFailure(NEW_BUILD, DOCKERFILE)).toEqual({
      place: BUILD,
      cause: ['src/index.ts:14', 'exit code: 2'],
    });
    // The line counts, also where the step says something else.
    const output = NEW_BUILD.map((line) => line.replace('[build 6/6] RUN', '[x 1/1] ADD').replace(':18', ':13'));
    expect(describeBuildFailure(output, DOCKERFILE).place?.line).toBe(12);
  });
});

/** The place that is found for a step of this name. */
const placeOf = (step: string, dockerfile = DOCKERFILE) =>
  describeBuildFailure([`#5 ${step}`, '#5 ERROR: x'], dockerfile).place;

describe('the step in the Dockerfile', () => {
  test.each([
    ['[deps 4/4] RUN npm ci --omit=dev', 7, 'RUN npm ci --omit=dev'],
    [
      '[build 4/6] RUN --mount=type=cache,target=/root/.npm     npm ci &&     true',
      12,
      'RUN --mount=type=cache,target=/root/.npm npm ci && true',
    ],
    ['[BUILD  5/6] COPY . .', 17, 'COPY . .'],
    // With the value of a variable, in a stage without a name that is built on another stage: FROM does not count.
    ['[stage-2 2/2] RUN echo value && exit 3', 22, 'RUN echo $NAME && exit 3'],
    ['[linux/arm64 build 2/6] WORKDIR /app', 10, 'WORKDIR /app'],
  ])('%s', (step, line, instruction) => expect(placeOf(step)).toEqual({ line, instruction }));

  test('one stage has no name, and triggers of its base image come before its own steps', () => {
    const dockerfile = 'FROM node:26\nONBUILD RUN x\nRUN a\nRUN a\n';
    expect(placeOf('[2/3] RUN a', dockerfile)?.line).toBe(3);
    expect(placeOf('[linux/arm64 5/5] RUN a', dockerfile)?.line).toBe(4);
    expect(placeOf('[4/5] RUN a', dockerfile)?.line).toBe(3);
    expect(placeOf('[2/5] RUN trigger', dockerfile)).toBeNull();
  });

  test.each([
    '[build 4/6] COPY . .',
    '[build 9/9] FROM node',
    '[internal] load metadata for docker.io/library/node:26',
    'FROM docker.io/library/nope:latest',
  ])('%s: none, so its name says what failed', (step) => {
    expect(describeBuildFailure([`#5 ${step}`, '#5 ERROR: pull access denied'], DOCKERFILE)).toEqual({
      place: null,
      cause: [step, 'pull access denied'],
    });
  });

  test('a secret in an instruction is hidden, and a long instruction is cut off', () => {
    const dockerfile = `FROM node:26\nRUN NPM_TOKEN=hunter2 ${'x '.repeat(100)}\n`;
    expect(placeOf('[2/2] RUN x', dockerfile)?.instruction).toMatch(/^RUN NPM_TOKEN=\*\*\* x [x ]+…$/);
  });
});

describe('no step failed', () => {
  test.each([
    'failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNN',
    'ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN',
  ])('%s', (error) => {
    const excerpt = ['Dockerfile:2', '-'.repeat(20), '   1 |     FROM node:26', '   2 | >>> RUNN x', '-'.repeat(20)];
    const progress = ['#1 [internal] load .dockerignore', '#1 transferring context: 2B done', '#1 DONE 0.0s'];
    for (const output of [
      [...progress, error],
      [...progress, ...excerpt, error],
    ])
      expect(describeBuildFailure(output, 'FROM node:26\nRUNN x\nRUN y\n')).toEqual({
        place: { line: 2, instruction: 'RUNN x' },
        cause: [error],
      });
  });

  test('a stage that does not exist, and a builder that is not there', () => {
    for (const cause of [
      ['ERROR: target stage "nope" could not be found'],
      [
        'ERROR: BuildKit is enabled but the buildx component is missing or broken.',
        '       Install the buildx component',
      ],
    ])
      expect(describeBuildFailure(cause, DOCKERFILE)).toEqual({ place: null, cause });
  });
});

test('of 50,000 lines the last count, and of a line of a megabyte the beginning, without half a secret', () => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `#5 0.1 line ${index}`);
  const secret = `npm_${'a'.repeat(36)}`;
  const long = `#5 0.2 ${'x'.repeat(380)} ${secret} ${'x'.repeat(1e6)}`;
  const output = ['#5 [2/2] RUN seq 50000', ...lines, long, '#5 ERROR: process "x" did not complete: exit code: 3'];
  const { cause } = describeBuildFailure(output, 'FROM node:26\nRUN seq 50000\n');
  expect(cause).toHaveLength(20);
  expect(cause.slice(-3)).toEqual(['line 49999', `${'x'.repeat(380)} *** ${'x'.repeat(14)}…`, 'exit code: 3']);
});

test('an error with a place is printed with it, also on one line', () => {
  const error = new ToolError('docker build failed at Dockerfile:2: RUN x', { lines: ['why', 'exit code: 3'] });
  expect(describeError(error)).toBe('docker build failed at Dockerfile:2: RUN x\n  | why\n  | exit code: 3');
  expect(summarizeError(error)).toBe('docker build failed at Dockerfile:2: RUN x: exit code: 3');
  expect(summarizeError(new ToolError('It failed:', { lines: [' x '] }))).toBe('It failed: x');
});

test('a measurement keeps the error with its place, for programs; the report has its text', async () => {
  const chapter = { chapter: 'image' as const, variant: 'x' };
  const measurement: Measurement = { subject: chapter };
  const place = { line: 2, instruction: 'RUN x' };
  const invocation = { signal: new AbortController().signal } as Invocation;
  await recordError(invocation, measurement, async () => {
    throw new ToolError('docker build failed at Dockerfile:2: RUN x', {
      code: 'program-failed',
      lines: ['why'],
      place,
    });
  });
  expect(measurement.failure).toMatchObject({ place, lines: ['why'] });
  const engine = { name: 'docker', version: '', builder: '', imageStore: '', rootless: null };
  const [image] = createReport(engine, [measurement]).images;
  expect(image).toMatchObject({ ...chapter, error: 'docker build failed at Dockerfile:2: RUN x\n  | why' });
  expect(image).not.toHaveProperty('failure');
});
