import { appendFile, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import limiter from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXPECTED, type Expected } from '../dockerize-expected.ts';
import { Bench, docker, engine, filesOf, ROOT, startProgram } from './test-engine.ts';

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

const dockerize = (...args: string[]) => startProgram('dockerize', ROOT, args).ended;

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

/** Runs the image's own health check in the container. */
async function isHealthy(id: string): Promise<boolean> {
  const [, ...command] = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', id));
  return docker('exec', id, ...command).then(
    () => true,
    () => false,
  );
}

/** Whether SIGTERM ends the container in time. */
async function endsOnSigterm(id: string): Promise<boolean> {
  await engine.kill(id, 'SIGTERM');
  const ended = engine.wait(id).then(() => true);
  return Promise.race([ended, new Promise<boolean>((resolve) => setTimeout(resolve, STOP_LIMIT_MS, false))]);
}

describe('each project in test/projects', () => {
  /** The image of each project, or why there is none. */
  const images = new Map<string, string | Error>();

  // All builds first, and no container meanwhile: see vitest.config.ts.
  beforeAll(async () => {
    const builds = Object.entries(EXPECTED).map(([name, { flags = [] }]) =>
      limit(async () => {
        const directory = await copyProject(name);
        const { code, stderr } = await dockerize(directory, '--no-verify', ...flags);
        if (code !== 0) return images.set(name, new Error(stderr));
        const lines: string[] = [];
        const image = await bench
          .build(directory, 'Dockerfile', { onLine: (line) => lines.push(line) })
          .catch((error: Error) => new Error(`${error.message}\n${lines.slice(-50).join('\n')}`));
        return images.set(name, image);
      }),
    );
    await Promise.all(builds);
  }, 900_000);

  test.each(Object.keys(EXPECTED))('%s', async (name) => {
    const image = images.get(name);
    if (typeof image !== 'string') throw image;
    const { port = 3000, responses, keeps = [] } = EXPECTED[name] as Expected;
    const { id, ask } = await bench.serve(image, [], port);
    for (const [path, part] of Object.entries(responses)) {
      const { status, body } = await ask(path);
      expect(body, `${path}: ${status}`).toContain(part);
      expect(status, path).toBeLessThan(500);
    }
    expect((await engine.image(image))?.user).toMatch(/^[1-9]/);
    expect(await isHealthy(id)).toBe(true);
    expect(await endsOnSigterm(id)).toBe(true);
    const paths = (await filesOf(image)).map(({ path }) => path);
    const found = (await readDevDependencies(name)).filter((dependency) =>
      paths.some((path) => path.endsWith(`/node_modules/${dependency}/package.json`)),
    );
    expect(found).toEqual(keeps);
    const leftovers = paths.filter((path) => /^\/(root|tmp)\/./.test(path) && !/\/\.(bashrc|profile)$/.test(path));
    expect(leftovers).toEqual([]);
  });
});
