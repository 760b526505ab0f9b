import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../../compare/discover/chapters.ts';
import { type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { copyWithMistakes, costsOf, findMistakes, type Mistake, TIMED_MISTAKE } from '../../docs/mistakes.ts';
import { imageOf, type Reports, readReports } from '../../docs/reports.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { CLAIMS } from '../mistake-claims.ts';
import { buildPrivate, PRIVATE_PROJECT, writeNpmrc } from './private-project.ts';
import { Bench, docker, engine, ROOT, startProgram } from './test-engine.ts';
import { startRegistry } from './token-registry.ts';
import { findTraces } from './traces.ts';

/** Made up, and treated like real ones. */
const SECRETS = /made-up-(token|key)/;

const mistakes = await findMistakes(ROOT);
const bench = new Bench();
afterAll(() => bench.cleanUp());
let copy = '';
let temporary = '';

/** Everything that compare has left, on the engine and in its temporary directory. */
async function traces(): Promise<string[]> {
  const filter = ['--filter', `label=${INVOCATION_LABEL}`, '--quiet', '--no-trunc'];
  const lists = await Promise.all([docker('ps', '--all', ...filter), docker('images', '--all', ...filter)]);
  return [...lists.join('\n').split('\n').filter(Boolean), ...(await readdir(temporary))].sort();
}

/** The files of the chapters, and when each was last changed. */
async function chapterFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const chapter of await findChapterDirectories(ROOT)) {
    for (const path of await readdir(join(ROOT, chapter), { recursive: true })) {
      if (/(^|\/)(node_modules|\.turbo)(\/|$)/.test(path)) continue;
      files.push(`${chapter}/${path} ${(await stat(join(ROOT, chapter, path))).mtimeMs}`);
    }
  }
  return files;
}

/** Measures mistakes in the copy of the chapters. Returns all outputs of compare. */
async function measure(directories: string[], ...options: string[]) {
  const args = [
    ...directories.map((directory) => join(copy, directory)),
    ...options,
    '--json',
    'report.json',
    '--markdown',
    'report.md',
  ];
  const { stdout, stderr, code } = await startProgram('compare', args, { INIT_CWD: copy, TMPDIR: temporary }).ended;
  const [json, markdown] = await Promise.all(
    ['json', 'md'].map((end) => readFile(join(copy, `report.${end}`), 'utf8')),
  );
  return { report: reportSchema.parse(JSON.parse(json ?? '')), outputs: [stdout, stderr, json, markdown], code };
}

