import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { ToolError } from '../lib/errors.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { isLoopback } from './address.ts';
import type { RegistryLimits } from './limits.ts';

/**
 * Chooses how to connect to an address: through the proxy of HTTPS_PROXY and NO_PROXY, or directly. As for Docker, no
 * proxy is asked for addresses of this machine.
 *
 * @param ca the certificates of the authorities to trust; those of Node when undefined.
 * @param signal ends all connections. By itself, undici ends a request only once it is connected.
 */
export function createDispatchers(
  ca: string[] | undefined,
  limits: RegistryLimits,
  signal: AbortSignal,
): (url: URL) => Dispatcher {
  const tls = { timeout: limits.connectMs, ...(ca && { ca }) };
  const options = { connect: tls, headersTimeout: limits.headersMs, bodyTimeout: limits.idleMs };
  const direct = new Agent(options);
  const proxied = createProxied({ ...options, requestTls: tls, proxyTls: { timeout: limits.connectMs } });
  const end = () => {
    for (const dispatcher of [direct, proxied]) void dispatcher.destroy(signal.reason);
  };
  signal.addEventListener('abort', end, { once: true });
  return (url) => (isLoopback(url) ? direct : proxied);
}

function createProxied(options: EnvHttpProxyAgent.Options): Dispatcher {
  const value = process.env.https_proxy || process.env.HTTPS_PROXY || '';
  const proxy = value === '' || value.includes('://') ? value : `http://${value}`;
  if (proxy !== '') hidePassword(proxy);
  // Empty, so that the proxy for http does not count for https.
  return new EnvHttpProxyAgent({ ...options, httpProxy: '', httpsProxy: proxy });
}

/** @throws {ToolError} when it is not the address of a proxy. */
function hidePassword(proxy: string): void {
  try {
    const { protocol, username, password } = new URL(proxy);
    decodeURIComponent(username);
    addHiddenValues([password, decodeURIComponent(password)]);
    if (/^(?:https?|socks5?):$/.test(protocol)) return;
  } catch {
    // It has no form that a proxy could have.
  }
  throw new ToolError('HTTPS_PROXY is not the address of a proxy.', {
    hint: 'Expected an address such as http://proxy.example:3128, with a % in a password as %25.',
  });
}
