import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findChapters } from '../compare/discover/chapters.ts';
import {
  CONFIG_NAME,
  CONFIG_SCHEMA_FILE,
  configJsonSchema,
  PROJECT_SCHEMA_FILE,
  parseLimit,
  projectJsonSchema,
  readConfig,
} from '../compare/discover/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const SUBJECTS = ['single', 'multi'].map((variant) => ({ chapter: 'a', variant }));
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ['60 MB', { bytes: 60e6 }],
  ['60MB', { bytes: 60e6 }],
  ['1.5 GB', { bytes: 1.5e9 }],
  ['10 MiB', { bytes: 10 * 2 ** 20 }],
  ['512 B', { bytes: 512 }],
  ['60% of single', { ratio: 0.6, of: 'single' }],
  ['12.5 % of big-one', { ratio: 0.125, of: 'big-one' }],
])('a limit of %s', (text, limit) => expect(parseLimit(text)).toEqual(limit));

test.each([
  ['{', /compare\.config\.json: .*JSON/],
  ['{"budgets": {"a": {"b": {"pull": "60 mb"}}}}', /a limit is a size, such as "60 MB".*\n.*budgets\.a\.b\.pull/],
  ['{"budgets": {"a": {"b": {"pul": "60 MB"}}}}', /Unrecognized key: "pul"/],
  ['{"budgets": {"a": {"b": {"findings": ["no-such"]}}}}', /findings\[0\]/],
  ['{"budget": {}}', /budget/],
  ['{"budgets": {"a": {"multi": {"pull": 60}}}}', /a limit is a size, such as "60 MB"/],
  ['{"budgets": {"a": {"multi": {"findings": []}}}}', /findings/],
  ['{"budgets": {"b": {"multi": {}}}}', /there is no b multi/],
  ['{"budgets": {"b": {}}}', /there is no chapter b/],
  ['{"budgets": {"a": {"nope": {}}}}', /there is no a nope/],
  ['{"budgets": {"a": {"multi": {"pull": "1% of nope"}}}}', /a multi has a limit "of nope", which is not there/],
  ['{"budgets": {"a": {"multi": {"pull": "1% of multi"}}}}', /a multi has a limit that is a part of itself/],
])('%s is refused with the place', async (text, message) => {
  await writeFile(join(folder, CONFIG_NAME), text);
  await expect(readConfig(folder, SUBJECTS)).rejects.toMatchObject({
    message: expect.stringMatching(message),
    exitCode: 2,
  });
});

test('an image that is given by name may have a budget', async () => {
  const budgets = { image: { 'my/app:1': { pull: '60 MB' } } };
  await writeFile(join(folder, CONFIG_NAME), JSON.stringify({ budgets }));
  expect(await readConfig(folder, SUBJECTS)).toEqual({ budgets });
});

test('without a file, an example says what to write', async () => {
  await expect(readConfig(folder, SUBJECTS)).rejects.toMatchObject({
    message: expect.stringContaining('there is no such file'),
    hint: expect.stringContaining('"budgets"'),
    exitCode: 2,
  });
});

test('every chapter and variant of this repository has a budget, and no other', async () => {
  const { budgets } = await readConfig(ROOT, await findChapters(ROOT));
  const names = (await findChapters(ROOT)).map(({ chapter, variant }) => `${chapter} ${variant}`);
  const budgeted = Object.entries(budgets).flatMap(([chapter, variants]) =>
    Object.keys(variants).map((variant) => `${chapter} ${variant}`),
  );
  expect(budgeted.sort()).toEqual(names.sort());
});

test('the schemas are published as they are: npm run sync', async () => {
  expect(await readFile(CONFIG_SCHEMA_FILE, 'utf8')).toBe(configJsonSchema());
  expect(await readFile(PROJECT_SCHEMA_FILE, 'utf8')).toBe(projectJsonSchema());
});