describe('the mistakes', () => {
  let measured: { report: Report; outputs: (string | undefined)[]; code: number };
  let reports: Reports;
  let before: [string[], string[]];

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'mistakes-'));
    copy = await copyWithMistakes(ROOT);
    before = [await traces(), await chapterFiles()];
    measured = await measure(
      mistakes.map(({ directory }) => directory),
      '--inside',
    );
    reports = { ...(await readReports(ROOT)), mistakes: measured.report, 'mistake-times': measured.report };
  });
  afterAll(async () => {
    await rm(dirname(copy), { recursive: true });
    await rm(temporary, { recursive: true });
  });

  const imagesOf = ({ directory }: Pick<Mistake, 'directory'>) => ({
    mistake: imageOf(measured.report, basename(directory), 'mistake'),
    fixed: imageOf(measured.report, basename(directory), 'fixed'),
  });

  test('have a claim each', () => {
    expect(mistakes.map(({ directory }) => directory).sort()).toEqual(Object.keys(CLAIMS).sort());
  });

  test.each(mistakes)('$directory costs what it claims', (one) => {
    const { unpacked: [least, most] = [0, 0], findings = [], noStart } = CLAIMS[one.directory] ?? {};
    const { mistake, fixed } = imagesOf(one);
    expect(fixed.error).toBeNull();
    const ratio = (mistake.size?.unpackedBytes ?? 0) / (fixed.size?.unpackedBytes ?? 0);
    expect(ratio).toBeGreaterThanOrEqual(least);
    expect(ratio).toBeLessThanOrEqual(most);
    if (one.directory === TIMED_MISTAKE) {
      expect(() => costsOf(one, reports)).toThrow(`${TIMED_MISTAKE} costs nothing`);
      return;
    }
    const costs = costsOf(one, reports);
    expect(costs.filter((cost) => /^(info|warning|error) /.test(cost))).toEqual(findings);
    if (noStart) expect(costs).toEqual([expect.stringMatching(noStart)]);
    else expect(mistake.error).toBeNull();
  });

  test('only the container that does not start makes compare fail', () => {
    expect(measured.code).toBe(1);
    const failed = measured.report.images.filter(({ ok }) => !ok);
    expect(failed.map(({ chapter, variant }) => [chapter, variant])).toEqual([['node-twice', 'mistake']]);
  });

  test('without an ignore file, the builder receives what is installed, and what is secret', () => {
    const { mistake, fixed } = imagesOf({ directory: 'no-dockerignore' });
    expect(fixed.context?.bytes).toBeLessThan(1_000_000);
    expect(mistake.context?.bytes).toBeGreaterThan(50_000_000);
    expect(mistake.context?.largest[0]?.path).toBe('node_modules/');
  });

  test('no output shows a secret', async () => {
    // They are there to be found.
    for (const file of [
      '01-first-dockerfile/.env',
      '04-three-stage/mistakes/secret-in-build-argument/Dockerfile.mistake',
    ])
      expect(await readFile(join(copy, file), 'utf8')).toMatch(SECRETS);
    for (const output of measured.outputs) expect(output).not.toMatch(SECRETS);
    // But where it is.
    expect(measured.outputs[0]).toMatch(/secret-in-config: .*\n +ARG NPM_TOKEN$/m);
  });

  test('npm start: npm is PID 1', async () => {
    const { report } = await measure(['02-multi-stage/mistakes/npm-start'], '--behaviour');
    const [mistake, fixed] = ['mistake', 'fixed'].map((variant) => imageOf(report, 'npm-start', variant));
    const resultOf = (image = mistake) => image?.behaviour?.find(({ name }) => name === 'pid-1');
    expect(resultOf(mistake)).toMatchObject({ ok: false, reason: expect.stringContaining('npm start') });
    expect(resultOf(fixed)).toMatchObject({ ok: true });
  });

  test('the source code before npm ci: a build after an edit takes at least twice as long', async () => {
    const { report } = await measure([TIMED_MISTAKE], '--bench', '--runs', '1');
    const [mistake, fixed] = ['mistake', 'fixed'].map(
      (variant) => imageOf(report, basename(TIMED_MISTAKE), variant).bench?.buildAfterEditMs,
    );
    expect(mistake?.median).toBeGreaterThan(2 * (fixed?.median ?? 0));
    // Of the fixed Dockerfile only what depends on the source code is built.
    expect([fixed, mistake].map((build) => build?.steps?.cached)).toEqual([3, 1]);
  });

  test('secret-in-build-argument: both install a private package, and only the fixed image is without the token', async () => {
    const token = `token-${bench.id}`;
    const registry = await startRegistry(bench, '@example/greeting', "export const greeting = 'Private';", token);
    const scratch = join(dirname(copy), 'private');
    const directory = join(scratch, 'project');
    await cp(PRIVATE_PROJECT, directory, { recursive: true });
    // As a registry's lockfile has it: the mistake says for which host the token is, not which registry has the scope.
    const lockfile = join(directory, 'package-lock.json');
    const { packages, ...lock } = JSON.parse(await readFile(lockfile, 'utf8'));
    packages['node_modules/@example/greeting'].resolved = `http://${registry}/package.tgz`;
    await writeFile(lockfile, JSON.stringify({ ...lock, packages }));
    const npmrc = await writeNpmrc(scratch, registry, token);
    const images: Record<string, string> = {};
    for (const variant of ['mistake', 'fixed']) {
      const file = join(ROOT, `04-three-stage/mistakes/secret-in-build-argument/Dockerfile.${variant}`);
      const text = (await readFile(file, 'utf8')).replaceAll('npm.example.com', registry);
      await writeFile(join(directory, 'Dockerfile'), text);
      const image = await buildPrivate(bench, directory, npmrc, '--build-arg', `NPM_TOKEN=${token}`);
      const { id, ask } = await bench.serve(image);
      expect((await ask('/')).body).toContain('Private');
      await engine.removeContainer(id);
      images[variant] = image;
    }
    expect(await findTraces([images.fixed as string], { token })).toEqual([]);
    expect(await findTraces([images.mistake as string], { token })).not.toEqual([]);
  });

  test('nothing is left on the engine, and the chapters are as they were', async () => {
    expect([await traces(), await chapterFiles()]).toEqual(before);
  });
});
