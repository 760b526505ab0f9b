import { exec } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import limiter from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../../compare/discover/chapters.ts';
import { type Change, change, takeHomeRows } from '../take-home.ts';
import { EXPECTED, type Expected, PRIVATE } from '../take-home-expected.ts';
import { buildPrivate, writeNpmrc } from './private-project.ts';
import { Bench, docker, engine, filesOf, ROOT } from './test-engine.ts';
import { startRegistry } from './token-registry.ts';
import { findTraces } from './traces.ts';

// The table of docs/take-home.md, done: each row's project with a chapter's Dockerfile.multi, changed as
// the row says and not otherwise, is built and requested.

const CHAPTERS = await findChapterDirectories(ROOT);
const PROJECTS = join(ROOT, 'scripts/test/projects');

const rows = await takeHomeRows();
const bench = new Bench();
const scratch: string[] = [];
/** Five at a time: most of the time is npm's, waiting for the network. */
const limit = limiter(5);

afterAll(async () => {
  await bench.cleanUp();
  for (const directory of scratch) await rm(directory, { recursive: true });
});

/** A copy of a project with the chapter's files, with the changes of its row. */
async function project(name: string, chapterNumber: string, changes: Change[]): Promise<string> {
  const chapter = CHAPTERS.find((directory) => directory.startsWith(chapterNumber)) as string;
  const directory = await mkdtemp(join(tmpdir(), `take-home-${name}-`));
  scratch.push(directory);
  await cp(join(PROJECTS, name), directory, { recursive: true });
  // Yarn 4 does not read npm's settings, where a stand-in says which CA this network has.
  if (name === 'yarn-4' && process.env.NODE_EXTRA_CA_CERTS) {
    await appendFile(join(directory, '.yarnrc.yml'), 'httpsCaFilePath: /etc/ssl/certs/ca-certificates.crt\n');
  }
  for (const { kind, what } of changes) if (kind === 'run') await promisify(exec)(what, { cwd: directory });
  for (const [from, to] of [
    ['Dockerfile.multi', 'Dockerfile'],
    ['.dockerignore', '.dockerignore'],
  ] as const) {
    const text = await readFile(join(ROOT, chapter, from), 'utf8');
    await writeFile(join(directory, to), change(text, to, chapter, changes));
  }
  return directory;
}

/** Builds an image. @throws with what the builder said. */
async function build(directory: string): Promise<string> {
  const lines: string[] = [];
  return bench.build(directory, 'Dockerfile', { onLine: (line) => lines.push(line) }).catch((error) => {
    throw new Error(`${error.message}\n${lines.slice(-200).join('\n')}`);
  });
}

/** The command of the image's health check. */
async function healthCheck(id: string): Promise<string[]> {
  const [, ...command] = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', id));
  return command;
}

/** Runs the image's own health check in the container. */
async function healthy(id: string): Promise<boolean> {
  const command = await healthCheck(id);
  return docker('exec', id, ...command).then(
    () => true,
    () => false,
  );
}

/** The files of development dependencies, and what package managers leave behind, in a container. */
async function leftovers(id: string, leavesOut = ''): Promise<string[]> {
  const list = `
    const found = ['/app', '/root', '/tmp', '/usr/local/share/.cache']
      .filter((directory) => fs.existsSync(directory))
      .flatMap((directory) => fs.readdirSync(directory, { recursive: true }).map((name) => directory + '/' + name));
    console.log(JSON.stringify(found));`;
  const [node = ''] = await healthCheck(id);
  const paths = JSON.parse(await docker('exec', '--user', '0', id, node, '-e', list)) as string[];
  const packages = ['esbuild', 'typescript', 'husky', 'tsx', leavesOut];
  return paths.filter((path) =>
    path.startsWith('/app/') ? packages.includes(basename(path)) : !['.bashrc', '.profile'].includes(basename(path)),
  );
}

/** Whether SIGTERM alone ends the container, long before the 10 seconds after which `docker stop` would kill it. */
async function endsOnSigterm(id: string): Promise<boolean> {
  await engine.kill(id, 'SIGTERM');
  const ended = engine.wait(id).then(() => true);
  return Promise.race([ended, new Promise<boolean>((resolve) => setTimeout(resolve, 3000, false))]);
}

const combinations = rows
  .filter(({ name }) => name !== PRIVATE)
  .flatMap(({ name }) =>
    (EXPECTED[name]?.chapters ?? ['01', '02', '03', '04']).map((chapter) => [name, chapter] as const),
  );
const row = (name: string) => rows.find((one) => one.name === name)?.changes as Change[];

const needs = rows.flatMap(({ name }) =>
  (EXPECTED[name]?.needs ?? []).map((need) => [name, need.chapter, need.without ?? 'its row', need] as const),
);

