import { dirname } from 'node:path';
import { findDockerClients } from '../engine/find-docker.ts';
import { spawnText } from '../lib/spawn.ts';

/**
 * A note for users who type `docker` themselves, where their first client on the PATH, unlike `command`, does not use
 * BuildKit by itself; or else null.
 */
export async function describeDefaultClient(command: string, signal: AbortSignal): Promise<string | null> {
  const [first] = await findDockerClients();
  if (first !== command) {
    return `Note: in a terminal, docker is ${first}, which does not respond or lacks its buildx plugin.
03-distroless/lean and 04-three-stage require BuildKit. To build by hand, enter this in each terminal:
  export PATH=${dirname(command)}:$PATH DOCKER_BUILDKIT=1`;
  }
  if (process.env.DOCKER_BUILDKIT === '1') return null;
  // Docker 23 made BuildKit the default: https://docs.docker.com/engine/release-notes/23.0/
  const version = await spawnText(command, ['version', '--format', '{{.Client.Version}}'], { signal });
  if (Number.parseInt(version, 10) >= 23) return null;
  return `Note: this docker uses BuildKit only on request. 03-distroless/lean and 04-three-stage require BuildKit.
To build by hand, enter this in each terminal:
  export DOCKER_BUILDKIT=1`;
}
