import { usageError } from '../lib/errors.ts';
import type { SpawnOptions } from '../lib/spawn.ts';
import { type Endpoint, isLoopback, isThisMachine, isWildcard } from './endpoint.ts';
import type { ContainerFacts } from './engine.ts';
import { SshTunnel, type TunnelEntrance } from './ssh-tunnel.ts';

const LOOPBACK = '127.0.0.1';

type Address = NonNullable<ContainerFacts['address']>;

/** How requests reach the ports of one engine's containers. */
export interface PublishedPorts {
  /** The address of the engine's machine that ports are published on. */
  publish: string;
  /** See {@link Engine.connectToPorts}. */
  connect(): Promise<void>;
  /** From now on, the port of this container can be reached. */
  add(id: string): void;
  /** Where the port of a container is reached from here. Null for a container of somebody else, where that takes a tunnel. */
  reach(id: string, published: Address): Promise<Address | null>;
  remove(id: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * The ports of an engine's containers. They are on the loopback address of the engine's machine unless `publish` is another
 * one: an app that is only tried must not be open to a network.
 */
export function publishedPorts(endpoint: Endpoint, publish = LOOPBACK, options: SpawnOptions = {}): PublishedPorts {
  return endpoint.kind === 'ssh'
    ? portsBehindSsh(new SshTunnel(endpoint, options), publish)
    : portsOfNetwork(endpoint, publish);
}

function portsOfNetwork(endpoint: Exclude<Endpoint, { kind: 'ssh' }>, publish: string): PublishedPorts {
  let connected: Promise<void> | undefined;
  const check = async () => {
    if (endpoint.kind === 'local' || !isLoopback(publish) || (await isThisMachine(endpoint.host))) return;
    const all = endpoint.host.includes(':') ? '::' : '0.0.0.0';
    throw usageError(
      `The engine is on another machine, ${endpoint.host}, and publishes ports only there: add --publish ${all}, which opens the app to that machine's network while it runs, or --no-run.`,
    );
  };
  return {
    publish,
    connect() {
      connected ??= check();
      return connected;
    },
    add: () => {},
    reach: async (_, published) => reachDirectly(endpoint, published),
    remove: async () => {},
    close: async () => {},
  };
}

/** Where a published port is reached without a tunnel: at the address itself; for all addresses, where the engine is. */
export function reachDirectly(endpoint: Exclude<Endpoint, { kind: 'ssh' }>, { host, port }: Address): Address {
  if (!isWildcard(host)) return { host, port };
  if (endpoint.kind === 'tcp' && !isLoopback(endpoint.host)) return { host: endpoint.host, port };
  return { host: host.includes(':') ? '::1' : LOOPBACK, port };
}

function portsBehindSsh(tunnel: SshTunnel, publish: string): PublishedPorts {
  const entrances = new Map<string, Promise<TunnelEntrance> | null>();
  const closeAll = (list: (Promise<TunnelEntrance> | null | undefined)[]) =>
    Promise.allSettled(list.map(async (entrance) => (await entrance)?.close()));
  return {
    publish,
    connect: () => tunnel.connect(),
    add: (id) => void entrances.set(id, null),
    async reach(id, { host, port }) {
      if (!entrances.has(id)) return null;
      const target = reachDirectly({ kind: 'local' }, { host, port });
      const entrance = entrances.get(id) ?? tunnel.open(target.host, target.port);
      entrances.set(id, entrance);
      const { host: localHost, port: localPort } = await entrance;
      return { host: localHost, port: localPort };
    },
    async remove(id) {
      const entrance = entrances.get(id);
      entrances.delete(id);
      await closeAll([entrance]);
    },
    async close() {
      await closeAll([...entrances.values()]);
      entrances.clear();
      await tunnel.close();
    },
  };
}
