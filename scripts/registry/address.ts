import { isIPv4 } from 'node:net';
import { shorten } from '../lib/format.ts';

const MAX_ADDRESS_LENGTH = 300;

/** Whether an address is one of this machine. The URL has brought other notations, such as 127.1, into this form. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}

/**
 * Whether a registry may send us to an address: https only. A registry on this machine may also send us to http on this
 * machine.
 */
export function mayAsk(url: URL, registry: URL): boolean {
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && isLoopback(url) && isLoopback(registry);
}

/** An address as errors show it: short, and without its query, which may hold keys. */
export const showAddress = ({ origin, pathname }: URL) => shorten(`${origin}${pathname}`, MAX_ADDRESS_LENGTH);
