import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { type SpawnOptions, spawnText } from '../lib/spawn.ts';
import { type Endpoint, readEndpoint } from './endpoint.ts';
import type { EngineInfo } from './engine.ts';
import { PROBE_LIMIT_MS } from './find-docker.ts';
import { podmanEnvironment } from './podman.ts';

const OLDEST = 4;

const podmanInfo = z.object({
  host: z.object({
    cgroupVersion: z.string().nullish(),
    cgroupControllers: z.array(z.string()).nullish(),
    security: z.object({ rootless: z.boolean() }),
    serviceIsRemote: z.boolean().nullish(),
  }),
  store: z.object({ graphDriverName: z.string() }),
  version: z.object({ Version: z.string() }),
});

/**
 * Looks for Podman; null when there is no such command.
 *
 * @param address that of an engine which is not the client's own, such as `unix:///run/podman/podman.sock`.
 */
export async function searchPodman(address: string | undefined, signal?: AbortSignal) {
  const command = await which('podman', { nothrow: true });
  if (command === null) return null;
  const prefix = address === undefined ? [] : ['--remote', '--url', address];
  const probe = { env: podmanEnvironment(), timeout: PROBE_LIMIT_MS, signal };
  try {
    const text = await spawnText(command, [...prefix, 'info', '--format', 'json'], probe);
    const { serviceIsRemote, ...info } = readInfo(command, JSON.parse(text));
    const isElsewhere = address === undefined && serviceIsRemote;
    const endpoint = isElsewhere ? await readConnection(command, probe) : readEndpoint(address ?? '');
    return { prefix, info, endpoint };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    const { code, lines, hint, message } = error;
    if (code === 'engine-not-found') return { error };
    return { error: new ToolError(`Podman does not respond: ${message}`, { code: 'engine-not-found', lines, hint }) };
  }
}

/** https://docs.podman.io/en/latest/markdown/podman-system-connection-list.1.html */
const podmanConnections = z.array(
  z.object({
    Name: z.string(),
    URI: z.string(),
    Identity: z.string().nullish(),
    Default: z.boolean().nullish(),
    IsMachine: z.boolean().nullish(),
  }),
);

/** Where the engine of a client is that only connects: CONTAINER_HOST, CONTAINER_CONNECTION or the default connection. */
async function readConnection(command: string, options: SpawnOptions): Promise<Endpoint> {
  const { CONTAINER_HOST: address, CONTAINER_SSHKEY: key, CONTAINER_CONNECTION: name } = process.env;
  if (address) return withIdentity(readEndpoint(address), key);
  const text = await spawnText(command, ['system', 'connection', 'list', '--format', 'json'], options).catch(() => '');
  const { data: connections = [] } = podmanConnections.safeParse(parseJson(text));
  const used = connections.find((one) => (name ? one.Name === name : one.Default));
  // A virtual machine of Podman forwards published ports to this machine.
  if (!used || isMachine(used)) return { kind: 'local' };
  return withIdentity(readEndpoint(used.URI), used.Identity || undefined);
}

/** Version 4 does not say it. The user of its machines is core, on Windows user, and root in a connection of its own. */
const isMachine = ({ Name, IsMachine, URI }: z.infer<typeof podmanConnections>[number]) =>
  IsMachine ?? /^(?:.* ssh:\/\/(?:core|user)|.*-root ssh:\/\/root)@(?:localhost|127\.0\.0\.1):/.test(`${Name} ${URI}`);

const withIdentity = (endpoint: Endpoint, identity: string | undefined): Endpoint =>
  endpoint.kind === 'ssh' && identity ? { ...endpoint, identity } : endpoint;

/** @throws {ToolError} for a Podman that is too old. */
function readInfo(command: string, answer: unknown): EngineInfo & { serviceIsRemote: boolean } {
  const { host, store, version } = podmanInfo.parse(answer);
  if (Number.parseInt(version.Version, 10) < OLDEST) {
    throw new ToolError(`Podman ${version.Version} is too old.`, {
      code: 'engine-not-found',
      hint: `Install Podman ${OLDEST} or later: https://podman.io/docs/installation`,
    });
  }
  const { cgroupVersion, cgroupControllers, security } = host;
  const hasController = cgroupControllers?.includes('memory') ?? true;
  return {
    name: 'podman',
    version: version.Version,
    command,
    builder: 'buildah',
    imageStore: store.graphDriverName,
    rootless: security.rootless,
    serviceIsRemote: host.serviceIsRemote ?? false,
    limitsMemory: hasController && !(security.rootless && cgroupVersion === 'v1'),
  };
}
