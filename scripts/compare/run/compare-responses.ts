import { redact } from '../../lib/redact.ts';
import { RESPONSE_LIMIT_MS, type RunningContainer } from './run-container.ts';
import { type Response, sendRequest } from './send-request.ts';

/** A container's responses, by method and path. */
export type Responses = Map<string, Response>;

/** Headers that differ from response to response. */
const VOLATILE_HEADERS = new Set(['date', 'age', 'connection', 'keep-alive']);

/**
 * Requests a page, the same without its body, the health check, a page that does not exist, and a path that cannot be
 * decoded. What is not a complete response counts as one with status 0.
 */
export async function readResponses({ address, options }: RunningContainer): Promise<Responses> {
  const { path, signal } = options;
  const responses: Responses = new Map();
  for (const request of [`GET ${path}`, `HEAD ${path}`, 'GET /healthz', 'GET /no-such-page', 'GET /%E0%A4%A']) {
    const [method, requestPath = '/'] = request.split(' ');
    // The first path has responded within this time.
    const limitMs = requestPath === path ? RESPONSE_LIMIT_MS : undefined;
    const result = await sendRequest(address, requestPath, { method, limitMs, signal });
    responses.set(
      request,
      'status' in result ? result : { status: 0, headers: {}, body: result.failure, digest: result.failure },
    );
  }
  return responses;
}

/** How a variant's responses differ from those of its reference, in words; null when they do not. */
export function compareResponses(responses: Responses, reference: Responses): string | null {
  for (const [request, expected] of reference) {
    const response = responses.get(request);
    if (!response) return `${request} got no response`;
    if (response.status !== expected.status) {
      return `${request}: status ${response.status || 'none'}, not ${expected.status || 'none'}`;
    }
    for (const header of Object.keys({ ...response.headers, ...expected.headers })) {
      if (VOLATILE_HEADERS.has(header)) continue;
      const [value, expectedValue] = [response, expected].map(({ headers }) => String(headers[header] ?? 'none'));
      if (value !== expectedValue) return redact(`${request}: header ${header} is ${value}, not ${expectedValue}`);
    }
    if (response.digest !== expected.digest) return `${request}: another body`;
  }
  return null;
}
