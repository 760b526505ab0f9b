import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BEHAVIOURS } from '../../compare/model/behaviours.ts';
import { reportSchema } from '../../compare/model/report-schema.ts';
import { INVOCATION_LABEL, TEMPORARY_IMAGES } from '../../engine/labels.ts';
import { Bench, docker, PROGRAMS, ROOT, startProgram } from './test-engine.ts';

// compare as a person runs it, in a copy of the repository whose chapters the tests may break.

let root = '';
let temporary = '';
const running: ChildProcess[] = [];
const bench = new Bench();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'repository-'));
  temporary = join(root, 'tmp');
  const filter = (path: string) => !/\/(node_modules|dist|\.turbo)$/.test(path);
  for (const name of ['02-multi-stage', '03-distroless', 'package.json']) {
    await cp(join(ROOT, name), join(root, name), { recursive: true, verbatimSymlinks: true, filter });
  }
  await cp(join(PROGRAMS, 'scripts'), join(root, 'scripts'), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  await mkdir(temporary);
});
afterAll(() => rm(root, { recursive: true }));
afterAll(() => bench.cleanUp());
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

function compare(...args: string[]) {
  const started = startProgram('compare', args, { INIT_CWD: root, TMPDIR: temporary }, root);
  running.push(started.child);
  return started;
}

/** A chapter with one Dockerfile. */
async function chapter(name: string, dockerfile: string, variant = 'single'): Promise<void> {
  await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, name, `Dockerfile.${variant}`), dockerfile);
}

/** Everything that a compare run could have left on the engine, its kept images included. */
async function traces(): Promise<string[]> {
  const filter = ['--filter', `label=${INVOCATION_LABEL}`, '--quiet', '--no-trunc'];
  const lists = await Promise.all([docker('ps', '--all', ...filter), docker('images', '--all', ...filter)]);
  return lists.join('\n').split('\n').filter(Boolean).sort();
}

