import { realpath } from 'node:fs/promises';
import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { type SpawnOptions, spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { dockerEngine, dockerEnvironment } from './docker.ts';
import type { Engine } from './engine.ts';
import { isForbidden } from './engine-errors.ts';

const dockerVersion = z.object({ Server: z.object({ Version: z.string() }) });
const dockerInfo = z.object({ Driver: z.string(), DriverStatus: z.array(z.tuple([z.string(), z.string()])).nullish() });

/** How long an engine may take to answer at all, in milliseconds. */
const PROBE_LIMIT_MS = 20_000;

/**
 * Finds an engine that responds and a client that can build on it with BuildKit.
 *
 * Every `docker` on the PATH is tried in order, because the first one may lack BuildKit: since Docker 23 the client needs
 * its buildx plugin for it and, without the plugin, falls back to the legacy builder, which refuses `RUN --mount`.
 *
 * @param signal ends what the engine does; see {@link dockerEngine}.
 * @throws {ToolError} with exit code 3 when there is none.
 */
export async function findEngine(signal?: AbortSignal): Promise<Engine> {
  const clients = await findDockerClients();
  const probe = { env: dockerEnvironment(), timeout: PROBE_LIMIT_MS, signal };
  const withoutBuildKit: string[] = [];
  let firstError: ToolError | undefined;

  for (const command of clients) {
    const server = await readServerInfo(command, probe).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      firstError ??= error;
      return null;
    });
    if (!server) continue;
    // A client without BuildKit refuses even the help of `docker build` when BuildKit is demanded.
    const hasBuildKit = await spawnSucceeds(command, ['build', '--help'], probe);
    signal?.throwIfAborted();
    if (hasBuildKit) return dockerEngine({ name: 'docker', command, builder: 'buildkit', ...server }, signal);
    withoutBuildKit.push(command);
  }

  if (withoutBuildKit.length > 0) {
    throw new ToolError(
      `A container engine responds, but ${withoutBuildKit.join(' and ')} cannot build with BuildKit.`,
      {
        code: 'engine-without-buildkit',
        hint: "Install Docker's buildx plugin (the package is called docker-buildx or docker-buildx-plugin).",
      },
    );
  }
  if (firstError && isForbidden(firstError)) {
    throw new ToolError('A container engine runs, but this user may not use it.', {
      code: 'engine-forbidden',
      lines: firstError.lines,
      hint: 'On Linux: `sudo usermod -aG docker $USER`, and log in again. Members of that group can become root.',
    });
  }
  const chosen = findChosenEngine();
  const isClientMissing = clients.length === 0;
  throw new ToolError(isClientMissing ? 'There is no docker command on the PATH.' : 'No container engine responds.', {
    code: 'engine-not-found',
    lines: firstError?.lines,
    hint: chosen ? describeChosen(chosen, isClientMissing) : INSTALL_HINT,
  });
}

const INSTALL_HINT =
  'Start Docker, or install it: https://docs.docker.com/engine/install/. In a clone of multi-stage-node, `npm run setup` installs and starts it on Debian and Ubuntu.';

/** The variable of the environment by which the user has chosen an engine; undefined for that of this machine. */
export function findChosenEngine(): string | undefined {
  // https://docs.docker.com/reference/cli/docker/#environment-variables
  return ['DOCKER_HOST', 'DOCKER_CONTEXT'].find((name) => process.env[name]);
}

function describeChosen(variable: string, isClientMissing: boolean): string {
  const action = isClientMissing ? "Install Docker's command line for the engine" : 'Start the engine';
  return `${action} that ${variable}=${process.env[variable]} names, or unset ${variable} to use the engine of this machine.`;
}

/** Every `docker` on the PATH, in its order, the same file only once. */
export async function findDockerClients(): Promise<string[]> {
  const paths = (await which('docker', { all: true, nothrow: true })) ?? [];
  const files = await Promise.all(paths.map((path) => realpath(path)));
  return paths.filter((_, index) => files.indexOf(files[index] ?? '') === index);
}

async function readServerInfo(
  command: string,
  options: SpawnOptions,
): Promise<{ version: string; imageStore: string }> {
  const read = (topic: string) => spawnText(command, [topic, '--format', '{{json .}}'], options);
  const texts = await Promise.all([read('version'), read('info')]);
  const [version, info] = [dockerVersion.parse(JSON.parse(texts[0])), dockerInfo.parse(JSON.parse(texts[1]))];
  // https://docs.docker.com/engine/storage/containerd/: the driver is then a snapshotter.
  const containerd = info.DriverStatus?.some(([, value]) => value.startsWith('io.containerd.snapshotter'));
  return { version: version.Server.Version, imageStore: containerd ? 'containerd' : info.Driver };
}
