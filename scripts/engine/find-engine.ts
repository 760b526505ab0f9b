import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
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
 * Every `docker` on the PATH is tried in order, because the first one is not always able to: since Docker 23 the client
 * needs its buildx plugin for BuildKit and, without it, falls back to the legacy builder, which refuses `RUN --mount`.
 *
 * @throws {ToolError} with exit code 3 when there is none.
 */
export async function findEngine(): Promise<Engine> {
  const clients = await onPath('docker');
  const withoutBuildKit: string[] = [];
  let noAnswer: ToolError | undefined;

  for (const command of clients) {
    const server = await askServer(command).catch((error: unknown) => {
      if (!(error instanceof ToolError)) throw error;
      noAnswer ??= error;
      return null;
    });
    if (!server) continue;
    if (!(await hasBuildKit(command))) {
      withoutBuildKit.push(command);
      continue;
    }
    return dockerEngine({ name: 'docker', command, builder: 'buildkit', ...server });
  }

  if (withoutBuildKit.length > 0) {
    throw new ToolError(`An engine answers, but ${withoutBuildKit.join(' and ')} cannot build with BuildKit.`, {
      code: 'engine-without-buildkit',
      hint: "Install Docker's buildx plugin (the package is called docker-buildx or docker-buildx-plugin).",
    });
  }
  if (noAnswer && isForbidden(noAnswer)) {
    throw new ToolError('A container engine runs, but this user may not use it.', {
      code: 'engine-forbidden',
      lines: noAnswer.lines,
      hint: 'On Linux: `sudo usermod -aG docker $USER`, and log in again. Members of that group can become root.',
    });
  }
  throw new ToolError(clients.length > 0 ? 'No container engine answers.' : 'There is no docker command on the PATH.', {
    code: 'engine-not-found',
    lines: noAnswer?.lines,
    hint: 'Start Docker if it is installed. On Debian and Ubuntu `npm run setup` installs and starts it.',
  });
}

/**
 * What a person must know before typing `docker build`: the first client on the PATH may not use BuildKit by itself.
 * Null when it does.
 */
export async function defaultClientHint(command: string): Promise<string | null> {
  const [typed] = await onPath('docker');
  if (typed !== command) {
    return [
      `Note: the docker that you type is ${typed}. It lacks its buildx plugin and falls back to`,
      'the legacy builder, which cannot build chapter 04 and lean. For commands typed by hand, in each terminal:',
      `  export PATH=${dirname(command)}:$PATH DOCKER_BUILDKIT=1`,
    ].join('\n');
  }
  if (process.env.DOCKER_BUILDKIT === '1') return null;
  // Docker 23 made BuildKit the default: https://docs.docker.com/engine/release-notes/23.0/
  const version = await spawnText(command, ['version', '--format', '{{.Client.Version}}']);
  if (Number.parseInt(version, 10) >= 23) return null;
  return [
    'Note: this docker uses BuildKit, which chapter 04 and lean need, only on demand. By hand, in each terminal:',
    '  export DOCKER_BUILDKIT=1',
  ].join('\n');
}

/** Every program of this name on the PATH, in its order, the same file only once. */
export async function onPath(name: string): Promise<string[]> {
  const found = new Map<string, string>();
  for (const directory of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    for (const suffix of process.platform === 'win32' ? ['.exe'] : ['']) {
      const path = join(directory, name + suffix);
      const real = await access(path, constants.X_OK)
        .then(() => realpath(path))
        .catch(() => null);
      if (real && !found.has(real)) found.set(real, path);
    }
  }
  return [...found.values()];
}

async function askServer(command: string): Promise<{ version: string; imageStore: string }> {
  const env = dockerEnvironment();
  const json = ['--format', '{{json .}}'];
  const version = dockerVersion.parse(
    JSON.parse(await spawnText(command, ['version', ...json], { env, timeout: 20_000 })),
  );
  const info = dockerInfo.parse(JSON.parse(await spawnText(command, ['info', ...json], { env, timeout: 20_000 })));
  // https://docs.docker.com/engine/storage/containerd/: the driver is then a snapshotter.
  const containerd = info.DriverStatus?.some(([, value]) => value.startsWith('io.containerd.snapshotter'));
  return { version: version.Server.Version, imageStore: containerd ? 'containerd' : info.Driver };
}

/** Asks for the help of `docker build`: a client without BuildKit refuses even that when BuildKit is demanded. */
function hasBuildKit(command: string): Promise<boolean> {
  return spawnSucceeds(command, ['build', '--help'], { env: dockerEnvironment(), timeout: 20_000 });
}
