import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { partOf } from '../docs/parts.ts';
import { readReports } from '../docs/reports.ts';
import { readDockerfile } from '../lib/dockerfile.ts';
import { recipeFor } from '../setup/stand-ins.ts';

const ROOT = join(import.meta.dirname, '../..');
const SHAPES = join(ROOT, 'scripts/shapes');
const files = (await readdir(SHAPES)).filter((name) => name.startsWith('Dockerfile.'));
const table = partOf({ reports: await readReports(ROOT), mistakes: [], trials: [] }, 'shapes');

test.each(files)('%s names its source, uses base images that have a stand-in, and is in the table', async (name) => {
  const text = await readFile(join(SHAPES, name), 'utf8');
  expect(text).toMatch(/^# Shape: .*\d{4}/);
  expect(text).toMatch(/^# Kept: /m);
  const { bases } = readDockerfile(text, name);
  for (const base of bases) expect(recipeFor(base)).not.toBeNull();
  // Each has caches of its own, so that no build is faster because of another.
  const id = `id=${name.replace('Dockerfile.', 'shapes-')}-npm,`;
  for (const [mount] of text.matchAll(/--mount=type=cache\S*/g)) expect(mount).toContain(id);
  expect(table).toContain(`(../scripts/shapes/${name}) |`);
});

test('compare measures all of them', async () => {
  const { dockerfiles } = JSON.parse(await readFile(join(SHAPES, 'compare.config.json'), 'utf8'));
  expect([...dockerfiles].sort()).toEqual([...files].sort());
});
