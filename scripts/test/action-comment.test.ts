import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { commentOnRun } from '../action/comment-on-run.ts';
import { markerOf } from '../action/write-comment.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { BOT, startFakeGitHub } from './fake-github.ts';

const REPOSITORY = 'them/their-app';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const temp = await mkdtemp(join(tmpdir(), 'comment-'));
const artifact = join(temp, 'images');
const golden: Report = reportSchema.parse(
  JSON.parse(await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8')),
);
const marker = markerOf('images');

let github: Awaited<ReturnType<typeof startFakeGitHub>>;

beforeEach(async () => {
  github = await startFakeGitHub(REPOSITORY, 'the-token');
  addPull(7);
  vi.stubEnv('GITHUB_API_URL', github.address);
  vi.stubEnv('GITHUB_REPOSITORY', REPOSITORY);
  vi.stubEnv('GITHUB_TOKEN', 'the-token');
  vi.stubEnv('GITHUB_EVENT_PATH', join(temp, 'event.json'));
  vi.stubEnv('RUNNER_TEMP', temp);
  vi.stubEnv('INPUT_NAME', 'images');
  await writeEvent({});
  await rm(artifact, { recursive: true, force: true });
  await writeArtifact('report.json', golden);
});
afterEach(() => {
  github.close();
  vi.unstubAllEnvs();
});
afterAll(() => rm(temp, { recursive: true }));

async function writeEvent(run: object) {
  const usual = {
    event: 'pull_request',
    conclusion: 'success',
    head_branch: 'smaller/image',
    head_sha: COMMIT,
    head_repository: { full_name: 'you/their-app-fork', owner: { login: 'you' } },
    html_url: 'https://github.example/runs/9',
    // As GitHub sends it for forks.
    pull_requests: [],
  };
  await writeFile(
    join(temp, 'event.json'),
    JSON.stringify({ action: 'completed', workflow_run: { ...usual, ...run } }),
  );
}

async function writeArtifact(file: string, content: unknown) {
  await mkdir(dirname(join(artifact, file)), { recursive: true });
  await writeFile(join(artifact, file), typeof content === 'string' ? content : JSON.stringify(content));
}

function addPull(number: number, pull: object = {}) {
  const head = { sha: COMMIT, repo: { full_name: 'you/their-app-fork' } };
  github.pulls.push({ number, label: 'you:smaller/image', state: 'open', head, ...pull });
}

const bodies = (pull = 7) => (github.comments.get(pull) ?? []).map(({ body }) => body);
const written = () => github.requests.filter((request) => !request.startsWith('GET'));

test('creates the comment on the pull request of a fork, and updates it later', async () => {
  expect(await commentOnRun()).toBe('Created https://github.example/pull/7#1001');
  const [first = ''] = bodies();
  expect(first).toMatch(`${marker}\n\n## images\n\n[This run](https://github.example/runs/9) measured ${COMMIT}.`);
  expect(first).toContain('There is no earlier report to compare with: all images are new.');
  expect(first).toContain('### Image sizes');
  expect(first).not.toContain('did not succeed');

  const [image] = structuredClone(golden.images);
  await writeArtifact('baseline.json', {
    ...golden,
    images: [{ ...image, size: { ...image?.size, unpackedBytes: 1 } }],
  });
  await writeEvent({ conclusion: 'failure' });
  expect(await commentOnRun()).toBe('Updated https://github.example/pull#1001');
  const [second = '', ...others] = bodies();
  expect(others).toEqual([]);
  expect(second).toContain('**The run did not succeed.**');
  expect(second).toMatch(/### Changes since [\s\S]* unpacked +\| +1 B/);
});

test("does not touch a stranger's comment with the same marker, nor that of another name", async () => {
  const stranger = { id: 1, body: `${marker} mine`, user: { login: 'stranger', type: 'User' } };
  const claims = { id: 2, body: `${marker} mine`, user: { login: BOT.login, type: 'User' } };
  const other = { id: 3, body: `${markerOf('images2')} other`, user: BOT };
  const quoted = { id: 4, body: `Look: ${marker}`, user: BOT };
  const gone = { id: 5, body: `${marker} mine`, user: null };
  github.comments.set(7, [stranger, claims, other, quoted, gone]);
  expect(await commentOnRun()).toMatch('Created');
  expect(written()).toEqual(['POST /repos/them/their-app/issues/7/comments']);
  expect(bodies().slice(0, 5)).toEqual([stranger, claims, other, quoted, gone].map(({ body }) => body));
});

test('finds its comment among more than fit on two pages', async () => {
  const strangers = Array.from({ length: 230 }, (_, id) => ({ id, body: 'hi', user: null }));
  github.comments.set(7, [...strangers, { id: 900, body: `${marker} old`, user: BOT }]);
  expect(await commentOnRun()).toMatch('Updated');
  expect(written()).toEqual(['PATCH /repos/them/their-app/issues/comments/900']);
  expect(bodies()).toHaveLength(231);
});

test.each<[string, object, object[] | null]>([
  ['No comment. No open pull request has the commit', {}, []],
  ['No comment. No open pull request', {}, [{ state: 'closed' }]],
  // A newer commit was pushed meanwhile.
  [
    'No comment. No open pull request',
    {},
    [{ head: { sha: 'f'.repeat(40), repo: { full_name: 'you/their-app-fork' } } }],
  ],
  // Another fork of the same owner.
  ['No comment. No open pull request', {}, [{ head: { sha: COMMIT, repo: { full_name: 'you/other-fork' } } }]],
  ['No comment. No open pull request', {}, [{ head: { sha: COMMIT, repo: null } }]],
  ['No comment. The branch of the pull request was deleted.', { head_repository: null }, null],
  ['No comment. The run was started by push, not by a pull request.', { event: 'push' }, null],
  ['No comment. Several pull requests have this commit: #7, #8.', {}, [{ number: 7 }, { number: 8 }]],
])('%s is not an error: %j', async (message, run, pulls) => {
  if (pulls) github.pulls.length = 0;
  for (const pull of pulls ?? []) addPull(7, pull);
  await writeEvent(run);
  expect(await commentOnRun()).toMatch(message);
  expect(written()).toEqual([]);
});

test('the artifact cannot choose the pull request', async () => {
  addPull(1, { label: 'them:main' });
  await writeArtifact('report.json', { ...golden, pull_request: 1, number: 1 });
  await writeArtifact('number', '1');
  expect(await commentOnRun()).toMatch('Created');
  expect(written()).toEqual(['POST /repos/them/their-app/issues/7/comments']);
});

test('a run without an artifact is not an error', async () => {
  await rm(artifact, { recursive: true });
  expect(await commentOnRun()).toMatch('The run has no artifact "images" with a report');
  expect(github.requests).toEqual([]);
});

const PERMISSIONS = 'actions: read, pull-requests: write';

test.each([
  [
    403,
    {},
    '{"message":"Resource not accessible by integration"}',
    'Resource not accessible by integration',
    PERMISSIONS,
  ],
  [403, { 'x-ratelimit-remaining': '0' }, '{"message":"API rate limit exceeded"}', 'rate limit', 'limit of requests'],
  [404, {}, '{"message":"Not Found"}', 'GitHub responded with status 404. Not Found', PERMISSIONS],
  [500, {}, '<html>::error::oh\n::warning::no</html>', 'GitHub responded with status 500.', 'Run the job again'],
  [200, {}, '{}', 'the response is not what GitHub documents', undefined],
  [200, {}, 'not JSON', 'the response is not what GitHub documents', undefined],
])('status %s is a clear message: %j %s', async (status, headers, body, message, hint) => {
  for (const method of ['GET', 'POST']) {
    github.failures.clear();
    github.failures.set(method, { status, headers, body });
    const error = await commentOnRun().catch((reason) => reason);
    expect(error.name).toBe('ToolError');
    expect(error.message).toMatch(
      new RegExp(`^${method} http://127.0.0.1:\\d+/repos/them/their-app/\\S+: .*${message}`),
    );
    expect(error.message).not.toMatch(/\n|the-token/);
    expect(error.hint ?? '').toMatch(hint ?? '');
  }
});

test('a wrong token, an unreachable API and another event are clear messages', async () => {
  vi.stubEnv('GITHUB_TOKEN', 'wrong');
  await expect(commentOnRun()).rejects.toThrow('GitHub responded with status 401. Bad credentials');
  github.close();
  await expect(commentOnRun()).rejects.toThrow('GitHub cannot be reached: connect ECONNREFUSED');
  await writeFile(join(temp, 'event.json'), '{"pull_request":{}}');
  await expect(commentOnRun()).rejects.toThrow('The comment requires the event workflow_run.');
  vi.stubEnv('INPUT_NAME', 'a --> b');
  await expect(commentOnRun()).rejects.toThrow('The input "name" expects letters');
});

test.each<[string, string | object]>([
  ['it is not JSON', 'no JSON\n::error::injected'],
  ['it is not a report', { ...golden, schemaVersion: '3\n::error::injected' }],
  ['it is not a report', { ...golden, images: [{ ...golden.images[0], '\n::error::': 1, variant: 7 }] }],
  ['it is not a report', []],
  ['cannot be read', `{"schemaVersion":1,"images":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
])('a report that is none is a clear message on one line: %s', async (problem, content) => {
  for (const file of ['report.json', 'baseline.json']) {
    await writeArtifact('report.json', golden);
    await writeArtifact(file, content);
    const error = await commentOnRun().catch((reason) => reason);
    expect(error.name).toBe('ToolError');
    expect(error.message).toMatch(new RegExp(`^The artifact's ${file} .*${problem}`));
    expect(error.message).not.toContain('\n');
  }
  expect(github.requests).toEqual([]);
});

test('a report that is huge or a link is not read', async () => {
  await truncate(join(artifact, 'report.json'), 1e12);
  await expect(commentOnRun()).rejects.toThrow("The artifact's report.json is larger than 10 MB.");
  await rm(join(artifact, 'report.json'));
  await symlink('/dev/zero', join(artifact, 'report.json'));
  await expect(commentOnRun()).rejects.toThrow("The artifact's report.json is not a file.");
});

test('names in the report cannot mention, link, or end the table, the code or the comment', async () => {
  const [image] = structuredClone(golden.images);
  const evil = `${markerOf('other')} @everyone &#64;team #1 GH-2 | x |\n\n# title </details> https://evil.example www.evil.example [a](b) \`\`\``;
  const failed = { ...image, variant: `${evil} 2`, ok: false, error: `${evil}\n~~~\n\`\`\`\`\n@everyone` };
  const findings = [
    { code: 'setuid', level: 'info', message: evil, count: 1, evidence: [{ path: evil, layer: null, note: evil }] },
  ];
  await writeArtifact('report.json', {
    ...golden,
    images: [{ ...image, chapter: evil, variant: evil, findings }, failed],
  });
  await writeArtifact('baseline.json', { ...golden, images: [{ ...image, chapter: `${evil} 3` }] });
  await commentOnRun();
  const [body = ''] = bodies();
  // Without the blocks of code, in which GitHub shows everything as it is.
  const outside = body.replaceAll(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '');
  expect(outside).not.toBe(body);
  // The marker and what folds.
  expect(outside.match(/(?<!\\)<(?!\/?(details|summary)>)/g)).toEqual(['<']);
  expect(outside.match(/<details>/g)).toHaveLength(outside.match(/^<\/details>$/gm)?.length ?? 0);
  expect(outside).not.toMatch(/(?<!\\)(&#(?!8203;)|```|(?<!\| )\[(?!This run\]))|^# /m);
  // What GitHub searches, after the backslashes are gone.
  const text = outside.replaceAll('&#8203;', '\u200b').replaceAll(/\\(?=[!-/:-@[-`{-~])/g, '');
  expect(text).toContain('@\u200beveryone');
  expect(text.replace('https://github.example', '')).not.toMatch(/@[\w-]|#\d|:\/\/|www\.|GH-\d/);
});

test('a report that is too large for a comment is shortened, in little time', async () => {
  const [image] = structuredClone(golden.images);
  const setuid = { code: 'setuid', level: 'info', message: 'a', count: 1, evidence: [] };
  // A table is as wide as its longest cell: without limits, this one would have 1.2 GB.
  const findings = [{ ...setuid, message: '@'.repeat(300_000) }, ...Array.from({ length: 4000 }, () => setuid)];
  const errors = Array.from({ length: 40 }, (_, index) => ({
    ...image,
    variant: `${index}`,
    ok: false,
    error: 'e\n'.repeat(1e4),
  }));
  for (const images of [[{ ...image, findings }], errors]) {
    await writeArtifact('report.json', { ...golden, images });
    const begin = performance.now();
    await commentOnRun();
    expect(performance.now() - begin).toBeLessThan(5000);
    const [body = ''] = bodies();
    expect(body.length).toBeLessThanOrEqual(65_536);
    expect(body).toMatch(/The rest is in the summary of \[the run\]\(https:\/\/github\.example\/runs\/9\)\.$/);
    expect((body.match(/^`{3,}/gm) ?? []).length % 2).toBe(0);
    expect(body).toContain('### Image sizes');
  }

  await writeArtifact('report.json', golden);
  await commentOnRun();
  expect(bodies()[0]).not.toContain('The rest is in the summary');
});
