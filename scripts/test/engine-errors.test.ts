import { describe, expect, test } from 'vitest';
import { isForbidden, throwBuildError, throwObjectError, throwPullError } from '../engine/engine-errors.ts';
import { ToolError } from '../lib/errors.ts';

// Lines that engines have printed: Docker 20.10 on this project's machines, others as users reported them.

/** The code of what one of the functions throws for lines of the engine's command line. */
function codeOf(throwError: (error: unknown) => never, ...lines: string[]): string {
  const error = new ToolError('docker failed:', { code: 'program-failed', lines });
  try {
    return throwError(error);
  } catch (classified) {
    expect(classified).toMatchObject({ message: error.message, lines });
    return (classified as ToolError).code;
  }
}

const REGISTRY = 'https://registry-1.docker.io/v2/';
const DAEMON = `Error response from daemon: Get "${REGISTRY}":`;
const REFERENCE = 'Error response from daemon: failed to resolve reference "docker.io/library/node:26":';
const HEAD = 'failed to do request: Head "https://registry-1.docker.io/v2/library/node/manifests/26":';

describe('docker pull: the registry cannot be reached', () => {
  test.each([
    `${DAEMON} dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host`,
    `Error response from daemon: Get ${REGISTRY}: dial tcp: lookup registry-1.docker.io on 192.168.65.1:53: server misbehaving`,
    `${DAEMON} dial tcp: lookup registry-1.docker.io on [::1]:53: read udp [::1]:42089->[::1]:53: read: connection refused`,
    `${DAEMON} dial tcp: lookup registry-1.docker.io: Temporary failure in name resolution`,
    `${DAEMON} dial tcp: lookup registry-1.docker.io on 8.8.8.8:53: dial udp 8.8.8.8:53: connect: network is unreachable`,
    'Error response from daemon: Get "https://192.0.2.77:5000/v2/": dial tcp 192.0.2.77:5000: connect: no route to host',
    'Error response from daemon: Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused',
    `${REFERENCE} ${HEAD} dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving`,
    `${REFERENCE} ${HEAD} dial tcp [2600:1f18:2148:bc00::1]:443: connect: network is unreachable`,
    `${DAEMON} dial tcp 100.24.246.89:443: connectex: No connection could be made because the target machine actively refused it.`,
  ])('%s', (line) => expect(codeOf(throwPullError, line)).toBe('registry-unreachable'));
});

