import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findEngine } from '../engine/find-engine.ts';

/** Leaves only a `docker` on the PATH that cannot connect, or none. */
async function hideEngines(hasClient: boolean, env: Record<string, string> = {}): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'find-engine-'));
  if (hasClient) {
    await writeFile(join(directory, 'docker'), '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2; exit 1\n');
    await chmod(join(directory, 'docker'), 0o755);
  }
  for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT']) vi.stubEnv(name, env[name]);
  vi.stubEnv('PATH', directory);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
}

test('no engine: the hint is to install one', async () => {
  await hideEngines(true);
  await expect(findEngine()).rejects.toMatchObject({
    code: 'engine-not-found',
    message: 'No container engine responds.',
    lines: ['Cannot connect to the Docker daemon'],
    hint: expect.stringContaining('`npm run setup` installs'),
  });
});

test.each(['DOCKER_HOST', 'DOCKER_CONTEXT'])('an engine that %s names: the hint is about that one', async (name) => {
  await hideEngines(true, { [name]: 'elsewhere' });
  await expect(findEngine()).rejects.toMatchObject({
    code: 'engine-not-found',
    hint: `Start the engine that ${name}=elsewhere names, or unset ${name} to use the engine of this machine.`,
  });
});

test('no client for the engine that DOCKER_HOST names', async () => {
  await hideEngines(false, { DOCKER_HOST: 'tcp://x' });
  await expect(findEngine()).rejects.toMatchObject({
    message: 'There is no docker command on the PATH.',
    hint: expect.stringMatching(/^Install Docker's command line for the engine that DOCKER_HOST=tcp:\/\/x names/),
  });
});

test('a password in DOCKER_HOST is not shown', async () => {
  await hideEngines(true, { DOCKER_HOST: 'tcp://me:open-sesame@x:2376' });
  const hint = expect.stringContaining('DOCKER_HOST=tcp://me:***@x:2376 names');
  await expect(findEngine()).rejects.toMatchObject({ hint });
});
