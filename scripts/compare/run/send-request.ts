import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { ContainerFacts } from '../../engine/engine.ts';

/** More of a body than this is not read, in characters. */
const BODY_LIMIT = 1 << 20;

/** Where a container's port is published. */
export type Address = NonNullable<ContainerFacts['address']>;

export interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Requests a path on a connection of its own. @throws when there is no complete response within the limit. */
export async function sendRequest(
  { host, port }: Address,
  path: string,
  { method = 'GET', limitMs = 5_000 }: { method?: string; limitMs?: number } = {},
): Promise<Response> {
  const signal = AbortSignal.timeout(Math.ceil(limitMs));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host, port, path, method, agent: false, signal }).on('response', resolve).on('error', reject).end();
  });
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk;
    if (body.length > BODY_LIMIT) throw new Error('The response does not end.');
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
