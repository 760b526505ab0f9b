import type { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { readVariable } from './inputs.ts';

/** How long GitHub may take for one response, in milliseconds. */
const TIMEOUT_MS = 30_000;

const MESSAGE_LENGTH = 200;

const HINTS: Record<number, string> = {
  401: 'The token is not valid. The action passes github.token by itself: run the job again.',
  403: 'The job requires these permissions: actions: read, pull-requests: write.',
  404: 'GitHub also responds with 404 where a token lacks a permission: actions: read, pull-requests: write.',
};

/**
 * Sends a request to GitHub's API with the token of the job.
 *
 * @param path below the repository, such as `/pulls`.
 * @throws {ToolError} when GitHub cannot be reached or refuses, and when the response does not match `schema`.
 */
export async function requestGitHub<T>(
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  schema: z.ZodType<T>,
  body?: object,
): Promise<T> {
  const url = `${readVariable('GITHUB_API_URL')}/repos/${readVariable('GITHUB_REPOSITORY')}${path}`;
  const failure = (problem: string, hint?: string) => new ToolError(`${method} ${url}: ${problem}`, { hint });
  const response = await fetch(url, {
    method,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${readVariable('GITHUB_TOKEN')}`,
      'user-agent': 'compare-dockerfiles',
      'x-github-api-version': '2022-11-28',
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error) => {
    const { message } = error.cause instanceof Error ? error.cause : error;
    throw failure(`GitHub cannot be reached: ${message}`, 'Run the job again.');
  });
  const document: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw failure(describeResponse(response, document), hintFor(response));
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw failure(`the response is not what GitHub documents: ${shorten(parsed.error.message, MESSAGE_LENGTH)}`);
}

function describeResponse({ status }: Response, document: unknown): string {
  const message = typeof document === 'object' && document !== null && 'message' in document ? document.message : '';
  return shorten(`GitHub responded with status ${status}. ${message}`.trim(), MESSAGE_LENGTH);
}

function hintFor({ status, headers }: Response): string {
  const isLimited = headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0';
  if (status === 429 || (status === 403 && isLimited))
    return 'The limit of requests is reached. Run the job again later.';
  return HINTS[status] ?? 'Run the job again. The status of GitHub: https://www.githubstatus.com';
}
