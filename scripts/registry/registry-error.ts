import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { type ErrorCode, ToolError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { parseJson } from '../lib/parse-json.ts';
import { loginCommand, type Reference, SCHEME } from './reference.ts';

/** How long the texts of others may be in our errors, in characters. */
const MAX_TEXT_LENGTH = 300;
/** How many lines of a response are shown. */
const MAX_MESSAGES = 5;

interface Details {
  code?: ErrorCode;
  lines?: string[];
  hint?: string;
  isTransient?: boolean;
  retryAfterMs?: number;
}

/** An image that cannot be read from its registry. */
export class RegistryError extends ToolError {
  /** Whether the next attempt may succeed. */
  readonly isTransient: boolean;
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfterMs: number;

  /** @param problem continues the message "Cannot read IMAGE: ". */
  constructor({ name }: Reference, problem: string, { isTransient = false, retryAfterMs = 0, ...details }: Details) {
    super(`Cannot read ${SCHEME}${name}: ${problem}`, details);
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
const NOT_CONNECTED: [ErrorCode, string] = ['registry-unreachable', 'No connection was made in time.'];

/** What errors of the network mean, by the codes of Node and undici. */
const NETWORK_ERRORS: Record<string, [ErrorCode, string]> = {
  ENOTFOUND: ['registry-unreachable', 'There is no host of this name.'],
  EAI_AGAIN: ['registry-unreachable', 'The name of the host cannot be looked up.'],
  ECONNREFUSED: ['registry-unreachable', 'The connection was refused.'],
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: NOT_CONNECTED,
  ETIMEDOUT: NOT_CONNECTED,
  UND_ERR_HEADERS_TIMEOUT: ['registry-unreliable', 'There was no response in time.'],
  UND_ERR_BODY_TIMEOUT: ['registry-unreliable', 'The response stopped arriving.'],
  UND_ERR_SOCKET: CLOSED,
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
};

const NETWORK_HINT =
  "Check the registry's name, the network and the proxy settings (HTTPS_PROXY, NO_PROXY), and try again.";

/**
 * The error of a request that got no response, or only a part.
 *
 * @param what the request: its method and its address.
 */
export function describeNetworkError(error: unknown, what: string, reference: Reference): RegistryError {
  const code = codeOf(error);
  const known = Object.hasOwn(NETWORK_ERRORS, code) ? NETWORK_ERRORS[code] : undefined;
  if (known) {
    const isTransient = code !== 'ENOTFOUND';
    const details = { code: known[0], lines: [known[1]], hint: NETWORK_HINT, isTransient };
    return new RegistryError(reference, `${what} failed.`, details);
  }
  const [problem, hint] = describeTlsError(error, reference.host) ?? ['', NETWORK_HINT];
  const details: Details = { code: 'registry-unreliable', lines: [readReason(error)], hint };
  return new RegistryError(reference, `${what} failed.${problem}`, details);
}

function describeTlsError(error: unknown, host: string): [problem: string, hint: string] | undefined {
  if (isCertificateError(error)) {
    const hint = `If the registry has an authority of its own, put the authority's certificate into
/etc/docker/certs.d/${host}/ca.crt, as for Docker, or name its file in NODE_EXTRA_CA_CERTS.`;
    return [' The certificate is not trusted:', hint];
  }
  if (!/^(?:EPROTO|ERR_SSL)/.test(codeOf(error))) return undefined;
  const hint = 'Registries are read by https. Plain http is only used for registries on this machine.';
  return [' The host does not respond with TLS:', hint];
}

/** What an error of Node or undici says, in one line. */
function readReason(error: unknown): string {
  if (!(error instanceof Error)) return shorten(String(error), MAX_TEXT_LENGTH);
  if (error.name === 'TimeoutError') return 'The response was not complete in time.';
  return shorten(error.message || codeOf(error), MAX_TEXT_LENGTH);
}

/** What to do about a server that does not act as a registry. */
export const ADDRESS_HINT = "Check the registry's name: something else may be at this address.";

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
const text = z.string().optional().catch(undefined);
const errorBody = z.object({
  errors: z
    .array(z.object({ code: text, message: text }))
    .optional()
    .catch(undefined),
  // The forms of token servers.
  error: text,
  error_description: text,
  details: text,
  message: text,
});

/**
 * The error of a response with a status other than the one expected.
 *
 * @param what the request: its method and its address.
 * @param body the beginning of the response's body.
 */
export function describeResponse(
  response: { status: number; headers: IncomingHttpHeaders },
  body: Buffer,
  what: string,
  reference: Reference,
): RegistryError {
  const { status, headers } = response;
  const name = STATUS_CODES[status];
  const code = status === 429 || status >= 500 ? 'registry-unreliable' : 'failed';
  return new RegistryError(reference, `${what} was answered with status ${status}${name ? ` (${name})` : ''}.`, {
    code: status === 404 ? 'image-not-found' : code,
    lines: readMessages(body, String(headers['content-type'] ?? '')),
    hint: hintFor(status, reference),
    isTransient: status === 429 || [500, 502, 503, 504].includes(status),
    retryAfterMs: readRetryAfter(headers['retry-after']),
  });
}

function hintFor(status: number, { host, name }: Reference): string {
  const login = `\`${loginCommand(host)}\``;
  if (status === 401 || status === 403) {
    return `Log in as a user who may read the image: ${login}.
Check the name as well: many registries respond like this when there is no such image.`;
  }
  if (status === 404) return `Check the name and the tag: ${name}. A private image may require ${login}.`;
  if (status === 429)
    return `The registry limits the number of requests. Wait and try again; logging in may raise the limit: ${login}.`;
  if (status >= 500) return 'The registry has a problem. Try again later.';
  return ADDRESS_HINT;
}

/** What the body says, a line each. Pages for browsers say nothing. */
function readMessages(body: Buffer, type: string): string[] {
  const { data } = errorBody.safeParse(parseJson(body.toString()));
  const errors = (data?.errors ?? []).map(({ code, message }) => join(code, message));
  const others = data ? [join(data.error, data.error_description ?? data.details ?? data.message)] : [];
  const plain = !data && type.startsWith('text/plain') ? [body.toString().trim()] : [];
  const messages = [...errors, ...others, ...plain].filter((message) => message !== '');
  return messages.slice(0, MAX_MESSAGES).map((message) => shorten(message, MAX_TEXT_LENGTH));
}

const join = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(': ');

/** How long a response asks to wait, in milliseconds. https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
function readRetryAfter(value: string | undefined): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}
