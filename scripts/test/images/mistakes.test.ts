import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { findChapterFolders } from '../../compare/discover/chapters.ts';
import { findMistakes } from '../../compare/mistakes/find.ts';
import { measureMistakes } from '../../compare/mistakes/measure.ts';
import type { Report } from '../../compare/model/report-schema.ts';
import { subjectName } from '../../compare/model/subject.ts';
import { renderMarkdown } from '../../compare/report/markdown.ts';
import { mistakeCosts } from '../../compare/report/mistakes.ts';
import { failures, renderTerminal } from '../../compare/report/terminal.ts';
import { type Engine, RUN_LABEL } from '../../engine/engine.ts';
import type { Progress } from '../../lib/progress.ts';
import { describeWithEngine, docker, engine, ROOT, startCompare } from './test-engine.ts';

/**
 * What each mistake costs: at least so many times the mended version's bytes on disk, and these findings. Each is also
 * tried where it claims to be slower, not to start, or to behave worse: see below.
 */
const CLAIMS: Record<string, { onDisk?: [least: number, most: number]; findings?: string[]; noStart?: RegExp }> = {
  // A little smaller even: the manifests are in one layer, not in two.
  '01-first-dockerfile/copy-before-install': { onDisk: [0.99, 1.01] },
  '01-first-dockerfile/no-dockerignore': { onDisk: [1.2, 1.5], findings: ['env-file'] },
  '02-multi-stage/chown-layer': { onDisk: [1.2, 1.6], findings: ['writable-files'] },
  '02-multi-stage/copy-everything': { onDisk: [1.3, 1.8], findings: ['dev-dependency', 'compiler', 'sources'] },
  '02-multi-stage/dev-dependencies': { onDisk: [1.3, 1.8], findings: ['dev-dependency', 'compiler'] },
  '02-multi-stage/npm-start': { onDisk: [1, 1], findings: ['npm-process'] },
  '03-distroless/node-twice': { onDisk: [1, 1], noStart: /exit code 1 .*Cannot find module '\/app\/node'/ },
  '04-three-stage/prune-later': { onDisk: [1.6, 2.2] },
  '04-three-stage/secret-in-build-argument': { onDisk: [0.99, 1.01], findings: ['secret-in-config'] },
};

/** Made up, and treated like real ones. */
const SECRETS = /made-up-(token|key)/;

const mistakes = await findMistakes(ROOT, await findChapterFolders(ROOT));
const { signal } = new AbortController();
const running: ChildProcess[] = [];
let root = '';
let temporary = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'repository-'));
  temporary = join(root, 'tmp');
  await mkdir(temporary);
  // What is made here is only ours then.
  vi.stubEnv('TMPDIR', temporary);
  for (const name of ['scripts', 'package.json']) {
    const filter = (path: string) => !/\/(node_modules|dist)$/.test(path);
    await cp(join(ROOT, name), join(root, name), { recursive: true, filter });
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

/** All that runs of compare have left, on the engine and on the disk. */
async function traces(): Promise<string[]> {
  const filter = ['--filter', `label=${RUN_LABEL}`, '--quiet', '--no-trunc'];
  const lists = await Promise.all([docker('ps', '--all', ...filter), docker('images', '--all', ...filter)]);
  const files = await readdir(temporary);
  const ours = files.filter((name) => name.startsWith('multi-stage-node-'));
  return [...lists.join('\n').split('\n').filter(Boolean), ...ours].sort();
}

/** The files of the chapters, and when each was last changed. */
async function chapterFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const chapter of await findChapterFolders(ROOT)) {
    for (const path of await readdir(join(ROOT, chapter), { recursive: true })) {
      if (/(^|\/)node_modules\//.test(path)) continue;
      files.push(`${chapter}/${path} ${(await stat(join(ROOT, chapter, path))).mtimeMs}`);
    }
  }
  return files;
}

/** Collects all that a person would see of the progress. */
function loudProgress(): Progress & { said: string[] } {
  const said: string[] = [];
  const say = (text: string) => said.push(text);
  return { said, task: () => ({ update: say, done: say, fail: say }), note: say, close: () => {} };
}

const progress = loudProgress();
const measure = (names: string[], what: { behaviour?: boolean; bench?: boolean }) =>
  measureMistakes(
    engine as Engine,
    mistakes.filter(({ chapter }) => names.includes(chapter)),
    { jobs: 2, behaviour: false, bench: false, runs: 2, ...what },
    { signal, progress },
  );

const image = (report: Report, name: string) => report.images.find((one) => subjectName(one) === name);

