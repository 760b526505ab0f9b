import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import limiter from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { BY_HAND } from '../dockerize-by-hand.ts';
import { EXPECTED, type Expected } from '../dockerize-expected.ts';
import { buildPrivate, writeNpmrc } from './private-project.ts';
import { Bench, docker, engine, ROOT, startProgram } from './test-engine.ts';
import { startRegistry } from './token-registry.ts';
import { findTraces } from './traces.ts';

// dockerize writes the files of each project in test/projects. Its image is built, requested and stopped here, by means of
// its own: what dockerize verifies by itself is tested with some projects below.

const PROJECTS = join(ROOT, 'scripts/test/projects');
const STOP_LIMIT_MS = 2000;

const bench = new Bench();
const scratch: string[] = [];
/** Five at a time: most of the time is npm's, waiting for the network. */
const limit = limiter(5);

afterAll(async () => {
  await bench.cleanUp();
  for (const directory of scratch) await rm(directory, { recursive: true });
});

async function copyProject(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `dockerize-${name}-`));
  scratch.push(directory);
  await cp(join(PROJECTS, name), directory, { recursive: true });
  // Yarn 4 does not read npm's settings, where a stand-in says which CA this network has.
  if (name === 'yarn-4' && process.env.NODE_EXTRA_CA_CERTS) {
    await appendFile(join(directory, '.yarnrc.yml'), 'httpsCaFilePath: /etc/ssl/certs/ca-certificates.crt\n');
  }
  return directory;
}

const dockerize = (...args: string[]) => startProgram('dockerize', args).ended;

/** The names of development dependencies that no package of the project has as a production dependency. */
async function readDevDependencies(name: string): Promise<string[]> {
  const files = await readdir(join(PROJECTS, name), { recursive: true });
  const manifests = files.filter((file) => basename(file) === 'package.json' && !file.includes('node_modules'));
  const all = await Promise.all(
    manifests.map(async (file) => JSON.parse(await readFile(join(PROJECTS, name, file), 'utf8'))),
  );
  const production = all.flatMap(({ dependencies = {} }) => Object.keys(dependencies));
  return all
    .flatMap(({ devDependencies = {} }) => Object.keys(devDependencies))
    .filter((dependency) => !production.includes(dependency));
}

/** The command of the image's own health check: Node, and what it runs. */
async function healthCheck(id: string): Promise<string[]> {
  const [, ...command] = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', id));
  return command;
}

/** Prints the paths of all files in a container, without those behind links. */
const LIST_FILES = `
const { readdirSync } = require('fs');
const list = (directory) => {
  for (const entry of readdirSync(directory || '/', { withFileTypes: true })) {
    const path = directory + '/' + entry.name;
    if (['/dev', '/proc', '/sys'].includes(path)) continue;
    console.log(path);
    if (entry.isDirectory()) list(path);
  }
};
list('');`;

/** Whether SIGTERM ends the container in time. */
async function endsOnSigterm(id: string): Promise<boolean> {
  await engine.kill(id, 'SIGTERM');
  const ended = engine.wait(id).then(() => true);
  return Promise.race([ended, new Promise<boolean>((resolve) => setTimeout(resolve, STOP_LIMIT_MS, false))]);
}

/** Builds a Dockerfile. Returns the id of the image, or why there is none. */
async function tryBuild(directory: string, dockerfile: string): Promise<string | Error> {
  const lines: string[] = [];
  const build = bench.build(directory, dockerfile, { onLine: (line) => lines.push(line) });
  return build.catch((error: Error) => new Error(`${error.message}\n${lines.slice(-50).join('\n')}`));
}

/** Builds the chapter's file, edited by hand for a project. */
async function buildByHand(name: string, directory: string): Promise<string | Error> {
  const edits = BY_HAND[name] ?? [];
  const chapter = await readFile(join(ROOT, '02-multi-stage/Dockerfile.multi'), 'utf8');
  for (const [from] of edits) expect(chapter, 'what is edited').toContain(from);
  const text = edits.reduce((edited, [from, to]) => edited.replaceAll(from, to), chapter);
  await writeFile(join(directory, 'Dockerfile.hand'), text);
  return tryBuild(directory, 'Dockerfile.hand');
}

/** The unpacked size of an image in bytes, as the engine counts it. */
async function sizeOf(image: string | Error | undefined): Promise<number> {
  if (typeof image !== 'string') throw image;
  return Number(await docker('image', 'inspect', '--format', '{{.Size}}', image));
}

/** Projects that are also tried in the shapes of chapters 03 and 04: each brings out another part of them. */
const OTHER_SHAPES = ['views', 'pnpm', 'workspace', 'native-addon', 'no-sigterm', 'better-sqlite3'];

/** Every project in the shape of chapter 02, and some in the others. */
const TRIALS = [
  ...Object.keys(EXPECTED).map((name) => [name, '02']),
  ...OTHER_SHAPES.flatMap((name) => [
    [name, '03'],
    [name, '04'],
  ]),
] as [name: string, like: string][];

