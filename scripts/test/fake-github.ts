import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Comment {
  id: number;
  body: string;
  user: { login: string; type: string } | null;
}

export interface Pull {
  number: number;
  /** OWNER:BRANCH */
  label: string;
  state: 'open' | 'closed';
  head: { sha: string; repo: { full_name: string } | null };
}

export const BOT = { login: 'github-actions[bot]', type: 'Bot' };

/**
 * Stands for GitHub's API, which a test cannot reach: the three resources that the comment uses, as
 * https://docs.github.com/en/rest documents them.
 */
export async function startFakeGitHub(repository: string, token: string) {
  const pulls: Pull[] = [];
  const comments = new Map<number, Comment[]>();
  const requests: string[] = [];
  /** The response to all requests with this method, instead of the usual one. */
  const failures = new Map<string, { status: number; headers?: Record<string, string>; body: string }>();
  let lastId = 1000;

  async function respond(request: IncomingMessage): Promise<{ status: number; headers?: object; body: string }> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const json = (status: number, document: unknown) => ({ status, body: JSON.stringify(document) });
    if (request.headers.authorization !== `Bearer ${token}`) return json(401, { message: 'Bad credentials' });
    const failure = failures.get(request.method ?? '');
    if (failure) return failure;
    const path = pathname.replace(`/repos/${repository}/`, '');
    const { body = '' } = request.method === 'GET' ? {} : JSON.parse(await text(request));
    if (body.length > 65_536) return json(422, { message: 'Body is too long (maximum is 65536 characters)' });
    const [, pull] = /^issues\/(\d+)\/comments$/.exec(path) ?? [];
    const [, comment] = /^issues\/comments\/(\d+)$/.exec(path) ?? [];
    if (request.method === 'GET' && path === 'pulls') {
      const [state, head] = [searchParams.get('state'), searchParams.get('head')];
      return json(
        200,
        pulls.filter((one) => one.state === state && one.label === head),
      );
    }
    const all = comments.get(Number(pull)) ?? [];
    if (request.method === 'GET' && pull) {
      const [page, size] = [Number(searchParams.get('page') ?? 1), Number(searchParams.get('per_page') ?? 30)];
      return json(200, all.slice((page - 1) * size, page * size));
    }
    if (request.method === 'POST' && pull) {
      lastId += 1;
      comments.set(Number(pull), [...all, { id: lastId, body, user: BOT }]);
      return json(201, { id: lastId, html_url: `https://github.example/pull/${pull}#${lastId}` });
    }
    const found = [...comments.values()].flat().find(({ id }) => id === Number(comment));
    if (request.method !== 'PATCH' || !found) return json(404, { message: 'Not Found' });
    if (found.user?.login !== BOT.login) return json(403, { message: 'Resource not accessible by integration' });
    found.body = body;
    return json(200, { id: found.id, html_url: `https://github.example/pull#${found.id}` });
  }

  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const { status, headers, body } = await respond(request);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, pulls, comments, requests, failures, close: () => server.close() };
}
