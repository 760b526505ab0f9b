import { type ErrorCode, ToolError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';

/** How long the texts of others may be in our errors, in characters. */
const MAX_REASON_LENGTH = 300;

interface Details {
  code?: ErrorCode;
  lines?: string[];
  hint?: string;
  isTransient?: boolean;
  retryAfterMs?: number;
}

/** A request to a registry that failed. */
export class RegistryError extends ToolError {
  /** Whether the next attempt may succeed. */
  readonly isTransient: boolean;
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(message: string, { isTransient = false, retryAfterMs = 0, ...details }: Details = {}) {
    super(message, details);
    this.isTransient = isTransient;
    this.retryAfterMs = retryAfterMs;
  }
}

// https://nodejs.org/api/tls.html#x509-certificate-error-codes
const CERTIFICATE = /CERT|_CRL|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH/;

/** Whether a connection failed because its certificate is not trusted, or is that of another host. */
export const isCertificateError = (error: unknown) => CERTIFICATE.test(codeOf(error));

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

const CLOSED: [ErrorCode, string] = ['registry-unreliable', 'The connection was closed.'];
const UNREACHABLE: [ErrorCode, string] = ['registry-unreachable', 'The host cannot be reached.'];

/** What errors of the network say, by their codes. All of these are transient. */
const TRANSIENT: Record<string, [ErrorCode, string]> = {
  EAI_AGAIN: ['registry-unreachable', 'The name of the host cannot be looked up.'],
  ECONNREFUSED: ['registry-unreachable', 'The connection was refused.'],
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: ['registry-unreachable', 'No connection was made in time.'],
  ETIMEDOUT: ['registry-unreachable', 'No connection was made in time.'],
  UND_ERR_HEADERS_TIMEOUT: ['registry-unreliable', 'There was no response in time.'],
  UND_ERR_BODY_TIMEOUT: ['registry-unreliable', 'The response stopped arriving.'],
  UND_ERR_SOCKET: CLOSED,
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
};

const NETWORK_HINT = 'Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), and try again.';

/**
 * The error of a request that got no response, or only a part.
 *
 * @param what the request, as the message continues "Cannot read IMAGE: ".
 * @param host the registry, as Docker names the directory for its certificates.
 */
export function describeNetworkError(error: unknown, what: string, host: string): RegistryError {
  const code = codeOf(error);
  const message = `${what} failed.`;
  const transient = Object.hasOwn(TRANSIENT, code) ? TRANSIENT[code] : undefined;
  if (transient) {
    return new RegistryError(message, {
      code: transient[0],
      lines: [transient[1]],
      hint: NETWORK_HINT,
      isTransient: true,
    });
  }
  if (code === 'ENOTFOUND') {
    return new RegistryError(message, {
      code: 'registry-unreachable',
      lines: ['There is no host of this name.'],
      hint: "Check the registry's name, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).",
    });
  }
  const details: Details = { code: 'registry-unreliable', lines: [readReason(error)] };
  if (isCertificateError(error)) {
    return new RegistryError(`${message} The certificate is not trusted:`, {
      ...details,
      hint: `If the registry has an authority of its own, put the authority's certificate into
/etc/docker/certs.d/${host}/ca.crt, as for Docker, or name its file in NODE_EXTRA_CA_CERTS.`,
    });
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new RegistryError(`${message} The host does not respond with TLS:`, {
      ...details,
      hint: 'Registries are read by https. Plain http is only used for registries on this machine.',
    });
  }
  return new RegistryError(message, { ...details, hint: NETWORK_HINT });
}

/** What an error of Node or undici says, in one line. */
function readReason(error: unknown): string {
  if (!(error instanceof Error)) return shorten(String(error), MAX_REASON_LENGTH);
  if (error.name === 'TimeoutError') return 'The response was not complete in time.';
  return shorten(error.message || codeOf(error), MAX_REASON_LENGTH);
}
