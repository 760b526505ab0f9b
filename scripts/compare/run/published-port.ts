import { once } from 'node:events';
import { createServer } from 'node:net';
import { ToolError } from '../../lib/errors.ts';
import { type Address, sendRequest } from './send-request.ts';

/** How long something may take to respond at the port of a container that is gone, in milliseconds. */
const CLOSED_LIMIT_MS = 1000;

/** What to do where the engine's loopback address is not the one of this process. */
export const OWN_NETWORK_HINT =
  "The engine may have a network of its own, as one whose socket is mounted into a container. --publish ADDRESS publishes on an address of its machine that can be reached from here: for a mounted socket the gateway of Docker's bridge, such as --publish 172.17.0.1. Or: --no-run";

const formatAddress = ({ host, port }: Address) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * Whether nothing on this machine has a port: it could be listened on. An engine on this machine has the ports that it
 * publishes. False for an address of another machine.
 */
export async function isUnbound({ host, port }: Address): Promise<boolean> {
  const server = createServer((socket) => socket.destroy());
  try {
    await once(server.listen({ host, port, exclusive: true }), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Says that the engine has published a port that nothing has here. */
export function describeUnbound(address: Address, port: number): { message: string; hint: string } {
  const message = `Nothing on this machine has ${formatAddress(address)}, where the engine says that it publishes port ${port}.`;
  return { message, hint: OWN_NETWORK_HINT };
}

/**
 * Makes sure that what was requested was the container, now that it is gone. Where the engine has a network of its own,
 * another program may have the same port here. It still responds.
 *
 * @throws {ToolError} when something responds.
 */
export async function requireClosed(address: Address, path: string, signal: AbortSignal): Promise<void> {
  const result = await sendRequest(address, path, { limitMs: CLOSED_LIMIT_MS, signal });
  const isClosed = 'failure' in result && ['closed', 'silent', 'unconnected'].includes(result.failure);
  if (isClosed) return;
  throw new ToolError(
    `Another program responds at ${formatAddress(address)}, not the container: it still does now that the container is removed.`,
    { code: 'wrong-responder', hint: OWN_NETWORK_HINT },
  );
}