describe("a project with a chapter's Dockerfile", () => {
  /** All that is built, or why not, by its test's name. */
  const built = new Map<string, string | Error>();
  const image = (test: string) => {
    const found = built.get(test);
    if (typeof found !== 'string') throw found;
    return found;
  };

  // All builds first, and no container meanwhile: see vitest.config.ts.
  beforeAll(async () => {
    const all = [
      ...combinations.map(([name, chapter]) => ({ test: `${name} ${chapter}`, name, chapter, changes: row(name) })),
      ...needs.map(([name, chapter, what, { without }]) => {
        const changes = row(name).filter(({ what, lines }) => without && !without.test([what, ...lines].join('\n')));
        return { test: `${name} ${chapter} ${what}`, name, chapter, changes };
      }),
    ];
    const builds = all.map(({ test, name, chapter, changes }) =>
      limit(async () => {
        const directory = await project(name, chapter, changes);
        built.set(test, await build(directory).catch((error: Error) => error));
      }),
    );
    await Promise.all(builds);
  }, 900_000);

  test.each(combinations)('%s with the file of %s', async (name, chapter) => {
    const { port = 3000, responses, leavesOut } = EXPECTED[name] as Expected;
    const { id, ask } = await bench.serve(image(`${name} ${chapter}`), [], port);
    for (const [path, part] of Object.entries(responses)) expect((await ask(path)).body).toContain(part);
    expect(await healthy(id)).toBe(true);
    // 01 has its development dependencies, and says so.
    if (chapter !== '01') expect(await leftovers(id, leavesOut)).toEqual([]);
    expect(await endsOnSigterm(id)).toBe(true);
  });

  test('no handler for SIGTERM: --init does without a change', async () => {
    const { id } = await bench.serve(await build(await project('no-sigterm', '02', [])), ['--init']);
    expect(await endsOnSigterm(id)).toBe(true);
  });

  test('no handler for SIGTERM: an init in the image does on Debian, too', async () => {
    const directory = await project('no-sigterm', '02', row('no-sigterm'));
    const file = join(directory, 'Dockerfile');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('-alpine', '-slim'));
    const { id } = await bench.serve(await build(directory));
    expect(await endsOnSigterm(id)).toBe(true);
  });

  test.each(needs)('%s with the file of %s needs %s', async (name, chapter, what, { sees }) => {
    const { port = 3000, responses } = EXPECTED[name] as Expected;
    const without = `${name} ${chapter} ${what}`;
    if (sees instanceof RegExp) {
      expect(() => image(without)).toThrow(sees);
      return;
    }
    if (sees === 'no start') {
      const id = await engine.start(image(without), { port, labels: bench.labels });
      expect(await engine.wait(id)).toBe(1);
      return;
    }
    const { id, ask } = await bench.serve(image(without), [], port);
    const right = (await ask('/')).body.includes(responses['/'] as string);
    if (sees === 'another response') expect(right).toBe(false);
    if (sees === 'unhealthy') expect([right, await healthy(id)]).toEqual([true, false]);
    if (sees === 'SIGTERM ignored') expect([right, await endsOnSigterm(id)]).toEqual([true, false]);
  });

  test('plain JavaScript: one stage makes the same image as two', async () => {
    const directory = await project('no-build', '02', row('no-build'));
    const two = await build(directory);
    await cp(join(PROJECTS, 'no-build/Dockerfile'), join(directory, 'Dockerfile'));
    const one = await build(directory);
    const paths = async (image: string) => (await filesOf(image)).map(({ path, bytes }) => `${path} ${bytes}`).sort();
    expect(await paths(one)).toEqual(await paths(two));
    const layers = async (image: string) => (await engine.image(image))?.diffIds.length;
    expect(await layers(one)).toBe(await layers(two));
  });

  describe(PRIVATE, () => {
    const GREETING = 'From a private registry';
    const token = `token-${bench.id}`;
    let npmrc = '';
    beforeAll(async () => {
      const code = `export const greeting = '${GREETING}';`;
      const address = await startRegistry(bench, '@example/greeting', code, token);
      const directory = await mkdtemp(join(tmpdir(), 'take-home-npmrc-'));
      scratch.push(directory);
      npmrc = await writeNpmrc(directory, address, token);
    });

    test.each(['01', '02', '03', '04'])('with the file of %s', async (chapter) => {
      const image = await buildPrivate(bench, await project(PRIVATE, chapter, row(PRIVATE)), npmrc);
      const { ask } = await bench.serve(image);
      expect((await ask('/')).body).toContain(GREETING);
      // In the others no layer of the stage that installs is shipped.
      if (chapter !== '02') return;
      const found = await findTraces([image], { token, greeting: GREETING });
      expect(found).toEqual([expect.stringMatching(/^greeting in /)]);
    });
  });
});
