import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ContainerOptions, runContainer } from '../../compare/run/run-container.ts';
import { measureStart } from '../../compare/run/time-starts.ts';
import { describeError } from '../../lib/errors.ts';
import { Bench, docker, engine, ROOT } from './test-engine.ts';

// What compare says of apps that are slow, silent or strange. Most of them take as long as an app may take. They wait, so
// they run at the same time.

const bench = new Bench();
let image = '';

const options = (app: string, more: Partial<ContainerOptions> = {}): ContainerOptions => ({
  ...bench.containerOptions,
  exposed: [3000],
  ...more,
  args: ['--env', `APP=${app}`, ...(more.args ?? [])],
});

const LISTEN_HINT = 'Does the app listen on port 3000 and on all addresses (0.0.0.0), not only on localhost?';
const OTHER_PORT = 'Another port: --port. An image that cannot run by itself: --no-run.';
const OTHER_PATH = 'Another path: --path /healthz.';
const ENDED =
  'If it requires settings: --env, --env-file. If it cannot run by itself, without a database for example: --no-run';
const NOTHING_RESPONDS = 'Nothing responds on port 3000 within 30 s: connections are closed at once.';

const BODY = 'body of the response to GET / on port 3000 does';
const HEADERS = 'headers of the response to GET / on port 3000 do';
/** What is printed of a part of a response that does not end; the unit says whether its size or the time was the limit. */
const endless = (what: string, unit: string) => [
  expect.stringMatching(new RegExp(`^The ${what} not end: \\d+ ${unit} came\\.$`)),
  OTHER_PATH,
];

/** What is printed of each app that fails. */
const FAILURES = {
  silent: [
    'The app accepts the request GET / on port 3000, but sends nothing within 30 s.',
    '  | listening',
    `${OTHER_PATH} If it waits for something outside, such as a database: --no-run.`,
  ],
  closes: ['The app accepts connections on port 3000, and closes them without a response.', OTHER_PORT],
  'closes-at-once': [NOTHING_RESPONDS, `${LISTEN_HINT} ${OTHER_PORT}`],
  localhost: [NOTHING_RESPONDS, '  | listening', `${LISTEN_HINT} ${OTHER_PORT}`],
  'other-port': [NOTHING_RESPONDS, '  | listening on 4000', `${LISTEN_HINT} ${OTHER_PORT}`],
  'cut-off': [
    expect.stringMatching(
      /^The app closes the connection in the middle of the response to GET \/ on port 3000, after \d+ B\.$/,
    ),
    OTHER_PATH,
  ],
  tls: [
    'The app speaks TLS on port 3000.',
    `compare requests plain HTTP: let the app serve that, and end TLS in front of the container. ${OTHER_PORT}`,
  ],
  'not-http': ['What the app sends on port 3000 is not HTTP/1: "220 mail.example ESMTP ready\\r\\n"', OTHER_PORT],
  'endless-body': endless(BODY, 'MB'),
  'event-stream': endless(BODY, 'B'),
  'endless-headers': endless(HEADERS, 'kB'),
  'slow-headers': endless(HEADERS, 'B'),
  unavailable: [
    'GET / on port 3000 still responds with status 503 after 30 s.',
    `It means "not yet": the app may wait for something, such as a database. ${OTHER_PATH} If this status is correct: --expect-status 503.`,
  ],
  ends: ['The container ended with exit code 3 before it responded.', ENDED],
  'ends-with-log': [
    'The container ended with exit code 4 before it responded.',
    '  | starting',
    '  | DATABASE_URL is not set',
    ENDED,
  ],
  'ends-on-request': ['The container ended with exit code 7 before it responded.', '  | no database', ENDED],
  'long-line': ['The container ended with exit code 1 before it responded.', `  | ${'x'.repeat(199)}…`, ENDED],
};