describe('compare', () => {
  let before: string[] = [];
  beforeAll(async () => {
    before = await traces();
  });
  afterEach(async () => {
    expect(await traces()).toEqual(before);
    expect(await readdir(temporary)).toEqual([]);
  });

  test('a broken variant is explained, the others are measured, exit 1', async () => {
    await writeFile(join(root, '02-multi-stage/Dockerfile.broken'), 'FROM node:26-alpine\nRUN echo before && exit 7\n');
    await writeFile(join(root, '02-multi-stage/Dockerfile.nonsense'), 'THIS is no Dockerfile\n');
    await writeFile(
      join(root, '02-multi-stage/Dockerfile.silent'),
      'FROM node:26-alpine\nCMD ["node", "-e", "console.log(\'I give up\'); process.exit(4)"]\n',
    );
    const { code, stdout, stderr } = await compare('02', '--json', 'report.json').ended;
    for (const variant of ['broken', 'nonsense', 'silent']) {
      await rm(join(root, `02-multi-stage/Dockerfile.${variant}`));
    }
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /FAILED 02-multi-stage broken\ndocker build failed at Dockerfile\.broken:2: RUN echo before && exit 7\n {2}\| before\n {2}\| exit code: 7\n/,
    );
    expect(stdout).toMatch(/FAILED 02-multi-stage nonsense\n.*Dockerfile.nonsense has no FROM line/);
    expect(stdout).toMatch(/FAILED 02-multi-stage silent\nThe container ended with exit code 4.*\n {2}\| I give up/);
    expect(stdout + stderr).not.toMatch(/\n\s+at /);

    const report = reportSchema.parse(JSON.parse(await readFile(join(root, 'report.json'), 'utf8')));
    expect(report.images.map(({ variant, ok }) => [variant, ok])).toEqual([
      ['single', true],
      ['multi', true],
      ['broken', false],
      ['nonsense', false],
      ['silent', false],
    ]);
    expect(report.engine).toMatchObject({ name: 'docker', builder: 'buildkit', version: expect.any(String) });
    const [single, multi] = report.images;
    expect(single?.run?.status).toBe(200);
    expect(multi?.config?.user).toBe('1000');
    expect(multi?.base).toBe('node:26-alpine');
    for (const image of [single, multi]) {
      const layers = image?.size?.layers ?? [];
      expect(layers.reduce((sum, layer) => sum + layer.bytes, 0)).toBe(image?.size?.unpackedBytes);
      expect(layers.at(-1)?.instruction).toMatch(/^(COPY|RUN) /);
    }
    // They share the layers of their base image, and those measure the same.
    const [ofMulti, ofSingle] = [multi, single].map((image) => image?.size?.layers[0]);
    expect({ ...ofMulti, sharedWith: [] }).toEqual({ ...ofSingle, sharedWith: [] });
    expect(ofMulti?.sharedWith).toEqual(['02-multi-stage single', '02-multi-stage silent']);
    expect(report.comparisons).toContainEqual(expect.objectContaining({ variant: 'multi', reference: 'single' }));
  });

  test('a new chapter and a new variant are found, and a response that differs has lost', async () => {
    const server = (text: string) =>
      `FROM node:26-alpine\nEXPOSE 8080\nCMD ["node", "-e", "require('http').createServer((q, s) => s.end('${text}')).listen(8080)"]\n`;
    await chapter('05-new', server('one'));
    await chapter('05-new', server('one'), 'same');
    await chapter('05-new', server('two'), 'other');
    const { code, stdout } = await compare('5').ended;
    await rm(join(root, '05-new'), { recursive: true });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^05-new +single .*\d ms +root$/m);
    expect(stdout).toMatch(/^ +same .*\d ms +root$/m);
    expect(stdout).toMatch(/^ +other .* FAILED +root$/m);
    expect(stdout).toMatch(/FAILED 05-new other\nGET \/ responds differently from single/);
  });

  test('--keep leaves the images and says their names', async () => {
    const name = 'multi-stage-node/06-kept:single';
    await chapter(
      '06-kept',
      'FROM node:26-alpine\nCMD ["node", "-e", "require(\'http\').createServer((q, s) => s.end(\'x\')).listen(3000)"]\n',
    );
    try {
      for (let round = 0; round < 2; round += 1) {
        const { code, stderr } = await compare('6', '--keep').ended;
        expect(await docker('images', '--quiet', TEMPORARY_IMAGES)).toBe('');
        expect(stderr).toContain(`kept ${name}`);
        expect(code).toBe(0);
        // The image that the first round kept was replaced, not piled up.
        expect((await traces()).length).toBe(before.length + 1);
      }
    } finally {
      await docker('rmi', name);
      await rm(join(root, '06-kept'), { recursive: true });
    }
  });

  test('--from gives every output of a run again, byte for byte', async () => {
    const files = ['--json', 'a.json', '--markdown', 'a.md'];
    const run = await compare('02', '--inside', ...files).ended;
    expect(run.code).toBe(0);
    const again = await compare('--from', 'a.json', '--inside', '--json', 'b.json', '--markdown', 'b.md').ended;
    expect(again.stdout).toBe(run.stdout);
    for (const kind of ['json', 'md']) {
      expect(await readFile(join(root, `b.${kind}`), 'utf8')).toBe(await readFile(join(root, `a.${kind}`), 'utf8'));
    }
    // A second run has the same sizes; what it takes to build and to start differs.
    const rerun = await compare('02', '--baseline', 'a.json', '--quiet', '--json', 'c.json').ended;
    expect(rerun).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await compare('--from', 'c.json', '--baseline', 'a.json').ended;
    expect(stdout).toMatch(/\nunchanged: 02-multi-stage single.*, 02-multi-stage multi.*\n$/);
  });

  test('--check holds the budgets: exit 1 when one is exceeded, and 2 when the file is wrong', async () => {
    const write = (multi: object) =>
      writeFile(join(root, 'compare.config.json'), JSON.stringify({ budgets: { '02-multi-stage': { multi } } }));
    await write({ unpacked: '90% of single', findings: ['warning'] });
    const good = await compare('02', '--check').ended;
    expect(good.stdout).toContain('Budgets: 2 passed, 0 failed, 1 skipped.');
    expect(good.code).toBe(0);
    await write({ unpacked: '1% of single', download: '1 kB' });
    const exceeded = await compare('02', '--check', '--quiet').ended;
    expect(exceeded).toMatchObject({ code: 1, stdout: '' });
    expect(exceeded.stderr).toMatch(
      /^FAIL {2}02-multi-stage multi.*, unpacked: .* of single; at most 1 %, .* too much\n/,
    );
    await writeFile(join(root, 'compare.config.json'), '{"budgets": 1}');
    expect(await compare('02', '--check').ended).toMatchObject({ code: 2, stdout: '' });
    await rm(join(root, 'compare.config.json'));
  });

  test('--bench and --strict: times in all outputs, a miss is exit 1, and the run leaves nothing', async () => {
    const server = `const server = require('http').createServer((_, r) => r.end('x')).listen(3000, () => console.log('listening'));
process.on('SIGTERM', () => server.close());`;
    const dockerfile = (copy: string) => `FROM node:26-alpine\n${copy}\nEXPOSE 3000\nCMD ["node", "index.js"]\n`;
    await chapter('05-new', dockerfile('COPY . .'));
    await chapter('05-new', dockerfile('COPY index.js .'), 'multi');
    await writeFile(join(root, '05-new/index.js'), server);
    await writeFile(join(root, '05-new/package.json'), '{"name": "x", "version": "1.0.0"}\n');
    const args = ['--bench', '--runs', '2', '--strict', '--json', 'a.json', '--markdown', 'a.md'];
    const { code, stdout, stderr } = await compare('5', ...args).ended;
    await rm(join(root, '05-new'), { recursive: true });
    // It has no health check.
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ +multi .* ok +ok +ok +ok +ok +ok +ok +MISS +MISS +ok +n\/a$/m);
    expect(stdout).toMatch(/^MISS: 05-new multi.*, healthy, hung: its Dockerfile has no HEALTHCHECK$/m);
    expect(stdout).toMatch(
      /^05-new +single .* \d+ ms \(\d+–\d+\) +\d+ ms \(\d+–\d+\) +[\d.]+ MB \([\d.]+–[\d.]+\) +\d+ ms \(\d+–\d+\)$/m,
    );
    expect(stdout).toMatch(/^ +multi .* 0 · 1 · 0 · 1 of 1$/m);
    expect(await readFile(join(root, 'a.md'), 'utf8')).toContain('### Against single');
    const report = reportSchema.parse(JSON.parse(await readFile(join(root, 'a.json'), 'utf8')));
    for (const { bench, behaviour } of report.images) {
      expect(bench?.runs).toBe(2);
      expect(bench?.startMs.samples.length).toBe(2);
      expect(bench?.buildAfterDependencyMs.samples.length).toBe(2);
      expect(behaviour?.length).toBe(Object.keys(BEHAVIOURS).length);
    }
    expect(stderr).toMatch(/builds: timed/);
  });

  test('an image that is there already is measured, not built and not run', async () => {
    const { code, stdout } = await compare('--image', 'node:26-alpine', '--image', 'no/such:image', '--inside').ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^image +node:26-alpine +n\/a.* MB +.* MB +\d+ +n\/a +root$/m);
    expect(stdout).toMatch(/^ +150 MB +\/usr\/local\/bin\/node$/m);
    expect(stdout).toContain(
      'FAILED image no/such:image\nThe engine has no image no/such:image.\nTo fetch it: docker pull no/such:image',
    );
  });

  test('--diff shows which files two images differ in, prints it again, and is null without both', async () => {
    await mkdir(join(root, 'diff'));
    await writeFile(join(root, 'diff/one'), 'x'.repeat(3000));
    await writeFile(join(root, 'diff/two'), 'y'.repeat(3000));
    const dockerfile = `FROM scratch AS before
COPY one two /data/
COPY one /data/gone
FROM before AS after
COPY two /data/one
COPY --chown=1000:1000 two /data/two
COPY two /data/new
COPY one /data/gone
`;
    await writeFile(join(root, 'diff/Dockerfile'), dockerfile);
    const [one, other] = await Promise.all(
      ['before', 'after'].map((target) => bench.build(join(root, 'diff'), 'Dockerfile', { target })),
    );
    const { code, stdout } = await compare('--diff', `${one}`, `${other}`, '--json', 'diff.json').ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^application +3 kB, 1 file +— +0 B, 2 files +\+3 kB$/m);
    expect(stdout).toMatch(/^\+ +3 kB +\/data\/new\n~ +3 kB +\/data\/one +content\n~ .*owner 0:0 → 1000:1000$/m);
    const { diff } = reportSchema.parse(JSON.parse(await readFile(join(root, 'diff.json'), 'utf8')));
    expect(diff).toMatchObject({ before: one, after: other, beforeBytes: 9000, afterBytes: 12_000 });
    expect(diff?.files.map(({ path, change, what }) => [path, change, ...what])).toEqual([
      ['/data/new', 'added'],
      ['/data/one', 'changed', 'content'],
      ['/data/two', 'changed', 'owner'],
    ]);
    expect((await compare('--from', 'diff.json').ended).stdout).toBe(stdout);

    const same = await compare('--diff', `${one}`, `${one}`).ended;
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining(`\nNo file differs between ${one} and`) });
    const missing = await compare('--diff', `${one}`, 'no/such:image', '--json', '-').ended;
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('FAILED image no/such:image') });
    expect(JSON.parse(missing.stdout).diff).toBeNull();
    await rm(join(root, 'diff'), { recursive: true });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s in the middle of a build leaves nothing', async (signal) => {
    const slow = (mark: string) => `FROM node:26-alpine\nRUN ["node", "-e", "setTimeout(() => {}, 3e5)", "${mark}"]\n`;
    const marks = ['single', 'multi'].map((variant) => `${variant}-${signal}-${Date.now()}`);
    await chapter('07-slow', slow(marks[0] as string));
    await chapter('07-slow', slow(marks[1] as string), 'multi');
    const { child, ended } = compare('7', '--jobs', '2');
    const sleepers = () => processesWith(marks);
    await expect.poll(sleepers, { timeout: 60_000, interval: 200 }).toBe(2);
    child.kill(signal);
    const { code, stderr } = await ended;
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(stderr).toContain('Interrupted');
    await expect.poll(sleepers, { timeout: 20_000, interval: 200 }).toBe(0);
    await rm(join(root, '07-slow'), { recursive: true });
  });
  // The faults table has Ctrl-C in all other phases: npm run test:faults -- signal:
});

/** How many processes of this machine, those in containers included, have one of these words as an argument. */
async function processesWith(words: string[]): Promise<number> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(processes.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return commands.filter((command) => command.split('\0').some((word) => words.includes(word))).length;
}
