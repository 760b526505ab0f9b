import { realpath } from 'node:fs/promises';
import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { type SpawnOptions, spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { dockerEnvironment } from './docker.ts';
import { type Endpoint, readEndpoint } from './endpoint.ts';
import type { EngineInfo } from './engine.ts';
import { findBuilder } from './find-builder.ts';

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
  /** Where the engine is, or would be, that the client is set to. */
  endpoint?: Endpoint;
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
 *
 * @param builder the name of a buildx builder: only a client with the plugin can use it.
 * @throws {ToolError} with the code `usage`, when there is no such builder.
 */
export async function searchDocker(builder: string | undefined, signal?: AbortSignal): Promise<DockerSearch> {
  const search: DockerSearch = { clients: await findDockerClients(), withoutBuildKit: [] };
  const probe = { env: dockerEnvironment(), timeout: PROBE_LIMIT_MS, signal };
  for (const command of search.clients) {
    const server = await readServer(command, probe).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      search.error ??= error;
      return null;
    });
    if (!server) {
      search.endpoint ??= await readAddress(command, probe)
        .then(readEndpoint)
        .catch(() => undefined);
      // Another client would wait as long for the same engine.
      if (search.error?.code === 'timed-out') break;
      continue;
    }
    if (server === 'podman') {
      search.podmanAddress ||= (await readAddress(command, probe)) || 'unix:///var/run/docker.sock';
      continue;
    }
    // A client without BuildKit refuses even the help of `docker build` when BuildKit is demanded.
    const needed = builder === undefined ? ['build', '--help'] : ['buildx', 'version'];
    const [hasBuildKit, address] = await Promise.all([
      spawnSucceeds(command, needed, probe),
      readAddress(command, probe),
    ]);
    signal?.throwIfAborted();
    if (!hasBuildKit) {
      search.withoutBuildKit.push(command);
      continue;
    }
    const buildx = builder === undefined ? undefined : await findBuilder(command, builder, probe);
    const info: EngineInfo = { name: 'docker', command, builder: 'buildkit', ...server, ...(buildx && { buildx }) };
    return { ...search, info, endpoint: readEndpoint(address) };
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

/** The address that a client is set to, by DOCKER_HOST or its context. Empty where it is too old for contexts. */
async function readAddress(command: string, options: SpawnOptions): Promise<string> {
  if (process.env.DOCKER_HOST) return process.env.DOCKER_HOST;
  // Without a name, that of DOCKER_CONTEXT or else the current one.
  const args = ['context', 'inspect', '--format', '{{json .Endpoints.docker.Host}}'];
  const address = parseJson(await spawnText(command, args, options).catch(() => ''));
  return typeof address === 'string' ? address : '';
}
