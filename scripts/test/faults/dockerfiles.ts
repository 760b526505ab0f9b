import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { GOOD, inline, SMALL, TINY } from './row.ts';
import { useRegistry } from './servers.ts';
import type { Row } from './trial.ts';

const build = (name: string, dockerfile: string, says: Row['says'], others: Partial<Row> = {}): Row => ({
  name,
  files: { Dockerfile: dockerfile },
  command: 'compare . --no-run',
  code: 1,
  says,
  ...others,
});

const MOUNT = 'FROM node:26-alpine\nRUN --mount=from=registry.invalid/name,target=/x true\n';
/** The stage `build` fails while the other one runs. */
const FAILING_STAGES = `FROM node:26-alpine AS deps
RUN echo "npm notice New major version" && sleep 2

FROM node:26-alpine AS build
WORKDIR /app
RUN echo "x.ts: error" && \\
    # to look at
    echo "npm notice New major version of npm available! 10.9.2 -> 11.6.0" && \\
    exit 2

FROM node:26-alpine
COPY --from=deps /etc/hostname /a
COPY --from=build /app /app
`;
/** Patterns and names that take a matcher exponential time, if it goes back. */
const EVIL = {
  '.dockerignore': `${'**/'.repeat(20)}${'x*'.repeat(20)}y\n`,
  [`${'x/'.repeat(20)}${'x'.repeat(60)}`]: '',
};

/** What can be wrong with Dockerfiles, build contexts and base images. */
export const DOCKERFILES: Row[] = [
  build('a Dockerfile without FROM', 'RUN x\n', ['has no FROM']),
  build('a Dockerfile of random bytes', '\u0000\u0001\u001b[31m\u0007FROM\u0000 x\n', ['FAILED']),
  build('a Dockerfile with a BOM and CRLF', `\uFEFF${SMALL.replaceAll('\n', '\r\n')}`, [/ \d+ B/], { code: 0 }),
  build('a Dockerfile that is a link to nowhere', '', ['There is no Dockerfile'], {
    files: { Dockerfile: { link: '/no/such/file' } },
    code: 2,
  }),
  build(
    'FROM with variables in variables: the same base image',
    '',
    [/single +(\S+( \(stand-in\))?) .*\n +multi +\1 /],
    {
      files: {
        'Dockerfile.single': 'ARG B=26\nFROM node:26-alpine\n',
        'Dockerfile.multi': 'ARG B=26\nFROM node:${A:-${B}}-alpine\n',
      },
      code: 0,
    },
  ),
  build('RUN that fails', 'FROM node:26-alpine\nRUN echo before && exit 7\n', [
    /docker build failed at Dockerfile:2: RUN echo before && exit 7\n {2}\| before\n {2}\| exit code: 7\n/,
  ]),
  build('RUN that fails, beside another stage and after notices of npm', FAILING_STAGES, [
    /at Dockerfile:6: RUN echo "x\.ts: error" && .* && exit 2\n {2}\| x\.ts: error\n {2}\| exit code: 2\n/,
  ]),
  build('an instruction that does not exist', 'FROM node:26-alpine\nRUNN x\n', ['failed at Dockerfile:2: RUNN x']),
  build('RUN that prints 50,000 lines and fails', inline('', 'RUN seq 50000 && exit 3\n'), ['exit code: 3', '50000']),
  build('RUN on a full disk', 'FROM node:26-alpine\nRUN echo x > /dev/full\n', [/No space left|write error/i]),
  build('COPY of a file that does not exist', 'FROM scratch\nCOPY nope /\n', [
    /failed at Dockerfile:2: COPY nope \/\n {2}\| .*"\/nope".*not found/,
  ]),
  build('a stage that does not exist', TINY, ['nope'], { command: 'compare . --no-run --target nope' }),
  build('a base image whose registry has no address', 'FROM registry.invalid/name\n', ['could not be reached']),
  build('a base image whose registry refuses', 'FROM 127.0.0.1:1/name\n', ['could not be reached']),
  build('a base image whose registry closes the connection', '', ['FAILED'], {
    files: {},
    prepare: useRegistry((socket) => socket.destroy()),
  }),
  build('RUN --mount of an image whose registry has no address', MOUNT, ['registry.invalid']),
  build('one of two Dockerfiles is broken: the other is measured', '', [/ good .* MB/, 'FAILED app broken'], {
    files: { 'Dockerfile.good': GOOD, 'Dockerfile.broken': 'FROM\n' },
  }),
  build('an image with only a CMD: the other is measured', '', [/ good .* MB/], {
    files: { 'Dockerfile.good': GOOD, 'Dockerfile.bare': TINY },
    code: 0,
  }),
  build('a .dockerignore that takes exponential time', SMALL, [], {
    files: { Dockerfile: SMALL, ...EVIL },
    code: 0,
    within: 20,
  }),
  build('a .dockerignore with a pattern that is wrong', SMALL, ['FAILED'], {
    files: { Dockerfile: SMALL, '.dockerignore': '[a-\n' },
  }),
  build('a context with a pipe, a loop of links and a name that is not UTF-8', SMALL, [], {
    files: { Dockerfile: SMALL, a: { link: 'b' }, b: { link: 'a' }, c: { link: '/no/such' } },
    prepare: ({ project }) => {
      execFileSync('mkfifo', [`${project}/pipe`]);
      writeFileSync(Buffer.from(`${project}/name-\xff\xfe`, 'latin1'), '');
    },
    code: 0,
  }),
  build('a context with 100 levels of directories and 5,000 files', SMALL, [], {
    prepare: ({ project }) => {
      mkdirSync(`${project}/${'d/'.repeat(100)}`, { recursive: true });
      for (let index = 0; index < 5000; index += 1) writeFileSync(`${project}/d/${index}`, '');
    },
    code: 0,
  }),
  build('a platform that the engine cannot run', GOOD, ['FAILED'], { command: 'compare . --platform linux/s390x' }),
  build('an image that the engine does not have', TINY, ['docker pull'], { command: 'compare --image no/such:image' }),
  build('a config with a BOM', GOOD, [/app +Dockerfile .* ms/], {
    files: { Dockerfile: GOOD.replace('3000', '81'), 'compare.config.json': '\uFEFF{ "port": 81 }' },
    command: 'compare .',
    code: 0,
  }),
];
