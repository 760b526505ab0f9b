import { ToolError, usageError } from '../lib/errors.ts';
import { redact } from '../lib/redact.ts';
import { dockerEngine } from './docker.ts';
import type { Engine, EngineChoice } from './engine.ts';
import { isForbidden } from './engine-errors.ts';
import { type DockerSearch, searchDocker } from './find-docker.ts';
import { searchPodman } from './find-podman.ts';
import { podmanEngine } from './podman.ts';

const LOCAL = { kind: 'local' } as const;

/**
 * Finds an engine that responds and a client that can build on it: Docker with BuildKit, or else Podman.
 *
 * @param signal ends what the engine does; see `CommandLine`.
 * @throws {ToolError} with exit code 3 when there is none.
 */
export async function findEngine(signal?: AbortSignal, choice: EngineChoice = {}): Promise<Engine> {
  const { builder } = choice;
  const docker = choice.engine === 'podman' ? null : await searchDocker(builder, signal);
  if (docker?.info) return dockerEngine(docker.info, { ...choice, endpoint: docker.endpoint ?? LOCAL }, signal);
  // What the user has chosen for Docker is not Podman's, unless Podman is what responds there.
  const isUndecided = choice.engine === undefined && builder === undefined;
  const isForPodman = choice.engine === 'podman' || (isUndecided && !isDockerChosen(docker));
  const podman = isForPodman ? await searchPodman(docker?.podmanAddress, signal) : null;
  if (podman?.info) return podmanEngine(podman.info, { ...choice, ...podman }, signal);
  throw describeMissing(docker, podman?.error ?? null, builder);
}

function isDockerChosen(docker: DockerSearch | null): boolean {
  if (!docker) return false;
  const isSet = findChosenEngine() !== undefined || isElsewhere(docker);
  return (isSet && !docker.podmanAddress) || docker.withoutBuildKit.length > 0;
}

/** Whether the client is set to an engine on another machine: where no variable says so, by its current context. */
const isElsewhere = ({ endpoint }: DockerSearch) => endpoint !== undefined && endpoint.kind !== 'local';

/** The variable of the environment by which the user has chosen an engine; undefined for that of this machine. */
export function findChosenEngine(): string | undefined {
  // https://docs.docker.com/reference/cli/docker/#environment-variables
  return ['DOCKER_HOST', 'DOCKER_CONTEXT'].find((name) => process.env[name]);
}

/** Why there is no engine. `podman` is what Podman says; null where there is no podman command, or it was not asked. */
function describeMissing(docker: DockerSearch | null, podman: ToolError | null, builder?: string): ToolError {
  if (!docker || (podman && docker.clients.length === 0)) {
    if (podman) return podman;
    return new ToolError('There is no podman command on the PATH.', {
      code: 'engine-not-found',
      hint: 'Install Podman 4 or later: https://podman.io/docs/installation. Docker is used without --engine podman.',
    });
  }
  const { clients, withoutBuildKit, error } = docker;
  const podmanAddress = docker.podmanAddress && redact(docker.podmanAddress);
  if (withoutBuildKit.length > 0) {
    const clients = withoutBuildKit.join(' and ');
    const message =
      builder === undefined
        ? `A container engine responds, but ${clients} cannot build with BuildKit.`
        : `--builder ${builder} requires Docker's buildx plugin, which ${clients} cannot find.`;
    return new ToolError(message, {
      code: 'engine-without-buildkit',
      hint: "Install Docker's buildx plugin (the package is called docker-buildx or docker-buildx-plugin).",
    });
  }
  if (podmanAddress !== undefined && builder !== undefined)
    return usageError(`--builder is for Docker: the engine at ${podmanAddress} is Podman, which builds by itself.`);
  if (podmanAddress !== undefined) {
    return new ToolError(`The engine at ${podmanAddress} is Podman, which docker cannot build on.`, {
      code: 'engine-not-found',
      lines: podman?.lines,
      hint: 'Install its command line: there is no podman on the PATH that reaches it.',
    });
  }
  if (error && isForbidden(error)) {
    return new ToolError('A container engine runs, but this user may not use it.', {
      code: 'engine-forbidden',
      lines: error.lines,
      hint: 'On Linux: `sudo usermod -aG docker $USER`, and log in again. Members of that group can become root.',
    });
  }
  const chosen = findChosenEngine();
  const isClientMissing = clients.length === 0;
  const hint = isElsewhere(docker) ? CONTEXT_HINT : INSTALL_HINT;
  return new ToolError(isClientMissing ? 'There is no docker command on the PATH.' : 'No container engine responds.', {
    code: 'engine-not-found',
    lines: error?.lines,
    hint: chosen ? describeChosen(chosen, isClientMissing) : hint,
  });
}

const CONTEXT_HINT =
  'Start the engine of the current context, or use the engine of this machine: docker context use default';
const INSTALL_HINT =
  'Start Docker, or install it: https://docs.docker.com/engine/install/. In a clone of multi-stage-node, `npm run setup` installs and starts it on Debian and Ubuntu. Podman 4 and later works as well.';

function describeChosen(variable: string, isClientMissing: boolean): string {
  const action = isClientMissing ? "Install Docker's command line for the engine" : 'Start the engine';
  return `${action} that ${variable}=${redact(process.env[variable] ?? '')} names, or unset ${variable} to use the engine of this machine.`;
}