describeWithEngine('the mistakes', () => {
  let report: Report;
  let before: string[] = [];
  let filesBefore: string[] = [];

  beforeAll(async () => {
    [before, filesBefore] = [await traces(), await chapterFiles()];
    report = await measure(
      mistakes.map(({ chapter }) => chapter),
      {},
    );
  });
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
    expect(await traces()).toEqual(before);
    expect(await chapterFiles()).toEqual(filesBefore);
  });

  test('have a claim each', () => {
    expect(mistakes.map(({ chapter }) => chapter).sort()).toEqual(Object.keys(CLAIMS).sort());
  });

  test.each(Object.entries(CLAIMS))('%s costs what it claims', (chapter, { onDisk, findings = [], noStart }) => {
    const [mended, mistake] = ['mended', 'mistake'].map((variant) => image(report, `${chapter} ${variant}`));
    expect(mended?.error).toBeNull();
    const ratio = (mistake?.size?.unpackedBytes ?? 0) / (mended?.size?.unpackedBytes ?? 0);
    const [least, most] = onDisk ?? [];
    expect(ratio).toBeGreaterThanOrEqual(least ?? 0);
    expect(ratio).toBeLessThanOrEqual(most ?? 0);
    const costs = mistakeCosts(report).find((one) => one.chapter === chapter);
    expect(costs?.findings.map(({ text }) => text.split(':')[0])).toEqual(findings);
    if (noStart) expect(costs?.noStart).toMatch(noStart);
    else expect({ error: mistake?.error, noStart: costs?.noStart }).toEqual({ error: null, noStart: null });
  });

  test('only what is slower costs nothing that needs no time', () => {
    expect(failures(report)).toEqual([
      expect.stringMatching(/^FAILED 01-first-dockerfile\/copy-before-install: it costs nothing measurable/),
    ]);
  });

  test('without an ignore file, the builder gets what is installed, and what is secret', () => {
    const [mended, mistake] = ['mended', 'mistake'].map((variant) =>
      image(report, `01-first-dockerfile/no-dockerignore ${variant}`),
    );
    expect(mended?.context?.bytes).toBeLessThan(1_000_000);
    expect(mistake?.context?.bytes).toBeGreaterThan(50_000_000);
    expect(mistake?.context?.largest[0]?.path).toBe('node_modules/');
  });

  test('no output tells a secret', () => {
    const outputs = [
      JSON.stringify(report),
      renderTerminal(report, false, { inside: true }),
      renderMarkdown(report),
      ...progress.said,
    ];
    for (const output of outputs) expect(output).not.toMatch(SECRETS);
    expect(outputs[1]).toContain('- ARG NPM_TOKEN=***');
  });

  test('npm start: npm is process 1', async () => {
    const name = '02-multi-stage/npm-start';
    const [costs] = mistakeCosts(await measure([name], { behaviour: true }));
    expect(costs?.misses).toContain('process 1 is: npm start');
    expect(costs?.problem).toBeNull();
  });

  test('the source before npm ci: a build after an edit takes at least twice as long', async () => {
    const name = '01-first-dockerfile/copy-before-install';
    const found = await measure([name], { bench: true });
    const [mended, mistake] = ['mended', 'mistake'].map((variant) => image(found, `${name} ${variant}`)?.bench);
    expect(mistake?.buildAfterEditMs.median).toBeGreaterThan(2 * (mended?.buildAfterEditMs.median ?? 0));
    // Of the mended version only what depends on the source is built.
    const cached = [mended, mistake].map((bench) => bench?.buildAfterEditMs.steps?.cached);
    expect(cached).toEqual([3, 1]);
    expect(mended?.buildColdMs.reason).toMatch('only the build after an edit');
  });

  const server = "require('http').createServer((_, r) => r.end('x')).listen(3000, () => console.log('listening'));";

  test('one that costs nothing is exit code 1, as a person runs it', async () => {
    const folder = join(root, '09-nothing/mistakes/none');
    await mkdir(folder, { recursive: true });
    await writeFile(join(root, '09-nothing/index.js'), `${server}process.on('SIGTERM', process.exit)\n`);
    for (const variant of ['mistake', 'mended']) {
      const text = `# ${variant}.\nFROM node:26-alpine\nCOPY index.js .\nEXPOSE 3000\nCMD ["node", "index.js"]\n`;
      await writeFile(join(folder, `Dockerfile.${variant}`), text);
    }
    const { code, stdout, stderr } = await compare('--mistakes', '9', '--runs', '2').ended;
    await rm(join(root, '09-nothing'), { recursive: true });
    expect(stdout).toMatch(/^FAILED 09-nothing\/none: it costs nothing measurable/m);
    expect(stderr).toMatch(/^builds: timed/m);
    expect(code).toBe(1);
  });

  test('Ctrl-C leaves nothing', async () => {
    const folder = join(root, '08-slow/mistakes/slow');
    await mkdir(folder, { recursive: true });
    for (const variant of ['mistake', 'mended']) {
      await writeFile(join(folder, `Dockerfile.${variant}`), `# ${Date.now()}.\nFROM node:26-alpine\nRUN sleep 300\n`);
    }
    const { child, output, ended } = compare('--mistakes', '8');
    await expect
      .poll(() => output.stderr, { timeout: 60_000, interval: 100 })
      .toContain('copies of the chapters: made');
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    await rm(join(root, '08-slow'), { recursive: true });
    expect(stderr).toContain('Interrupted');
    expect(code).toBe(130);
  });
});

function compare(...args: string[]) {
  const started = startCompare(root, args, { INIT_CWD: root });
  running.push(started.child);
  return started;
}