describe('each project in test/projects', () => {
  /** The image of each trial, or why there is none. */
  const images = new Map<string, string | Error>();

  // All builds first, and no container meanwhile: see vitest.config.ts.
  beforeAll(async () => {
    const builds = TRIALS.map(([name, like]) =>
      limit(async () => {
        const directory = await copyProject(name);
        const { flags = [] } = EXPECTED[name] as Expected;
        const { code, stderr } = await dockerize(directory, '--no-verify', '--like', like, ...flags);
        if (code !== 0) {
          images.set(`${name} ${like}`, new Error(stderr));
          return;
        }
        images.set(`${name} ${like}`, await tryBuild(directory, 'Dockerfile'));
        if (like === '02' && name in BY_HAND) images.set(`${name} by hand`, await buildByHand(name, directory));
      }),
    );
    await Promise.all(builds);
  }, 900_000);

  test.concurrent.each(TRIALS)('%s in the shape of %s', async (name, like) => {
    const image = images.get(`${name} ${like}`);
    if (typeof image !== 'string') throw image;
    const { port = 3000, responses, keeps = [] } = EXPECTED[name] as Expected;
    const { id, ask } = await bench.serve(image, [], port);
    for (const [path, part] of Object.entries(responses)) {
      const { status, body } = await ask(path);
      expect(body, `${path}: ${status}`).toContain(part);
      expect(status, path).toBeLessThan(500);
    }
    expect((await engine.image(image))?.user).toMatch(/^[1-9]/);
    const [node = '', ...check] = await healthCheck(id);
    // It fails where the app is not healthy.
    await docker('exec', id, node, ...check);
    const paths = (await docker('exec', '--user', '0', id, node, '-e', LIST_FILES)).split('\n');
    expect(await endsOnSigterm(id)).toBe(true);
    const found = (await readDevDependencies(name)).filter((dependency) =>
      paths.some((path) => path.endsWith(`/node_modules/${dependency}/package.json`)),
    );
    expect(found).toEqual(keeps);
    const leftovers = paths.filter((path) => /^\/(root|tmp)\/./.test(path) && !/\/\.(bashrc|profile)$/.test(path));
    expect(leftovers).toEqual([]);
  });

  test.each(Object.keys(BY_HAND))("%s: not larger than with the chapter's file, edited by hand", async (name) => {
    expect(await sizeOf(images.get(`${name} 02`))).toBeLessThanOrEqual(await sizeOf(images.get(`${name} by hand`)));
  });
});

test('a private registry: the token is a secret of the build, and in no layer', async () => {
  const [greeting, token] = ['From a private registry', `token-${bench.id}`];
  const code = `export const greeting = '${greeting}';`;
  const address = await startRegistry(bench, '@example/greeting', code, token);
  const npmrc = await writeNpmrc(await mkdtemp(join(tmpdir(), 'dockerize-npmrc-')), address, token);
  scratch.push(dirname(npmrc));
  const directory = await copyProject('private-registry');
  const { code: exitCode } = await dockerize(directory, '--no-verify', '--secret', `id=npmrc,src=${npmrc}`);
  expect(exitCode).toBe(0);
  const image = await buildPrivate(bench, directory, npmrc);
  const { ask } = await bench.serve(image);
  expect((await ask('/')).body).toContain(greeting);
  expect(await findTraces([image], { token, greeting })).toEqual([expect.stringMatching(/^greeting in /)]);
});

describe('dockerize tries what it has written', () => {
  test('a project with a Dockerfile: all checks, and the table with both', async () => {
    const directory = await copyProject('views');
    await cp(join(ROOT, '02-multi-stage/Dockerfile.single'), join(directory, 'Dockerfile'));
    const { code, stdout, stderr } = await dockerize(directory);
    expect(stderr).toContain('port 3000 — EXPOSE in Dockerfile');
    expect(stdout).toMatch(/Dockerfile .* root\n.*multi .* 1000\n/);
    expect(stdout.match(/^(ok|MISS|n\/a) .*/gm)).toEqual([
      'ok    GET /healthz responds with status 200',
      'ok    runs as user 1000',
      'ok    has no development dependencies',
      'ok    serves with a read-only root file system',
      'ok    its HEALTHCHECK turns healthy',
      expect.stringMatching(/^ok {4}stops [\d.]+ s after SIGTERM$/),
    ]);
    expect(code).toBe(0);
    expect(await engine.labelled(INVOCATION_LABEL)).toEqual({ containers: [], images: [] });
  });

  test.each([
    {
      what: 'a package that is in no package.json',
      edit: (text: string) => text.replace("'express'", "'express'; import 'never-installed'"),
      says: /never-installed is imported but is not in package\.json\. Add it: npm install never-installed/,
    },
    {
      what: 'a file that is not in the image',
      edit: (text: string) =>
        `import { readFileSync } from 'node:fs';\n${text}\nreadFileSync(['data', 'list.txt'].join('/'));\n`,
      says: /The app reads data\/list\.txt/,
    },
    {
      what: 'a variable that is not set',
      edit: (text: string) => `${text}\nif (!process.env.API_KEY) throw new Error('API_KEY is not set');\n`,
      says: /The app expects API_KEY: pass --env API_KEY=value/,
    },
  ])('$what: says what to change, and exits with 1', async ({ edit, says }) => {
    const directory = await copyProject('no-build');
    const file = join(directory, 'src/index.js');
    await writeFile(file, edit(await readFile(file, 'utf8')));
    const { code, stderr } = await dockerize(directory);
    expect(stderr).toMatch(/Dockerfile is not verified/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
    expect(await readFile(join(directory, 'Dockerfile'), 'utf8')).toContain('CMD ["node", "src/index.js"]');
  });
});