describe('docker pull: the registry is not reliable', () => {
  test.each([
    'Error response from daemon: Get "http://127.0.0.1:7101/v2/": context deadline exceeded',
    `${DAEMON} net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`,
    `${DAEMON} net/http: TLS handshake timeout`,
    `${DAEMON} dial tcp: lookup registry-1.docker.io on 8.8.8.8:53: read udp 10.0.2.15:36190->8.8.8.8:53: i/o timeout`,
    `${DAEMON} dial tcp 3.211.199.249:443: i/o timeout`,
    `${DAEMON} dial tcp 3.211.199.249:443: connect: connection timed out`,
    'Error response from daemon: Get "http://127.0.0.1:7102/v2/": EOF',
    `${DAEMON} unexpected EOF`,
    'Error response from daemon: Get "http://127.0.0.1:7103/v2/": read tcp 127.0.0.1:33506->127.0.0.1:7103: read: connection reset by peer',
    `${DAEMON} x509: certificate signed by unknown authority`,
    `${DAEMON} tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    `${DAEMON} remote error: tls: handshake failure`,
    `${DAEMON} http: server gave HTTP response to HTTPS client`,
    // The proxy is what cannot be reached.
    `${DAEMON} proxyconnect tcp: dial tcp :0: connect: connection refused.`,
    `${DAEMON} proxyconnect tcp: dial tcp: lookup proxy.example on 127.0.0.53:53: no such host`,
    `${DAEMON} Proxy Authentication Required`,
    `${DAEMON} Forbidden`,
    'Error response from daemon: error parsing HTTP 407 response body: unexpected end of JSON input: ""',
    'Error response from daemon: received unexpected HTTP status: 503 Service Unavailable',
    `${REFERENCE} failed to fetch anonymous token: unexpected status: 503 Service Unavailable`,
    `${REFERENCE} unexpected status from HEAD request to ${REGISTRY}library/node/manifests/26: 502 Bad Gateway`,
    `${REFERENCE} ${HEAD} dial tcp: lookup registry-1.docker.io: i/o timeout`,
  ])('%s', (line) => expect(codeOf(throwPullError, line)).toBe('registry-unreliable'));
});

describe('docker pull: the registry refuses', () => {
  test.each([
    'Error response from daemon: toomanyrequests: You have reached your pull rate limit.',
    'Error response from daemon: manifest for node:99 not found: manifest unknown: manifest unknown',
    `${REFERENCE} unexpected status from HEAD request to ${REGISTRY}library/node/manifests/26: 403 Forbidden`,
    // Words in the name of an image are not reasons.
    'Error response from daemon: pull access denied for some/timeout, repository does not exist or may require docker login',
    'Error response from daemon: manifest for x509:tls not found: manifest unknown: manifest unknown',
    'Error response from daemon: manifest for eof:eof not found: manifest unknown: manifest unknown',
  ])('%s', (line) => expect(codeOf(throwPullError, line)).toBe('program-failed'));
});

describe('docker build: a base image was not pulled', () => {
  const SOLVE = 'failed to solve with frontend dockerfile.v0: failed to create LLB definition:'; // Docker 20.10
  const METADATA = 'failed to resolve source metadata for docker.io/library/node:26:';
  const TOKEN = 'failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?service=x":';
  test.each([
    [
      `${SOLVE} ${HEAD} dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host`,
      'registry-unreachable',
    ],
    [
      `ERROR: failed to solve: node:26: ${METADATA} ${HEAD} dial tcp 127.0.0.1:9: connect: connection refused`,
      'registry-unreachable',
    ],
    [
      `ERROR: failed to build: failed to solve: node:26: ${METADATA} ${HEAD} dial tcp: lookup x: no such host`,
      'registry-unreachable',
    ],
    [
      `ERROR: failed to solve: node:26: ${TOKEN} dial tcp [2600::1]:443: connect: network is unreachable`,
      'registry-unreachable',
    ],
    [`${SOLVE} ${HEAD} EOF`, 'registry-unreliable'],
    [
      `ERROR: failed to solve: DeadlineExceeded: node:26: ${METADATA} ${HEAD} dial tcp: lookup x: i/o timeout`,
      'registry-unreliable',
    ],
    [
      `ERROR: failed to solve: node:26: ${METADATA} ${TOKEN} read tcp [2001::1]:50296->[2600::1]:443: wsarecv: An existing connection was forcibly closed by the remote host.`,
      'registry-unreliable',
    ],
    [
      `${SOLVE} pulling from host 127.0.0.1:7104 failed with status code [manifests 26]: 503 Service Unavailable`,
      'registry-unreliable',
    ],
    [
      `ERROR: failed to solve: node:26: ${METADATA} failed to copy: httpReadSeeker: failed open: unexpected status code ${REGISTRY}x: 500 Internal Server Error`,
      'registry-unreliable',
    ],
  ])('%s', (line, code) => expect(codeOf(throwBuildError, line)).toBe(code));
});

describe('docker build: failures that are not those of a registry', () => {
  test.each([
    // An escape in the name of the directory: BuildKit's client cannot connect.
    [
      'failed to solve with frontend dockerfile.v0: failed to read dockerfile: no active session for o2fuzza65p6e: context deadline exceeded',
    ],
    ['ERROR: failed to solve: failed to compute cache key: "/no such host: EOF" not found: not found'],
    [
      'ERROR: failed to solve: process "/bin/sh -c curl https://x.example/: no such host" did not complete successfully: exit code: 6',
    ],
    // What the project's own step prints.
    [
      '#7 0.52 failed to solve: failed to do request: Head "https://x.example": dial tcp: lookup x.example: no such host',
      'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
    ],
    ['ERROR: failed to solve: node:99: docker.io/library/node:99: not found'],
    [
      'ERROR: failed to solve: x: failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.docker.io/token: 401 Unauthorized',
    ],
  ])('%s', (...lines) => expect(codeOf(throwBuildError, ...lines)).toBe('program-failed'));
});

test.each([
  ['Error: No such image: nope', 'image-not-found'],
  ['Error response from daemon: No such image: nope:latest', 'image-not-found'],
  ['Error response from daemon: No such container: nope', 'program-failed'],
  ['some/app: no such image: today', 'program-failed'],
])('%s: %s', (line, code) => expect(codeOf(throwObjectError, line)).toBe(code));

test('only an error of the command line is classified', () => {
  for (const error of [new Error('no such host'), new ToolError('x', { lines: ['no such host'] })]) {
    for (const throwError of [throwPullError, throwBuildError, throwObjectError]) {
      expect(() => throwError(error)).toThrow(error);
    }
  }
});

test.each([
  [
    'Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "x"',
    true,
  ],
  ['permission denied while trying to connect to the docker API at unix:///var/run/docker.sock', true],
  // DOCKER_HOST=ssh://: to be a member of the docker group does not help.
  ['error during connect: command [ssh host] has exited: Permission denied (publickey).', false],
])('%s: forbidden is %s', (line, expected) =>
  expect(isForbidden(new ToolError('x', { lines: [line] }))).toBe(expected),
);
