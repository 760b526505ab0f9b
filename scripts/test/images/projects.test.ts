import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measureContext } from '../../compare/build/measure-context.ts';
import { type ImageReport, reportSchema } from '../../compare/model/report-schema.ts';
import { TEMPORARY_IMAGES } from '../../engine/labels.ts';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { Bench, docker, filesOf, startProgram } from './test-engine.ts';

// compare on projects outside of the repository, run in the directory that has them.

const bench = new Bench();
let current = '';

beforeAll(async () => {
  current = await mkdtemp(join(tmpdir(), 'projects-'));
});
afterAll(async () => {
  await bench.cleanUp();
  await rm(current, { recursive: true });
});

/** Writes the files of a project in the user's directory. */
async function writeProject(name: string, files: Record<string, string>): Promise<string> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(current, name, file)), { recursive: true });
    await writeFile(join(current, name, file), text);
  }
  return join(current, name);
}

/** Everything in a directory: paths, modes, times of changes, and contents. */
async function readState(directory: string): Promise<string[]> {
  const names = (await readdir(directory, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { mode, mtimeMs, size } = await lstat(join(directory, name));
      const text = await readFile(join(directory, name), 'base64').catch(() => '');
      return `${name} ${mode} ${mtimeMs} ${size} ${text}`;
    }),
  );
}

async function compare(...args: string[]) {
  const env = { INIT_CWD: current, MULTI_STAGE_TEST_TOKEN: 'tok-from-environment' };
  const result = await startProgram('compare', args, env).ended;
  expect(result.stderr + result.stdout).not.toMatch(/\n\s+at /);
  return result;
}

/** The images in report.json, by chapter and variant. */
async function readImages(): Promise<Map<string, ImageReport>> {
  const report = reportSchema.parse(JSON.parse(await readFile(join(current, 'report.json'), 'utf8')));
  return new Map(report.images.map((image) => [`${image.chapter} ${image.variant}`, image]));
}

/** A server that responds with the value of an expression. --ready has to name the text that it prints. */
const SERVER = (body: string) => `
const server = require('http').createServer((request, response) => {
  if (request.url === '/moved') response.writeHead(302, { location: '/' });
  response.end(String(${body}));
}).listen(process.env.PORT, () => console.log('at your service'));
process.on('SIGTERM', () => server.close());
`;

