import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Bench, docker, ROOT } from './test-engine.ts';
import { typedDocker } from './typed-docker.ts';

// What the write-ups behind this course tell their readers to type. Chapter 02 is in short-pass.test.ts; the lessons have
// the rest (A1, C2, D2), which documents.test.ts types.

const bench = new Bench();
const scratch: string[] = [];

afterEach(async () => {
  for (const directory of scratch.splice(0)) await rm(directory, { recursive: true });
});

const typed = typedDocker(bench);
afterAll(() => typed.cleanUp());

/** A copy of a chapter, outside the repository, that a test may edit. */
async function copyOf(chapter: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'chapter-'));
  scratch.push(directory);
  const filter = (path: string) => !/\/(node_modules|dist|\.turbo)$/.test(path);
  await cp(join(ROOT, chapter), directory, { recursive: true, verbatimSymlinks: true, filter });
  return directory;
}

describe('as typed', () => {
  test.each([
    ['01-first-dockerfile', 'C1', ['-f', 'Dockerfile.single'], { PORT: '8080' }],
    ['03-distroless', 'B4 and B8', [], {}],
  ] as [string, string, string[], Record<string, string>][])(
    '%s: %s, docker build %j, docker run with %j',
    (chapter, _claims, options, env) =>
      typed.buildAndRun(join(ROOT, chapter), `multi-stage-node-test:${chapter}`, options, env),
  );

  test('04-three-stage: B5, a source edit reuses the dependency layers', async () => {
    const directory = await copyOf('04-three-stage');
    const build = async () => {
      const lines: string[] = [];
      await bench.build(directory, 'Dockerfile', { onLine: (line) => lines.push(line) });
      const text = lines.join('\n');
      // A step is announced as `#12 [deps 4/4] RUN …`; `#12 CACHED` says that it was reused.
      const cached = (step: RegExp) => text.includes(`${step.exec(text)?.[1]} CACHED`);
      return {
        dependencies: cached(/^(#\d+) \[deps \d\/\d\] RUN .*npm ci --omit=dev/m),
        devDependencies: cached(/^(#\d+) \[builder \d\/\d\] RUN .*npm ci --ignore-scripts$/m),
        source: cached(/^(#\d+) \[builder \d\/\d\] RUN npm run build/m),
      };
    };
    await build();
    expect(await build()).toEqual({ dependencies: true, devDependencies: true, source: true });
    const app = join(directory, 'src/app.ts');
    await writeFile(app, (await readFile(app, 'utf8')).replace('Hello', `Hello ${bench.id}`));
    expect(await build()).toEqual({ dependencies: true, devDependencies: true, source: false });
  });

  test('04-three-stage: B6, --target builder has the tools and the result', async () => {
    const image = await bench.build(join(ROOT, '04-three-stage'), 'Dockerfile', { target: 'builder' });
    expect(await docker('run', '--rm', image, 'ls', 'dist', 'src', 'node_modules/.bin/tsc')).toContain('index.js');
  });

  test('04-three-stage: B6, --target runner is what a build without a target makes', async () => {
    const images = await Promise.all(
      ['runner', undefined].map((target) => bench.build(join(ROOT, '04-three-stage'), 'Dockerfile', { target })),
    );
    const layers = await Promise.all(images.map((image) => docker('inspect', '--format', '{{.RootFS.Layers}}', image)));
    expect(layers[0]).toBe(layers[1]);
  });

  test('04-three-stage: B6, the test stage passes, and fails when a test does', async () => {
    const directory = await copyOf('04-three-stage');
    await bench.build(directory, 'Dockerfile', { target: 'test' });
    const file = join(directory, 'test/app.test.ts');
    await writeFile(file, (await readFile(file, 'utf8')).replace('Hello from', 'Goodbye to'));
    await expect(bench.build(directory, 'Dockerfile', { target: 'test' })).rejects.toThrow('build failed');
  });

  test('a .dockerignore keeps what B7 lists out of the build context', async () => {
    const directory = await copyOf('02-multi-stage');
    const kept = ['node_modules', '.git', '.env', 'coverage', 'dist', 'logs', '.DS_Store'];
    for (const name of kept) await writeFile(join(directory, name), 'must not be sent');
    await writeFile(join(directory, 'Dockerfile.look'), 'FROM node:26-alpine\nWORKDIR /look\nCOPY . .\n');
    const image = await bench.build(directory, 'Dockerfile.look');
    const listed = (await docker('run', '--rm', image, 'ls', '-A', '/look')).split('\n');
    expect(listed).toContain('package.json');
    expect(listed.filter((name) => kept.includes(name))).toEqual([]);
  });
});

test('a chapter that is copied out of the repository still installs, tests and builds', async () => {
  const directory = await copyOf('03-distroless');
  const code = await new Promise((resolve) => {
    const command = 'npm ci --no-audit --no-fund && npm test && npm run build';
    spawn('sh', ['-c', command], { cwd: directory, stdio: 'ignore' }).on('close', resolve);
  });
  expect(code).toBe(0);
});
