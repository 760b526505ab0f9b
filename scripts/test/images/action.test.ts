import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reportSchema } from '../../compare/model/report-schema.ts';
import { spawnText } from '../../lib/spawn.ts';
import { startFakeGitHub } from '../fake-github.ts';
import { GitHubRunner } from '../github-runner.ts';
import { ROOT } from './test-engine.ts';

// The workflows that users copy, with the action of this repository: each step's script runs as on GitHub, on the real
// engine. Directories and a local server stand for GitHub's services, which no test can reach.

const REPOSITORY = 'them/their-app';
const WORKFLOW = join(ROOT, 'docs/examples/size.yml');
const COMMENT_WORKFLOW = join(ROOT, 'docs/examples/size-comment.yml');
const TOKEN = `npm_${'a1B2'.repeat(9)}`;

let directory = '';
let github: Awaited<ReturnType<typeof startFakeGitHub>>;
const action = () => join(directory, 'action');
const workspace = () => join(directory, 'workspace');

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'action-')));
  github = await startFakeGitHub(REPOSITORY, 'the-token');
  // As GitHub gets an action: the files of the repository, nothing installed.
  const files = await spawnText('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: ROOT });
  for (const file of files.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(action(), file)), { recursive: true });
    await cp(join(ROOT, file), join(action(), file), { verbatimSymlinks: true }).catch(() => {});
  }
  await writeProject({
    // Without a base image: a limit in bytes is not checked on a stand-in.
    Dockerfile: 'FROM scratch\nCOPY data /data\nUSER 1000\n',
    data: 'x'.repeat(1_000_000),
    'compare-dockerfiles.config.json': JSON.stringify({ run: false, budgets: { Dockerfile: { unpacked: '2 MB' } } }),
  });
});
afterAll(async () => {
  github.close();
  await rm(directory, { recursive: true });
});

async function writeProject(files: Record<string, string>) {
  await mkdir(workspace(), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(workspace(), file), text);
}

const MAIN = 'a'.repeat(40);
const push = {
  event_name: 'push',
  ref: 'refs/heads/main',
  ref_name: 'main',
  ref_type: 'branch',
  base_ref: '',
  sha: MAIN,
};
const pullRequest = (number: number) => ({
  event_name: 'pull_request',
  ref: `refs/pull/${number}/merge`,
  ref_name: `${number}/merge`,
  ref_type: 'branch',
  base_ref: 'main',
  head_ref: 'you',
  sha: String(number).repeat(40),
});

/** Runs a workflow for an event. */
async function runWorkflow(file: string, id: string, context: Record<string, unknown>, event: object) {
  const runner = await GitHubRunner.create({
    action: action(),
    workspace: workspace(),
    services: directory,
    github: {
      repository: REPOSITORY,
      workflow: 'Image size',
      token: 'the-token',
      api_url: github.address,
      server_url: 'https://github.example',
      run_id: id,
      ...context,
      event: { repository: { default_branch: 'main' }, ...event },
    },
  });
  const result = await runner.run(file);
  return { runner, outputs: result.steps.size?.outputs ?? {}, ...result };
}

const measurePull = (number: number) =>
  runWorkflow(WORKFLOW, `run-${number}`, pullRequest(number), { pull_request: { base: { sha: MAIN } } });

/** From now on npm does nothing: the first job has installed the packages. */
async function keepInstalled() {
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'npm'), `#!/bin/sh\ntest "$1" = ci && test -d node_modules\n`);
  await chmod(join(bin, 'npm'), 0o755);
  process.env.PATH = `${bin}:${process.env.PATH}`;
}

const readArtifact = async (runner: GitHubRunner, file: string) =>
  readFile(join(runner.artifactDirectory('compare-dockerfiles'), file), 'utf8');
const readCacheKeys = async () => {
  const names = await readdir(join(directory, 'cache'));
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(directory, 'cache', name, 'entry.json'), 'utf8')).key),
  );
};

test('a push to main: all images are new, and the report becomes the baseline', { timeout: 300_000 }, async () => {
  const { conclusion, runner, outputs } = await runWorkflow(WORKFLOW, 'run-1', push, { before: '0'.repeat(40) });
  expect(`${conclusion}\n${runner.log}`).toMatch(/^success\n/);
  expect(runner.summary).toContain('There is no report of main yet: all images are new.');
  expect(runner.summary).toContain('### Image sizes');
  expect(outputs).toMatchObject({ 'unpacked-bytes': '1000000', 'unpacked-difference': '', 'download-difference': '' });
  expect(Number(outputs['download-bytes'])).toBeGreaterThan(900);
  expect(outputs.artifact).toMatch('/runs/run-1/artifacts/');
  expect(JSON.parse(outputs.sizes ?? '')).toHaveLength(1);
  for (const [name, file] of [
    ['report', 'report.json'],
    ['chart', 'chart.svg'],
    ['sarif', 'findings.sarif'],
  ] as const) {
    expect(await readArtifact(runner, file)).toBe(await readFile(outputs[name] ?? '', 'utf8'));
  }
  expect(await readCacheKeys()).toEqual([`compare-dockerfiles:Linux-X64:main:${MAIN}`]);
  await keepInstalled();
});

