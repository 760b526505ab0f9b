import { realpath } from 'node:fs/promises';
import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { dockerEngine, dockerEnvironment } from './docker.ts';
import type { Engine } from './engine.ts';
import { isForbidden } from './engine-errors.ts';

const dockerVersion = z.object({ Server: z.object({ Version: z.string() }) });
const dockerInfo = z.object({ Driver: z.string(), DriverStatus: z.array(z.tuple([z.string(), z.string()])).nullish() });

/**
 * Finds an engine that answers and a client that can build on it with BuildKit.
 *
 * Every `docker` on the PATH is tried in order, because the first one may lack BuildKit: since Docker 23 the client needs
 * its buildx plugin for it and, without the plugin, falls back to the legacy builder, which refuses `RUN --mount`.
 *
 * @throws {ToolError} with exit code 3 when there is none.
 */
export async function findEngine(): Promise<Engine> {
  const clients = await findDockerClients();
  const withoutBuildKit: string[] = [];
  let firstError: ToolError | undefined;

  for (const command of clients) {
    const server = await readServerInfo(command).catch((error: unknown) => {
      if (!(error instanceof ToolError)) throw error;
      firstError ??= error;
      return null;
    });
    if (!server) continue;
    if (await hasBuildKit(command)) return dockerEngine({ name: 'docker', command, builder: 'buildkit', ...server });
    withoutBuildKit.push(command);
  }

  if (withoutBuildKit.length > 0) {
    throw new ToolError(`An engine answers, but ${withoutBuildKit.join(' and ')} cannot build with BuildKit.`, {
      code: 'engine-without-buildkit',
      hint: "Install Docker's buildx plugin (the package is called docker-buildx or docker-buildx-plugin).",
    });
  }
  if (firstError && isForbidden(firstError)) {
    throw new ToolError('A container engine runs, but this user may not use it.', {
      code: 'engine-forbidden',
      lines: firstError.lines,
      hint: 'On Linux: `sudo usermod -aG docker $USER`, and log in again. Members of that group can become root.',
    });
  }
  throw new ToolError(clients.length > 0 ? 'No container engine answers.' : 'There is no docker command on the PATH.', {
    code: 'engine-not-found',
    lines: firstError?.lines,
    hint: 'Start Docker if it is installed. On Debian and Ubuntu `npm run setup` installs and starts it.',
  });
}

/** Every `docker` on the PATH, in its order, the same file only once. */
export async function findDockerClients(): Promise<string[]> {
  const paths = (await which('docker', { all: true, nothrow: true })) ?? [];
  const files = await Promise.all(paths.map((path) => realpath(path)));
  return paths.filter((_, index) => files.indexOf(files[index] ?? '') === index);
}

async function readServerInfo(command: string): Promise<{ version: string; imageStore: string }> {
  const read = (topic: string) => spawnText(command, [topic, '--format', '{{json .}}'], probe());
  const version = dockerVersion.parse(JSON.parse(await read('version')));
  const info = dockerInfo.parse(JSON.parse(await read('info')));
  // https://docs.docker.com/engine/storage/containerd/: the driver is then a snapshotter.
  const containerd = info.DriverStatus?.some(([, value]) => value.startsWith('io.containerd.snapshotter'));
  return { version: version.Server.Version, imageStore: containerd ? 'containerd' : info.Driver };
}

/** Runs the help of `docker build`: a client without BuildKit refuses even that when BuildKit is demanded. */
const hasBuildKit = (command: string) => spawnSucceeds(command, ['build', '--help'], probe());

const probe = () => ({ env: dockerEnvironment(), timeout: 20_000 });
