import { redact } from '../../lib/redact.ts';
import { type Address, type Response, sendRequest } from './send-request.ts';

/** A container's responses, by method and path. */
export type Responses = Map<string, Response>;

/** Headers that differ from response to response. */
const VOLATILE_HEADERS = new Set(['date', 'age', 'connection', 'keep-alive']);

/**
 * Requests a page, the same without its body, the health check, a page that does not exist, and a path that cannot be
 * decoded. What is not HTTP counts as a response with status 0.
 */
export async function readResponses(address: Address, path: string): Promise<Responses> {
  const responses: Responses = new Map();
  for (const request of [`GET ${path}`, `HEAD ${path}`, 'GET /healthz', 'GET /no-such-page', 'GET /%E0%A4%A']) {
    const [method, requestPath = '/'] = request.split(' ');
    const fail = ({ message }: Error): Response => ({ status: 0, headers: {}, body: message });
    responses.set(request, await sendRequest(address, requestPath, { method }).catch(fail));
  }
  return responses;
}

/** How a variant's responses differ from those of its reference, in words; null when they do not. */
export function compareResponses(responses: Responses, reference: Responses): string | null {
  for (const [request, expected] of reference) {
    const response = responses.get(request);
    if (!response) return `${request} got no response`;
    if (response.status !== expected.status) return `${request}: status ${response.status}, not ${expected.status}`;
    for (const header of Object.keys({ ...response.headers, ...expected.headers })) {
      if (VOLATILE_HEADERS.has(header)) continue;
      const [value, expectedValue] = [response, expected].map(({ headers }) => String(headers[header] ?? 'none'));
      if (value !== expectedValue) return redact(`${request}: header ${header} is ${value}, not ${expectedValue}`);
    }
    if (response.body !== expected.body) return `${request}: another body`;
  }
  return null;
}
