import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChapters } from '../../compare/discover/chapters.ts';
import { type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { readReports } from '../../docs/reports.ts';
import { describeWithEngine, ROOT } from './test-engine.ts';

// What the lessons promise of the sizes, measured by compare itself.

const CACHE = join(ROOT, 'node_modules/.cache/multi-stage-node');

describeWithEngine('sizes', () => {
  let folder = '';
  let report: Report;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sizes-'));
    report = await compare();
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function compare(...args: string[]): Promise<Report> {
    const path = join(folder, 'report.json');
    const command = ['scripts/start.mjs', 'compare', ...args, '--json', path];
    const [code] = await once(spawn(process.execPath, command, { cwd: ROOT, stdio: 'ignore' }), 'close');
    expect(code).toBe(0);
    return reportSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  }

  const image = (name: string) => {
    const found = report.images.find(({ chapter, variant }) => `${chapter} ${variant}` === name);
    if (!found?.size) throw new Error(`${name} was not measured`);
    return { ...found, size: found.size };
  };
  const onDisk = (name: string) => image(name).size.unpackedBytes;

  test('every Dockerfile was built, ran and answered', async () => {
    const names = (await findChapters(ROOT)).map(({ chapter, variant }) => `${chapter} ${variant}`);
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(report.images.filter(({ ok }) => ok).map(({ chapter, variant }) => `${chapter} ${variant}`)).toEqual(names);
  });

  test('the full image is over 1 GB, and the others are well below it', () => {
    expect(onDisk('01-first-dockerfile single')).toBeGreaterThan(1e9);
    expect(onDisk('02-multi-stage multi')).toBeLessThanOrEqual(0.65 * onDisk('02-multi-stage single'));
    expect(onDisk('03-distroless multi')).toBeLessThanOrEqual(0.15 * onDisk('01-first-dockerfile single'));
  });

  test('deleting in a later layer shrinks nothing', () => {
    // 04 single deletes what 02 single leaves, on the same base image: it is not even a twentieth smaller.
    const [tidied, left] = [image('04-three-stage single').size, image('02-multi-stage single').size];
    expect(tidied.layers.some(({ instruction }) => instruction?.includes('npm prune'))).toBe(true);
    expect(tidied.unpackedBytes).toBeGreaterThan(0.95 * left.unpackedBytes);
    expect(tidied.pullBytes).toBeGreaterThan(0.95 * left.pullBytes);
  });

  test('the numbers that the documents show are still so: npm run docs', async () => {
    const { chapters: stored } = await readReports(ROOT);
    expect(stored.images.map(({ chapter, variant }) => `${chapter} ${variant}`)).toEqual(
      report.images.map(({ chapter, variant }) => `${chapter} ${variant}`),
    );
    for (const { chapter, variant, standIn, size } of stored.images) {
      const now = image(`${chapter} ${variant}`);
      // The documents say which base images they were measured with. On others the sizes are others.
      if (now.standIn !== standIn) continue;
      for (const key of ['unpackedBytes', 'pullBytes'] as const) {
        const off = Math.abs(now.size[key] / (size?.[key] ?? 0) - 1);
        expect([chapter, variant, key, off < 0.02]).toEqual([chapter, variant, key, true]);
      }
    }
  });

  test('every layer has its instruction, and its numbers add up', () => {
    for (const { chapter, variant } of report.images) {
      const { layers, unpackedBytes, pullBytes } = image(`${chapter} ${variant}`).size;
      expect(layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(unpackedBytes);
      expect(layers.reduce((sum, layer) => sum + layer.pullBytes, 0)).toBe(pullBytes);
      expect(layers.at(-1)?.instruction).not.toBeNull();
    }
  });

  test('layers that were measured before are not measured again', async () => {
    const times = async () => {
      const files = (await readdir(CACHE, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
      const all = files.map(async ({ parentPath, name }) => [name, (await stat(join(parentPath, name))).mtimeMs]);
      return Object.fromEntries(await Promise.all(all));
    };
    const before = await times();
    const again = await compare();
    expect(await times()).toEqual(before);
    expect(again.images.map(({ size }) => size)).toEqual(report.images.map(({ size }) => size));
  });
});
