import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findChapters } from '../compare/discover/chapters.ts';
import { CONFIG_NAME } from '../compare/discover/config.ts';
import { syncBudgets } from '../compare/report/budget-list.ts';

const ROOT = join(import.meta.dirname, '../..');
const ours = await readFile(join(ROOT, CONFIG_NAME), 'utf8');
const chapters = await findChapters(ROOT);
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'budgets-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Whether the file changed, and what is in it then. */
async function synced(text: string, subjects: { chapter: string; variant: string }[]) {
  await writeFile(join(folder, CONFIG_NAME), text);
  const changed = await syncBudgets(folder, subjects);
  return { changed, text: await readFile(join(folder, CONFIG_NAME), 'utf8') };
}

test('a file that lists everything stays as it is, byte for byte', async () => {
  expect(await synced(ours, chapters)).toEqual({ changed: false, text: ours });
});

test('what is new gets its first budget, what is gone loses its own, and the limits of the others stay', async () => {
  const variant = { chapter: '02-multi-stage', variant: 'slim' };
  const chapter = ['single', 'multi'].map((name) => ({ chapter: '05-new', variant: name }));
  const more = await synced(ours, [...chapters, variant, ...chapter]);
  expect(more.changed).toBe(true);
  const { budgets } = JSON.parse(more.text);
  expect(budgets['02-multi-stage']).toEqual({
    ...JSON.parse(ours).budgets['02-multi-stage'],
    slim: { findings: ['warning'] },
  });
  expect(budgets['05-new']).toEqual({ single: { findings: ['error'] }, multi: { findings: ['warning'] } });
  expect(await synced(more.text, chapters)).toEqual({ changed: true, text: ours });
});

test('budgets of images that are given by name stay', async () => {
  const { budgets } = JSON.parse(ours);
  const image = { 'my/app:1': { pull: '60 MB' } };
  const { text } = await synced(JSON.stringify({ budgets: { ...budgets, image } }), chapters);
  expect(JSON.parse(text).budgets.image).toEqual(image);
});

test('a file that is not understood is left alone', async () => {
  await expect(synced('{"budgets": 1}', chapters)).rejects.toMatchObject({ exitCode: 2 });
  expect(await readFile(join(folder, CONFIG_NAME), 'utf8')).toBe('{"budgets": 1}');
});
