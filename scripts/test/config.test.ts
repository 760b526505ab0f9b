import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findChapters } from '../compare/discover/chapters.ts';
import { readBudgets } from '../compare/discover/config.ts';
import { CONFIG_NAME, parseLimit } from '../compare/model/budgets.ts';
import { expectedBudgets, SCHEMAS, toJsonSchema } from '../sync/sync-repository.ts';

const ROOT = join(import.meta.dirname, '../..');
const SUBJECTS = ['single', 'multi'].map((variant) => ({ chapter: 'a', variant }));
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(directory, { recursive: true }));

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
  ['{"budgets": {"a": {"b": {"download": "60 mb"}}}}', /expects a size, such as "60 MB".*\n.*budgets\.a\.b\.download/],
  ['{"budgets": {"a": {"b": {"downlod": "60 MB"}}}}', /Unrecognized key: "downlod"/],
  ['{"budgets": {"a": {"b": {"findings": ["no-such"]}}}}', /findings\[0\]/],
  ['{"budget": {}}', /budget/],
  ['{"budgets": {"a": {"multi": {"download": 60}}}}', /expects a size, such as "60 MB"/],
  ['{"budgets": {"a": {"multi": {"findings": []}}}}', /findings/],
  ['{"budgets": {"b": {"multi": {}}}}', /there is no chapter b/],
  ['{"budgets": {"b": {}}}', /there is no chapter b/],
  ['{"budgets": {"a": {"nope": {}}}}', /there is no a nope/],
  ['{"budgets": {"a": {"multi": {"download": "1% of nope"}}}}', /a multi has a limit "of nope", which does not exist/],
  ['{"budgets": {"a": {"multi": {"download": "1% of multi"}}}}', /a multi has a limit that is a part of itself/],
])('%s is refused', async (text, message) => {
  await writeFile(join(directory, CONFIG_NAME), text);
  await expect(readBudgets(directory, SUBJECTS)).rejects.toMatchObject({
    message: expect.stringMatching(message),
    exitCode: 2,
  });
});

test('a key of package.json that is nested without end is refused', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  await writeFile(join(directory, 'package.json'), `{"compare-dockerfiles": ${deep}}`);
  await expect(readBudgets(directory, SUBJECTS)).rejects.toMatchObject({
    message: expect.stringContaining('it is nested too deeply'),
    exitCode: 2,
  });
});

test('an image that is given by name may have a budget', async () => {
  const budgets = { image: { 'my/app:1': { download: '60 MB' } } };
  await writeFile(join(directory, CONFIG_NAME), JSON.stringify({ budgets }));
  expect(await readBudgets(directory, SUBJECTS)).toEqual(budgets);
});

test('the error without a file has an example', async () => {
  await expect(readBudgets(directory, SUBJECTS)).rejects.toMatchObject({
    message: expect.stringContaining('there is no such file'),
    hint: expect.stringContaining('"budgets"'),
    exitCode: 2,
  });
});

test('every chapter and variant of this repository has a budget, and no other', async () => {
  const budgets = await readBudgets(ROOT, await findChapters(ROOT));
  const names = (await findChapters(ROOT)).map(({ chapter, variant }) => `${chapter} ${variant}`);
  const budgeted = Object.entries(budgets).flatMap(([chapter, variants]) =>
    Object.keys(variants).map((variant) => `${chapter} ${variant}`),
  );
  expect(budgeted.sort()).toEqual(names.sort());
});

test('budgets may have the old names of the sizes', async () => {
  const budgets = { a: { multi: { onDisk: '60 MB', pull: '50% of single' } } };
  await writeFile(join(directory, CONFIG_NAME), JSON.stringify({ budgets }));
  expect(await readBudgets(directory, SUBJECTS)).toEqual({
    a: { multi: { unpacked: '60 MB', download: '50% of single' } },
  });
});

test.each(Object.entries(SCHEMAS))('%s is published: npm run sync', async (path, schema) => {
  expect(await readFile(join(ROOT, path), 'utf8')).toBe(toJsonSchema(schema));
});

test('the published schemas describe budgets and options, but not the flags of the command line', () => {
  const { properties } = JSON.parse(toJsonSchema(SCHEMAS['scripts/compare/model/project.schema.json']));
  expect(properties.port).toEqual({
    description: expect.stringMatching(/^port to request/),
    type: 'integer',
    minimum: 1,
    maximum: 65_535,
  });
  expect(properties.run.description).toMatch(/^false: only build/);
  expect(properties.budgets.additionalProperties).toMatchObject({ type: 'object', additionalProperties: false });
  expect(Object.keys(properties.budgets.additionalProperties.properties)).toEqual(['unpacked', 'download', 'findings']);
});

test('sync gives new variants a first budget, drops those that are gone, and keeps all limits', async () => {
  const chapters = await findChapters(ROOT);
  const budgets = await readBudgets(ROOT, chapters);
  expect(expectedBudgets(budgets, chapters)).toEqual(budgets);
  const named = { 'my/app:1': { download: '60 MB' } };
  const added = [
    { chapter: '02-multi-stage', variant: 'slim' },
    { chapter: '05-new', variant: 'single' },
    { chapter: '05-new', variant: 'multi' },
  ];
  const more = expectedBudgets({ ...budgets, image: named }, [...chapters, ...added]);
  expect(more).toEqual({
    ...budgets,
    image: named,
    '02-multi-stage': { ...budgets['02-multi-stage'], slim: { findings: ['warning'] } },
    '05-new': { single: { findings: ['error'] }, multi: { findings: ['warning'] } },
  });
  expect(expectedBudgets(more, chapters)).toEqual({ ...budgets, image: named });
});