test('a pull request: what it adds is in the summary, the annotations and the outputs', async () => {
  await writeProject({
    data: 'x'.repeat(1_500_000),
    Dockerfile: `FROM scratch\nCOPY data /data\nENV NPM_TOKEN=${TOKEN}\nUSER 1000\n`,
  });
  const { conclusion, runner, outputs } = await measurePull(2);
  expect(`${conclusion}\n${runner.log}`).toMatch(/^success\n/);
  expect(runner.summary).toMatch(/unpacked +\| +1 MB +\| +1\.5 MB +\| +\+500 kB \(\+50\.0 %\)/);
  expect(runner.summary).toMatch(/- new finding: workspace Dockerfile, secret-in-config: ENV NPM\\_TOKEN/);
  expect(runner.log).toMatch(/^::error [^\n]*file=Dockerfile,line=3[,:]/m);
  expect(outputs).toMatchObject({ 'unpacked-bytes': '1500000', 'unpacked-difference': '500000' });
  expect(runner.log + runner.summary + (await readArtifact(runner, 'findings.sarif'))).not.toContain(TOKEN);
  const baseline = reportSchema.parse(JSON.parse(await readArtifact(runner, 'baseline.json')));
  expect(baseline.images[0]?.size?.unpackedBytes).toBe(1_000_000);
  expect(await readCacheKeys()).toHaveLength(1);
});

test('a pull request over the budget fails, and its summary and artifact are there', async () => {
  await writeProject({ data: 'x'.repeat(3_000_000) });
  const { conclusion, runner, outputs } = await measurePull(3);
  expect(conclusion).toBe('failure');
  expect(runner.log).toContain('##[error]Process completed with exit code 1.');
  expect(runner.summary).toMatch(/### Budgets: 1 failed[\s\S]* 3 MB; at most 2 MB: 1 MB too much/);
  expect(runner.log).toMatch(/^::error [^\n]*file=Dockerfile,[^\n]*2 MB/m);
  expect(outputs['unpacked-difference']).toBe('2000000');
  expect(JSON.parse(await readArtifact(runner, 'report.json')).images[0].size.unpackedBytes).toBe(3_000_000);
  expect(await readArtifact(runner, 'chart.svg')).toMatch('<svg');
  expect(await readCacheKeys()).toHaveLength(1);
});

test('the second workflow comments once on each pull request, and updates that comment', async () => {
  const comment = (event: string, run: string, conclusion: string) => {
    const head = { head_branch: 'you', head_sha: 'c'.repeat(40) };
    const repository = { full_name: 'you/fork', owner: { login: 'you' } };
    const workflow_run = {
      id: run,
      event,
      conclusion,
      ...head,
      head_repository: repository,
      html_url: `https://github.example/${run}`,
    };
    return runWorkflow(COMMENT_WORKFLOW, `comment-${run}`, { ...push, event_name: 'workflow_run' }, { workflow_run });
  };
  github.pulls.push({
    number: 5,
    label: 'you:you',
    state: 'open',
    head: { sha: 'c'.repeat(40), repo: { full_name: 'you/fork' } },
  });
  expect((await comment('push', 'run-1', 'success')).conclusion).toBe('skipped');

  const first = await comment('pull_request', 'run-2', 'success');
  expect(`${first.conclusion}\n${first.runner.log}`).toMatch(/^success\n[\s\S]*Created https:/);
  expect(github.comments.get(5)?.[0]?.body).toMatch('+500 kB (+50.0 %)');
  const second = await comment('pull_request', 'run-3', 'failure');
  expect(second.runner.log).toContain('Updated https://');
  expect(github.comments.get(5)).toHaveLength(1);
  expect(github.comments.get(5)?.[0]?.body).toMatch('+2 MB (+200.0 %)');

  // A run that ended before it measured has no artifact.
  const none = await comment('pull_request', 'run-9', 'failure');
  expect(`${none.conclusion}\n${none.runner.log}`).toMatch(/^success\n[\s\S]*No comment\. The run has no artifact/);
});