describe('projects', () => {
  test('a project is measured like a chapter, and its directory does not change', {
    timeout: 240_000,
  }, async () => {
    const directory = await writeProject('my app · ü', {
      Dockerfile: 'FROM node:26-alpine\nWORKDIR /app\nCOPY . .\nENV PORT=8081\nCMD ["node", "server.js"]\n',
      'Dockerfile.lean':
        'FROM node:26-alpine AS base\nFROM base\nWORKDIR /app\nCOPY server.js .\nEXPOSE 9229 8082\nENV PORT=8082\nUSER 1000\nCMD ["node", "server.js"]\n',
      'old.Dockerfile': 'FROM node:26-alpine\nRUN echo so it goes && exit 3\n',
      'server.js': SERVER('`Hello ${process.env.WHO}`'),
      'node_modules/a/Dockerfile': 'FROM scratch\n',
      'node_modules/a/index.js': 'x'.repeat(200_000),
      'nested/Dockerfile.other': 'FROM scratch\n',
      'compare.config.json': JSON.stringify({
        env: { WHO: 'you' },
        budgets: {
          lean: { unpacked: ['110% of Dockerfile', '1 kB'], download: '110% of Dockerfile', findings: ['error'] },
          Dockerfile: { unpacked: '1% of lean' },
        },
      }),
    });
    await symlink('Dockerfile.lean', join(directory, 'Dockerfile.link'));
    await symlink('my app · ü', join(current, 'link'));
    const before = await readState(directory);
    const outputs = ['--json', 'report.json', '--markdown', 'report.md'];
    const times = ['--bench', '--runs', '1', '--edit', 'server.js', '--ready', 'service'];
    const { code, stdout, stderr } = await compare('./link/', '--check', '--inside', '--keep', ...times, ...outputs);
    expect(await readState(directory)).toEqual(before);
    const kept = [...stderr.matchAll(/^kept (multi-stage-node\/my-app-\S+)$/gm)].map(([, name = '']) => name);
    await docker('rmi', ...kept);
    expect(kept.length).toBe(2);
    expect(await docker('images', '--quiet', TEMPORARY_IMAGES)).toBe('');

    expect(code).toBe(1);
    expect(stdout).toMatch(/^project +variant /m);
    expect(stdout).toMatch(/^my app · ü +Dockerfile +node:26-alpine.* MB .* ms +root$/m);
    expect(stdout).toMatch(/^ +lean +node:26-alpine.* MB .* ms +1000$/m);
    expect(stdout).toMatch(
      /FAILED my app · ü old\ndocker build failed at old\.Dockerfile:2: RUN echo so it goes && exit 3\n {2}\| so it goes\n/,
    );
    expect(stdout).toMatch(
      /^my app · ü has no \.dockerignore: a usual one would keep 200 kB of .* out of its build context \(node_modules\/ 200 kB\)\.$/m,
    );
    expect(stdout).toMatch(/^my app · ü lean \(stand-in\): .* unpacked, /m);
    expect(stdout).toMatch(/^PASS {2}my app · ü lean.*, unpacked: .* of Dockerfile/m);
    expect(stdout).toMatch(/^FAIL {2}my app · ü Dockerfile.*, unpacked: /m);

    const images = await readImages();
    expect([...images.keys()]).toEqual(['my app · ü Dockerfile', 'my app · ü lean', 'my app · ü old']);
    const lean = images.get('my app · ü lean');
    expect(lean).toMatchObject({
      dockerfile: 'my app · ü/Dockerfile.lean',
      run: { status: 200, port: 8082, path: '/' },
    });
    expect(lean?.context).toMatchObject({ ignoreFile: null, ignorable: [{ path: 'node_modules/', files: 2 }] });
    expect(lean?.bench?.nodeStartMs.samples.length).toBe(1);
    expect(lean?.bench?.buildAfterEditMs.samples.length).toBe(1);
    expect(lean?.bench?.buildAfterDependencyMs.reason).toMatch('no package.json');
    expect(await readFile(join(current, 'report.md'), 'utf8')).toMatch('| my app · ü ');
  });

  test('build arguments, secrets, targets and the environment reach the build, and no secret is printed', async () => {
    await writeProject('given', {
      'docker/app.Dockerfile': `ARG BASE=no/such:image
FROM $BASE AS first
WORKDIR /app
COPY server.js .
ARG GREETING
RUN --mount=type=secret,id=file --mount=type=secret,id=variable \\
  grep -q to[k]-from-file /run/secrets/file && grep -q to[k]-from-environment /run/secrets/variable \\
  && echo "$GREETING" > greeting
CMD ["node", "server.js"]
FROM first AS second
USER 1000
FROM second AS third
RUN exit 9
`,
      'src/server.js': SERVER("require('fs').readFileSync('greeting', 'utf8') + process.env.WHO + process.env.HOW"),
      'secret, with a comma': 'tok-from-file',
      'container.env': 'WHO=you\nPORT=5000\n',
    });
    const build = ['--build-arg', 'BASE=node:26-alpine', '--build-arg', 'GREETING=Servus', '--target', 'second'];
    const secrets = ['--secret', 'id=file,"src=given/secret, with a comma"'];
    const variable = ['--secret', 'id=variable,env=MULTI_STAGE_TEST_TOKEN'];
    const env = ['--env-file', 'given/container.env', '-e', 'HOW=well'];
    const layout = ['--dockerfile', 'docker/app.Dockerfile', '--context', 'given/src', '--target', 'first'];
    const all = [...build, ...secrets, ...variable, ...env, ...layout];
    const { code, stdout, stderr } = await compare('given', ...all, '--inside', '--json', 'report.json');
    expect(stderr).not.toContain('FAILED');
    expect(stdout).toMatch(/^given +second +node:26-alpine.* ms +1000$/m);
    expect(stdout).toMatch(/^ +first +node:26-alpine.* ms +root$/m);
    expect(code).toBe(0);
    const images = await readImages();
    expect(images.get('given second')).toMatchObject({
      target: 'second',
      dockerfile: 'given/docker/app.Dockerfile',
      run: { port: 5000, status: 200 },
    });
    expect(stdout + stderr + (await readFile(join(current, 'report.json'), 'utf8'))).not.toMatch(/tok-from-/);
  });

  test('options for images that cannot run, and for other paths, statuses and responses; errors have hints', async () => {
    const from = (...lines: string[]) => ['FROM node:26-alpine', ...lines, ''].join('\n');
    const run = (body: string) => from('ENV PORT=80', `CMD ["node", "-e", ${JSON.stringify(SERVER(body))}]`);
    await writeProject('worker', { Dockerfile: from('CMD ["false"]') });
    await writeProject('a/host', {
      Dockerfile: run("require('os').hostname()"),
      'Dockerfile.b': run("require('os').hostname()"),
    });
    await writeProject('b/host', { 'Dockerfile.api': run("'api'"), 'Dockerfile.web': run("'web'") });
    const worker = await compare('worker', '--no-run');
    expect(worker.stdout).toMatch(/^worker +Dockerfile +node:26-alpine.* MB .* n\/a +root$/m);
    expect(worker.stdout).toContain('first response n/a: it was only built and measured, not run.');
    expect(worker.code).toBe(0);

    const both = await compare('b/host', 'a/host', 'a/host');
    expect(both.stdout).toMatch(/^b\/host +api .* ms +root$/m);
    expect(both.stdout).toMatch(/^ +web .* FAILED +root$/m);
    expect(both.stdout).toMatch(
      /FAILED b\/host web\nGET \/ responds differently from api\.\n.*\n.*web.*\nIf they are meant to: --any-answer\./,
    );
    expect(both.stdout).toMatch(
      /^a\/host b.*: GET \/ responds differently in each container, so the responses were not/m,
    );
    expect(both.code).toBe(1);
    expect((await compare('b/host', '--any-answer', '--path', '/moved', '--expect-status', '302')).code).toBe(0);
    const moved = await compare('b/host', '--path', '/moved');
    expect(moved.stdout).toMatch(
      /GET \/moved responded with status 302, not 200\.\n {2}\| Location: \/\n.*\n {2}\| The container's last lines:\n {2}\| at your service\n.*--expect-status/,
    );
  });

  test('a server without Node: what is measured only for Node is n/a', { timeout: 240_000 }, async () => {
    await writeProject('c', {
      'server.c': C_SERVER,
      Dockerfile:
        'FROM node:26 AS build\nCOPY server.c .\nRUN gcc -static -O1 -o /server server.c\nFROM scratch\nCOPY --from=build /server /server\nEXPOSE 8080\nUSER 1000\nHEALTHCHECK CMD ["/server", "check"]\nCMD ["/server"]\n',
    });
    const { code, stdout } = await compare(
      'c',
      '--behaviour',
      '--bench',
      '--runs',
      '1',
      '--edit',
      'server.c',
      '--inside',
    );
    expect(stdout).toMatch(/^c +Dockerfile \(stand-in\) +ok +\S+ +n\/a +ok +ok +ok +ok +ok +ok +ok +n\/a$/m);
    expect(stdout).toMatch(/^c +Dockerfile \(stand-in\) +\d+ ms +n\/a +\S+ .B +\d+ ms$/m);
    expect(stdout).toContain('n/a: c Dockerfile, node start: the image has no Node');
    expect(stdout).toMatch(/^n\/a: c Dockerfile, new dependency: the build context has no package.json$/m);
    expect(stdout).toMatch(/^ {2}application .* 100 %$/m);
    expect(code).toBe(0);
  });

  test('a build context is measured as the builder sees it', async () => {
    const directory = await writeProject('context', {
      Dockerfile: 'FROM scratch\nCOPY . /c/\nCMD ["x"]\n',
      '.dockerignore':
        '# comment\n*.md\n!README.md\n/logs/\n**/*.tmp\nsub/*/secret\na?c\n[xy].txt\nnode_modules\n!node_modules/keep\nUPPER\n  spaces  \n',
      'README.md': '1',
      'notes.md': '22',
      'deep/notes.md': '333',
      'logs/x': '4444',
      'sub/logs/x': '55555',
      'sub/a/secret': '666666',
      'sub/a/b/secret': '7777777',
      'sub/a/x.tmp': '88888888',
      abc: '999999999',
      'x.txt': '1'.repeat(10),
      'z.txt': '1'.repeat(11),
      'node_modules/drop/index.js': '1'.repeat(12),
      'node_modules/keep/index.js': '1'.repeat(13),
      upper: '1'.repeat(14),
      spaces: '1'.repeat(16),
      'ü/ß': '1'.repeat(17),
    });
    await symlink('README.md', join(directory, 'link.md'));
    await symlink('README.md', join(directory, 'link'));
    const files = (await filesOf(await bench.build(directory, 'Dockerfile'))).filter(({ path }) =>
      path.startsWith('/c/'),
    );
    const sent = files.filter(({ type }) => type === 'file');
    const ignore = await readIgnoreFile(directory, join(directory, 'Dockerfile'));
    const measured = await measureContext(directory, ignore, new AbortController().signal);
    expect(measured).toMatchObject({
      files: sent.length,
      bytes: sent.reduce((sum, { bytes }) => sum + bytes, 0),
      ignoreFile: '.dockerignore',
      ignorable: [],
    });
    expect(sent.map(({ path }) => path)).toContain('/c/node_modules/keep/index.js');
  });
});

const C_SERVER = `
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
static int port(void) {
  struct timeval limit = {1, 0};
  int s = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return s;
}
static void stop(int n) { _exit(0); }
int main(int argc, char **argv) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080), .sin_addr = {htonl(argc > 1 ? INADDR_LOOPBACK : INADDR_ANY)}};
  char text[4096];
  int s = port();
  if (argc > 1) {
    if (connect(s, (void *)&at, sizeof at)) return 1;
    if (write(s, "GET / HTTP/1.0\\r\\n\\r\\n", 18) < 0) return 1;
    return read(s, text, sizeof text) > 0 ? 0 : 1;
  }
  signal(SIGTERM, stop);
  signal(SIGPIPE, SIG_IGN);
  if (bind(s, (void *)&at, sizeof at) || listen(s, 64)) return 1;
  puts("listening");
  fflush(stdout);
  const char *answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
  for (;;) {
    int c = accept(s, 0, 0);
    if (c < 0) continue;
    if (read(c, text, sizeof text) > 0 && write(c, answer, strlen(answer)) < 0) perror("write");
    close(c);
  }
}
`;