/** What the other apps respond, and the least and the most that it may take in milliseconds, the start included. */
const RESPONSES = {
  quick: { status: 200, body: 'ok', atLeastMs: 0, atMostMs: 15_000 },
  // The first request is the only one, and its time is the time of the response.
  slow: { status: 200, body: '1', atLeastMs: 2000, atMostMs: 17_000 },
  'slow-first': { status: 200, body: '1', atLeastMs: 2000, atMostMs: 17_000 },
  'very-slow': { status: 200, body: '1', atLeastMs: 20_000, atMostMs: 35_000 },
  late: { status: 200, body: 'ok', atLeastMs: 3000, atMostMs: 18_000 },
  starting: { status: 200, body: 'ok', atLeastMs: 3000, atMostMs: 18_000 },
  large: { status: 200, body: 'x'.repeat(1 << 20), atLeastMs: 0, atMostMs: 15_000 },
  'http-1-0': { status: 200, body: 'ok', atLeastMs: 0, atMostMs: 15_000 },
  'no-length': { status: 200, body: 'ok', atLeastMs: 0, atMostMs: 15_000 },
  redirect: { status: 302, body: '', atLeastMs: 0, atMostMs: 15_000 },
  error: { status: 500, body: 'TypeError: x is undefined\n', atLeastMs: 0, atMostMs: 15_000 },
  empty: { status: 200, body: '', atLeastMs: 0, atMostMs: 15_000 },
};

/** Runs an app until it responds. Returns the response, or what is printed instead. */
const tryApp = (app: string) =>
  runContainer(engine, image, options(app), async ({ response, firstResponseMs }) => ({
    ...response,
    firstResponseMs,
  })).catch((error) => describeError(error).split('\n'));

const results = new Map<string, ReturnType<typeof tryApp>>();

beforeAll(async () => {
  image = await bench.build(join(ROOT, 'scripts/test/images/apps'), 'Dockerfile');
  // All at once. The tests wait for them.
  for (const app of [...Object.keys(FAILURES), ...Object.keys(RESPONSES)]) results.set(app, tryApp(app));
});
afterAll(async () => {
  await Promise.all(results.values());
  const remaining = await docker('ps', '--all', '--quiet', ...bench.filterArgs);
  await bench.cleanUp();
  expect(remaining).toBe('');
});

describe('more of an app', () => {
  test.concurrent('a status 503 that is expected is a response', async () => {
    const expected = options('unavailable', { expectStatus: 503 });
    const { response } = await runContainer(engine, image, expected, async (container) => container);
    expect(response).toMatchObject({ status: 503, body: 'no database\n' });
  });

  test.concurrent('of 600 MB that an app prints, only the beginning and the last lines are read', async () => {
    await runContainer(engine, image, options('flood'), async ({ id }) => {
      const { stdout, stderr } = await engine.output(id);
      expect(stderr).toEqual([]);
      expect(new Set(stdout.map(({ text }) => text))).toEqual(new Set(['x'.repeat(999)]));
      expect(stdout.length).toBeGreaterThan(900);
      expect(stdout.length).toBeLessThan(1100);
      expect((await engine.logs(id, 3)).map((line) => line.length)).toEqual([999, 999, 'listening'.length]);
    });
  });

  test.concurrent('a log that cannot be read costs only the figure that requires it', async () => {
    const args = ['--log-driver', 'none'];
    const start = await measureStart(engine, image, options('quick', { args }));
    expect(start).toMatchObject({
      startMs: expect.any(Number),
      nodeStartMs: expect.stringMatching(/^its log cannot be read: /),
      memory: { bytes: expect.any(Number) },
    });
    const failing = runContainer(engine, image, options('ends', { args }), async () => {});
    await expect(failing).rejects.toMatchObject({
      message: 'The container ended with exit code 3 before it responded.',
      lines: [expect.stringMatching(/^Its log cannot be read: /)],
    });
  });
});

describe('apps', () => {
  test.each(Object.entries(FAILURES))('%s: what is printed', async (app, lines) => {
    expect(await results.get(app)).toEqual(lines);
  });

  test.each(Object.entries(RESPONSES))('%s: the response and its time', async (app, { status, body, ...limits }) => {
    const result = await results.get(app);
    expect(result).toMatchObject({ status, body });
    const { firstResponseMs } = result as { firstResponseMs: number };
    expect(firstResponseMs).toBeGreaterThanOrEqual(limits.atLeastMs);
    expect(firstResponseMs).toBeLessThan(limits.atMostMs);
  });
});

// When the engine is no longer busy with the others.
describe('an interruption', () => {
  test('ends a pending request at once, and the container is removed', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const pending = runContainer(engine, image, options('silent', { signal: controller.signal }), async () => {});
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = performance.now();
      controller.abort(reason);
    }, 3000);
    await expect(pending).rejects.toThrow();
    expect(abortedAt).toBeGreaterThan(0);
    expect(performance.now() - abortedAt).toBeLessThan(3000);
  });
});
