import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChapters } from '../../compare/discover/chapters.ts';
import { type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { subjectName } from '../../compare/model/subject.ts';
import { readReports } from '../../docs/reports.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { Bench, docker, ROOT, startCompare } from './test-engine.ts';
import { typedDocker } from './typed-docker.ts';

// The part of the image tests that `npm test` includes: compare on all chapters as a person runs it, what the lessons
// promise of the sizes, and one chapter built and run by hand.

const bench = new Bench();
const typed = typedDocker(bench);
afterAll(() => typed.cleanUp());

describe('npm run compare', () => {
  let directory = '';
  let report: Report;
  let before: string[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'short-pass-'));
    before = await leftovers();
    const path = join(directory, 'report.json');
    const { code, stderr } = await startCompare(['--json', path]).ended;
    expect(code, stderr).toBe(0);
    report = reportSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const sizeOf = (name: string) => {
    const { size } = report.images.find((image) => subjectName(image) === name) ?? {};
    if (!size) throw new Error(`${name} was not measured`);
    return size;
  };
  const unpacked = (name: string) => sizeOf(name).unpackedBytes;

  test('every Dockerfile is built, runs and responds', async () => {
    const names = (await findChapters(ROOT)).map(subjectName);
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(report.images.filter(({ ok }) => ok).map(subjectName)).toEqual(names);
  });

  test('the full image is over 1 GB, and the others are well below it', () => {
    expect(unpacked('01-first-dockerfile single')).toBeGreaterThan(1e9);
    expect(unpacked('02-multi-stage multi')).toBeLessThanOrEqual(0.65 * unpacked('02-multi-stage single'));
    expect(unpacked('03-distroless multi')).toBeLessThanOrEqual(0.15 * unpacked('01-first-dockerfile single'));
  });

  test('deleting in a later layer shrinks nothing', () => {
    // 04 single deletes what 02 single leaves, on the same base image: it is not even a twentieth smaller.
    const [deleted, left] = [sizeOf('04-three-stage single'), sizeOf('02-multi-stage single')];
    expect(deleted.layers.some(({ instruction }) => instruction?.includes('npm prune'))).toBe(true);
    expect(deleted.unpackedBytes).toBeGreaterThan(0.95 * left.unpackedBytes);
    expect(deleted.pullBytes).toBeGreaterThan(0.95 * left.pullBytes);
  });

  test('every layer has its instruction, and its numbers add up', () => {
    for (const image of report.images) {
      const { layers, unpackedBytes, pullBytes } = sizeOf(subjectName(image));
      expect(layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(unpackedBytes);
      expect(layers.reduce((sum, layer) => sum + layer.pullBytes, 0)).toBe(pullBytes);
      expect(layers.at(-1)?.instruction).not.toBeNull();
    }
  });

  test('the numbers in the documents are still correct: npm run docs', async () => {
    const { chapters: stored } = await readReports(ROOT);
    expect(stored.images.map(subjectName)).toEqual(report.images.map(subjectName));
    for (const { chapter, variant, standIn, size } of stored.images) {
      const now = report.images.find((image) => image.chapter === chapter && image.variant === variant);
      // The documents say which base images they were measured with. On others the sizes differ.
      if (now?.standIn !== standIn) continue;
      for (const key of ['unpackedBytes', 'pullBytes'] as const) {
        const off = Math.abs((now.size?.[key] ?? 0) / (size?.[key] ?? 0) - 1);
        expect([chapter, variant, key, off < 0.02]).toEqual([chapter, variant, key, true]);
      }
    }
  });

  test('leaves nothing on the engine', async () => {
    expect(await leftovers()).toEqual(before);
  });
});

/** The containers and images of all invocations of compare. */
async function leftovers(): Promise<string[]> {
  const filter = ['--filter', `label=${INVOCATION_LABEL}`, '--quiet', '--no-trunc'];
  const lists = await Promise.all([docker('ps', '--all', ...filter), docker('images', '--all', ...filter)]);
  return lists.join('\n').split('\n').filter(Boolean).sort();
}

test('docker build and docker run, as the write-ups type them', async () => {
  await typed.buildAndRun(join(ROOT, '02-multi-stage'), `multi-stage-demo-${bench.id}`);
});
