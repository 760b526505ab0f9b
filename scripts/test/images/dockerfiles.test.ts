import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { ignorePatterns } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';
import { Bench, engine, filesOf } from './test-engine.ts';

// Which images a Dockerfile is built on: what lib/dockerfile.ts reads, and what the builder loads. Each name that is read
// is a name of one small image, so that the builder finds it, and each line has a repository of its own, so that a
// difference shows its line. The second part compares what lib/dockerignore.ts leaves out with what the builder receives.

const bench = new Bench();
let directory = '';
let image = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dockerfiles-'));
  await writeFile(join(directory, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /x\n');
  image = await bench.build(directory, 'Dockerfile');
});
afterAll(async () => {
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

/** What the names of this test begin with. No other name may be given to the image. */
const REGISTRY = `${bench.id.slice(0, 8)}.test/`;
/** A repository of the line with this number. */
const line = (number: number | string) => `${REGISTRY}l${number}`;

/** The name of an image with its tag, and without Docker's own registry. */
const fullName = (name: string) => (/:[^/]*$/.test(name) ? name : `${name}:latest`).replace('docker.io/library/', '');

/** Builds a Dockerfile, and returns which images were read and which were loaded. */
async function compareImages(text: string, buildArgs: Record<string, string> = {}) {
  const bases = readDockerfile(text, 'Dockerfile', { buildArgs }).bases.map(fullName).sort();
  const names = bases.filter((name) => name.startsWith(REGISTRY));
  await Promise.all(names.map((name) => engine.tag(image, name)));
  const loaded = new Set<string>();
  const onLine = (printed: string) => {
    // An image of FROM, and one of COPY or RUN.
    const name = /^#\d+ (?:\[internal\] load metadata for|FROM) ([^\s@]+)/.exec(printed)?.[1];
    if (name !== undefined) loaded.add(fullName(name));
  };
  await writeFile(join(directory, 'Dockerfile'), text);
  await bench.build(directory, 'Dockerfile', { buildArgs, onLine });
  return { bases, loaded: [...loaded].sort() };
}

/** A Dockerfile whose last stage has all the stages of these FROM lines, so that the builder needs them. */
function fileOf(head: string[], lines: string[]): string {
  const froms = lines.map((one, index) => `FROM ${line(index)}:${one} AS s${index}`);
  const copies = lines.map((_, index) => `COPY --from=s${index} /x /x`);
  return [...head, ...froms, 'FROM scratch', ...copies, ''].join('\n');
}

describe('the images of a Dockerfile', () => {
  test('variables', async () => {
    const head = [
      '# FROM comment:1',
      'ARG V=26',
      'ARG EMPTY=',
      'ARG NONE',
      'ARG LATER=${V}-later',
      `ARG QUOTED="a-$V" LITERAL='$V' ESCAPED=\\$V`,
      'ARG GIVEN=default',
      'ARG DERIVED=${GIVEN}-derived',
      'ARG BLANK=full',
      'ARG TARGETOS=changed',
    ];
    const lines = [
      '$V',
      '${V}-slim',
      'x${NONE}$EMPTY',
      '${NONE:-a}',
      '${EMPTY:-b}',
      '${V:-c}',
      '${V:+d}',
      'x${NONE:+e}${EMPTY:+e}',
      '${NONE:-${EMPTY:-${V}}}-alpine',
      '${NONE:-f$V}',
      '${V:+${LATER}}',
      '${V:?g}',
      '"$V"-"h"',
      "$V-'h'",
      '${NONE:-"i"}',
      '$QUOTED',
      'x${LITERAL:+j}',
      'x${ESCAPED:+k}',
      '$GIVEN',
      '${DERIVED}',
      '${BLANK:-l}',
      'x$TARGETARCH',
      '$TARGETOS',
      'x$BUILDARCH',
      'x${TARGETVARIANT}',
      'x$1',
      'x$$y',
      'x$V_$V',
      '\\m',
    ];
    const { bases, loaded } = await compareImages(fileOf(head, lines), {
      GIVEN: 'given',
      BLANK: '',
      TARGETVARIANT: 'v9',
      UNKNOWN: 'x',
    });
    expect(bases).toEqual(loaded);
    expect(bases.length).toBe(lines.length);
  });

  test('stages, other instructions, and how lines are written', async () => {
    const text = `
ARG V=26 \\
    STAGE=one
ARG WHOLE
FROM ${line(0)}:$V AS One
ARG V=1
FROM	${line(1)}:$V	as	two
from --platform=$BUILDPLATFORM \\
  # FROM comment:1

  ${line(2)}:$V \\
  AS three
FROM one AS four
FROM \${STAGE} AS five
FROM \${WHOLE} AS six
FROM ${line(3)} AS seven
COPY --from=${line(4)}:4 /x /y
COPY --chown=1:1 --from=${line(5)}:5 \\
  /x /z
COPY --from=TWO /x /two
COPY --from=2 /x /three
COPY --from=four /x /four
FROM five AS eight
COPY --from=six /x /six
COPY --from=seven /y /seven
`;
    const { bases, loaded } = await compareImages(text, { WHOLE: `${line('whole')}:1`, STAGE: 'one' });
    expect(bases).toEqual(loaded);
    expect(bases.length).toBe(7);
  });

  test('images and stages that are mounted', async () => {
    const text = `FROM ${line(0)} AS stage
FROM node:26-alpine
RUN --mount=from=${line(1)},target=/a \\
  --mount=type=bind,target=/b,from=STAGE --mount=target=/c,source=/x,from=${line(2)}:3,readonly \\
  --mount=type=cache,target=/from=d --mount=type=tmpfs,target=/e ls /a/x /b/x /c
`;
    const { bases, loaded } = await compareImages(text);
    expect(bases).toEqual(loaded);
    expect(bases.length).toBe(4);
  });

  test('another escape character', async () => {
    const text = `# escape=\`
ARG V=26
FROM ${line(0)}:$V \`
  AS one
FROM ${line(1)}:\`x"$V"
COPY --from=one /x \`
  /y
`;
    const { bases, loaded } = await compareImages(text);
    expect(bases).toEqual(loaded);
    expect(bases).toEqual([`${line(0)}:26`, `${line(1)}:x26`]);
  });

  test.for<[name: string, head: string[], lines: string[]]>([
    ['operators without a colon', ['ARG NONE', 'ARG E='], ['${NONE-a}', '${E-}b', '${E+c}', 'x${NONE+d}']],
    [
      'patterns',
      ['ARG TAG=a-b.a-c'],
      [
        '${TAG##*.}',
        '${TAG#*-}',
        '${TAG%%-*}',
        '${TAG%[.a]*}',
        '${TAG%.?-c}',
        '${TAG/a*b/x}',
        '${TAG//a/y}',
        '${TAG#a\\-}',
      ],
    ],
  ])('%s', async ([_name, head, lines], { skip }) => {
    const { bases, loaded } = await compareImages(fileOf(head, lines)).catch(orSkip(skip));
    expect(bases).toEqual(loaded);
  });

  test('here-documents', async ({ skip }) => {
    const text = `FROM node:26-alpine
RUN <<A cat <<-'B'
FROM bad:1
A
FROM bad:2
	B
COPY <<EOF /x
FROM bad:3
EOF
`;
    const { bases, loaded } = await compareImages(text).catch(orSkip(skip));
    expect(bases).toEqual(loaded);
  });
});

describe('what an ignore file leaves out', () => {
  const PATHS = [
    'a',
    'b',
    'x.md',
    'y.md',
    'a b',
    '#c',
    '!d',
    '[e]',
    'f*',
    'ax',
    'a-c',
    'ü',
    'yes',
    'x/a',
    'x/b/c',
    'x/b/d',
    'x/y/x/z',
    'src/x/keep',
    'src/x/y/drop',
    'src/w',
    'q/a/b/c',
    'q/a/x/c',
    'q/c',
    'n/m/a',
    'n/m/b',
    'n/a',
    'deep/n/m/a',
  ];
  const FILES = [
    '**/x/**',
    '**/x',
    'x/**\n!x/b/c',
    'src\n!src/x\nsrc/x/y',
    '*\n!src/**\n!q\nq/a',
    '*\n! ./n/m/  \nn/m/b',
    'q/**/c',
    'q/a/*/c',
    '\\#c\n\\!d\n\\[e\\]\nf\\*',
    '# a\n #c\n\ta \r\n/b/\r\n',
    'a b\n./x/./b/../a\n//ax\nn/m/',
    '[^a]\n[xy].md\na[!x]c',
    'a?\n?.md\n?',
    '[a-c]\na[^b-z]c',
    'x/b/\nn/m\n!n/m/a',
    '/**/a\n!/n/**/a',
    '.\n!.\n',
  ];

  // The client of Docker 20.10 looks into a directory that is left out only where an exception begins with its name.
  const NEWER_FILES = ['**/x/**\n!**/keep\n!**/z', 'n\n!**/m/a\n**/b', '**\n!**/c'];
  const isOld = engine.info.version.startsWith('20.');
  const CASES = [...FILES, ...(isOld ? [] : NEWER_FILES)];

  let context = '';
  beforeAll(async () => {
    context = await mkdtemp(join(tmpdir(), 'ignored-'));
    for (const path of PATHS) {
      await mkdir(dirname(join(context, path)), { recursive: true });
      await writeFile(join(context, path), '');
    }
  });
  afterAll(() => rm(context, { recursive: true }));

  test.concurrent.each(CASES)('%j', async (text) => {
    const dockerfile = `Dockerfile.${CASES.indexOf(text)}`;
    await writeFile(join(context, dockerfile), 'FROM scratch\nCOPY . /c/\nCMD ["x"]\n');
    await writeFile(join(context, `${dockerfile}.dockerignore`), `${text}\n**/Dockerfile.*`);
    const files = await filesOf(await bench.build(context, dockerfile));
    const sent = files.filter(({ path, type }) => path.startsWith('/c/') && type === 'file');
    const { skips } = ignorePatterns(text);
    expect(PATHS.filter((path) => !skips(path, false)).sort()).toEqual(
      sent.map(({ path }) => path.slice('/c/'.length)).sort(),
    );
  });
});

/** Skips a test where the builder is so old that it does not know what is compared. */
const orSkip = (skip: (reason: string) => never) => (error: unknown) => {
  const isOld = /missing ':' in substitution|unsupported modifier|unknown instruction: A$/;
  if (error instanceof ToolError && error.lines.some((one) => isOld.test(one))) skip('the builder does not know it');
  throw error;
};
