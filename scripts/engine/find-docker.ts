import { realpath } from 'node:fs/promises';
import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { type SpawnOptions, spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { dockerEnvironment } from './docker.ts';
import type { EngineInfo } from './engine.ts';

const dockerVersion = z.object({
  Server: z.object({ Version: z.string(), Components: z.array(z.object({ Name: z.string() })).nullish() }),
});
const dockerInfo = z.object({
  Driver: z.string(),
  DriverStatus: z.array(z.tuple([z.string(), z.string()])).nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  MemoryLimit: z.boolean().nullish(),
});

/** How long an engine may take to answer at all, in milliseconds. */
export const PROBE_LIMIT_MS = 20_000;

/** What is found of Docker. */
export interface DockerSearch {
  /** Absent when no client responds, or none can build. */
  info?: EngineInfo;
  /** All clients on the PATH. */
  clients: string[];
  /** Those that reach an engine, but cannot build on it. */
  withoutBuildKit: string[];
  /** What the first client says that cannot reach an engine. */
  error?: ToolError;
  /** The address at which Podman responds to Docker's client. */
  podmanAddress?: string;
}

/**
 * Every `docker` on the PATH is tried in order, because the first one may lack BuildKit: since Docker 23 the client needs
 * its buildx plugin for it and, without the plugin, falls back to the legacy builder, which refuses `RUN --mount`.
 */
export async function searchDocker(signal?: AbortSignal): Promise<DockerSearch> {
  const search: DockerSearch = { clients: await findDockerClients(), withoutBuildKit: [] };
  const probe = { env: dockerEnvironment(), timeout: PROBE_LIMIT_MS, signal };
  for (const command of search.clients) {
    const server = await readServer(command, probe).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      search.error ??= error;
      return null;
    });
    if (!server) continue;
    if (server === 'podman') {
      search.podmanAddress ??= await readAddress(command, probe);
      continue;
    }
    // A client without BuildKit refuses even the help of `docker build` when BuildKit is demanded.
    const hasBuildKit = await spawnSucceeds(command, ['build', '--help'], probe);
    signal?.throwIfAborted();
    if (hasBuildKit) return { ...search, info: { name: 'docker', command, builder: 'buildkit', ...server } };
    search.withoutBuildKit.push(command);
  }
  return search;
}

/** Every `docker` on the PATH, in its order, the same file only once. */
export async function findDockerClients(): Promise<string[]> {
  const paths = (await which('docker', { all: true, nothrow: true })) ?? [];
  const files = await Promise.all(paths.map((path) => realpath(path)));
  return paths.filter((_, index) => files.indexOf(files[index] ?? '') === index);
}

/**
 * What an engine says of itself; `podman` where Podman responds through Docker's API. Null where the client is Podman's own
 * under the name docker, which reports no server.
 */
async function readServer(command: string, options: SpawnOptions) {
  const read = (topic: string) => spawnText(command, [topic, '--format', '{{json .}}'], options);
  const texts = await Promise.all([read('version'), read('info')]);
  const { data: version } = dockerVersion.safeParse(parseJson(texts[0]));
  if (!version) return null;
  const { Version, Components } = version.Server;
  if (Components?.some(({ Name }) => /podman/i.test(Name))) return 'podman';
  const info = dockerInfo.parse(JSON.parse(texts[1]));
  // https://docs.docker.com/engine/storage/containerd/: the driver is then a snapshotter.
  const containerd = info.DriverStatus?.some(([, value]) => value.startsWith('io.containerd.snapshotter'));
  return {
    version: Version,
    imageStore: containerd ? 'containerd' : info.Driver,
    rootless: info.SecurityOptions?.includes('name=rootless') ?? false,
    limitsMemory: info.MemoryLimit ?? true,
  };
}

/** The address that a client is set to, by DOCKER_HOST or its context. */
async function readAddress(command: string, options: SpawnOptions): Promise<string> {
  const args = ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'];
  return process.env.DOCKER_HOST ?? (await spawnText(command, args, options));
}
