import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bench, docker, engine, ROOT } from './test-engine.ts';

// Chapter 04's compose.yaml with Debian's Docker Compose, which runs in a container: an engine need not have it.

const CHAPTER = join(ROOT, '04-three-stage');
const SOCKET = '/var/run/docker.sock';
// Podman's socket is elsewhere, and Docker Desktop does not tell a container of changed files at once.
const canRun = engine.info.name === 'docker' && process.platform === 'linux' && !process.env.DOCKER_HOST;
const bench = new Bench();
const project = `compose-${bench.id}`;
const LABELS = JSON.stringify(bench.labels);
let image = '';
let directory = '';

beforeAll(async () => {
  if (!canRun) return;
  directory = await mkdtemp(join(tmpdir(), 'compose-'));
  const packages = join(directory, 'packages');
  await cp(CHAPTER, join(directory, 'app'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/\/(node_modules|dist|\.turbo)$/.test(path),
  });
  await mkdir(packages);
  await writeFile(
    join(packages, 'Dockerfile'),
    'FROM node:26-slim\nRUN apt-get update && apt-get install -y --no-install-recommends docker-compose\n',
  );
  image = await bench.build(packages, 'Dockerfile');
  // Any free port, and labels by which what a test makes is removed.
  const compose = join(directory, 'app/compose.yaml');
  await writeFile(compose, (await readFile(compose, 'utf8')).replace('127.0.0.1:3000:3000', '127.0.0.1::3000'));
  await writeFile(
    join(directory, 'app/compose.override.yaml'),
    `services: { app: { labels: ${LABELS}, build: { labels: ${LABELS} } } }\n`,
  );
});

afterAll(async () => {
  if (!canRun) return;
  await runCompose('down', '--rmi', 'local');
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

test.runIf(canRun)('Compose accepts the file, and not one with another action', async () => {
  const args = ['--file', join(CHAPTER, 'compose.yaml'), 'config', '--quiet'];
  await expect(runCompose(...args)).resolves.toBe('');

  const broken = join(directory, 'broken.yaml');
  const text = await readFile(join(CHAPTER, 'compose.yaml'), 'utf8');
  await writeFile(broken, text.replace('action: sync', 'action: sink'));
  await expect(runCompose('--file', broken, 'config', '--quiet')).rejects.toMatchObject({
    lines: [expect.stringMatching(/develop\.watch\.0\.action .*must be one of/)],
  });
});

test.runIf(canRun)('`docker compose up --watch` copies, deletes and rebuilds', { timeout: 300_000 }, async () => {
  const app = join(directory, 'app');
  const watcher = await docker('run', '--detach', ...runArgs(), 'up', '--watch');
  const logs = () => docker('logs', watcher);

  const first = await waitFor(logs, () => findContainer());
  await waitFor(logs, async () => (await request(first, '/'))?.includes('Hello from a container'));
  await waitFor(logs, async () => (await logs()).includes('Watch enabled'));

  // A saved file: tsx restarts the app, in the same container.
  const file = join(app, 'src/app.ts');
  await writeFile(file, (await readFile(file, 'utf8')).replace('Hello from a container', 'Hello from the editor'));
  await waitFor(logs, async () => (await request(first, '/'))?.includes('Hello from the editor'));

  const listFiles = () => docker('exec', first, 'ls', 'src');
  await writeFile(join(app, 'src/extra.ts'), 'export const extra = 1;\n');
  await waitFor(logs, async () => (await listFiles()).includes('extra.ts'));
  await rm(join(app, 'src/extra.ts'));
  await waitFor(logs, async () => !(await listFiles()).includes('extra.ts'));

  // Another package.json: another container, with the edited source code.
  const packageFile = join(app, 'package.json');
  await writeFile(packageFile, (await readFile(packageFile, 'utf8')).replace('"1.0.0"', '"1.0.1"'));
  const second = await waitFor(logs, async () => {
    const id = await findContainer();
    return id === first ? '' : id;
  });
  await waitFor(logs, async () => (await request(second, '/'))?.includes('Hello from the editor'));
  expect(await docker('exec', second, 'cat', 'package.json')).toContain('"version": "1.0.1"');
});

/** The arguments of `docker run` for Compose: it sees the project's directory at the same path. */
function runArgs(): string[] {
  const volumes = [SOCKET, directory, CHAPTER].flatMap((path) => ['--volume', `${path}:${path}`]);
  return [
    ...bench.labelArgs,
    ...volumes,
    '--workdir',
    join(directory, 'app'),
    image,
    'docker-compose',
    '--project-name',
    project,
  ];
}

function runCompose(...args: string[]): Promise<string> {
  return docker('run', '--rm', ...runArgs(), ...args);
}

/** The id of the app's container, or an empty string while there is none that runs. */
function findContainer(): Promise<string> {
  return docker('ps', '--quiet', '--no-trunc', '--filter', `label=com.docker.compose.project=${project}`);
}

/** What the app responds, or null while it does not. */
async function request(container: string, path: string): Promise<string | null> {
  try {
    const address = (await docker('port', container, '3000/tcp')).split('\n')[0];
    return await (await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(2000) })).text();
  } catch {
    return null;
  }
}

/** Waits until a condition holds, and returns its value. @throws with Compose's output after 90 seconds. */
async function waitFor<Value>(
  logs: () => Promise<string>,
  condition: () => Promise<Value>,
): Promise<NonNullable<Value>> {
  const end = Date.now() + 90_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`It did not happen within 90 s. Compose printed:\n${await logs()}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
