import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { usageError } from '../lib/errors.ts';

/** A machine as `ssh` is told of it. What is absent comes from the user's configuration of ssh. */
export interface SshDestination {
  host: string;
  user?: string;
  port?: string;
  /** The file with the private key. */
  identity?: string;
}

/** Where an engine is, as seen by its client: behind a socket of this machine, at a network address, or behind ssh. */
export type Endpoint = { kind: 'local' } | { kind: 'tcp'; host: string } | ({ kind: 'ssh' } & SshDestination);

/** `ssh://me@[::1]:22/run/podman.sock`: the scheme, the user, the host and the port. Docker takes tcp where none is given. */
const ADDRESS = /^(?:(\w+):\/\/)?(?:([^@/]*)@)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(?:\/.*)?$/;
/** Neither begins with a dash, and no shell that a ProxyCommand starts finds a meaning in them. */
const SSH_HOST = /^[\w.:%][\w.:%-]*$/;
const SSH_USER = /^[\w.@\\][\w.@\\+-]*$/;

/**
 * Reads the address of an engine, as DOCKER_HOST, CONTAINER_HOST and contexts have it.
 *
 * @throws {ToolError} for a host or user that ssh must not be given.
 */
export function readEndpoint(address: string): Endpoint {
  const parts = ADDRESS.exec(address.trim());
  if (!parts) throw usageError('The address of the engine cannot be read.');
  const [, scheme = 'tcp', userInfo = '', hostText = '', port] = parts;
  const host = hostText.replace(/^\[|\]$/g, '').replace('%25', '%');
  if (scheme === 'ssh') {
    const user = decode(userInfo.replace(/:.*/, '')) || undefined;
    if (!SSH_HOST.test(host) || (user !== undefined && !SSH_USER.test(user)))
      throw usageError('The host or the user in the ssh address of the engine has characters that they cannot have.');
    return { kind: 'ssh', host, ...(user && { user }), ...(port && { port }) };
  }
  const isNetwork = ['tcp', 'http', 'https'].includes(scheme) && address.trim() !== '';
  return isNetwork ? { kind: 'tcp', host: host || 'localhost' } : { kind: 'local' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a host is a loopback address, by its name or number. */
export const isLoopback = (host: string) =>
  /^(?:(?:.+\.)?localhost\.?|127(?:\.\d{1,3}){3}|::1|(?:0+:){7}0*1|::ffff:127(?:\.\d{1,3}){3})$/i.test(host);

/** Whether an address stands for all addresses of a machine. Podman leaves it out. */
export const isWildcard = (address: string) => ['', '0.0.0.0', '::'].includes(address);

/** Whether a host is this machine: each of its addresses is one of a network interface. False where it is not found. */
export async function isThisMachine(host: string): Promise<boolean> {
  if (isLoopback(host)) return true;
  const own = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces?.map((one) => one.address) ?? []);
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => isLoopback(address) || own.includes(address));
}
