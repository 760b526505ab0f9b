import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { z } from 'zod';
import type { ErrorCode } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { parseJson } from '../lib/parse-json.ts';
import { loginCommand, type Reference } from './reference.ts';
import { RegistryError } from './registry-error.ts';

/** What to do about a server that does not act as a registry. */
export const ADDRESS_HINT = "Check the registry's name: something else may be at this address.";

const MAX_MESSAGES = 5;
const MAX_MESSAGE_LENGTH = 300;

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
  return new RegistryError(reference, `${what} was answered with status ${status}${name ? ` (${name})` : ''}.`, {
    code: codeOf(status),
    lines: readMessages(body, String(headers['content-type'] ?? '')),
    hint: hintFor(status, reference),
    isTransient: status === 429 || [500, 502, 503, 504].includes(status),
    retryAfterMs: readRetryAfter(headers['retry-after']),
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'image-not-found';
  return status === 429 || status >= 500 ? 'registry-unreliable' : 'failed';
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
  return messages.slice(0, MAX_MESSAGES).map((message) => shorten(message, MAX_MESSAGE_LENGTH));
}

const join = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(': ');

/** How long a response asks to wait, in milliseconds. https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
function readRetryAfter(value: string | undefined): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}
