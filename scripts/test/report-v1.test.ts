import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImageReport } from '../compare/model/report-schema.ts';
import { upgradeReport } from '../compare/model/report-v1.ts';
import { renderMarkdown } from '../compare/report/markdown.ts';
import { readReport } from '../compare/report/read-report.ts';
import { renderTerminal } from '../compare/report/terminal.ts';
import { REPORT_FILES } from '../docs/reports.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const ROOT = join(import.meta.dirname, '../..');

const stored = () => readFile(join(GOLDEN, 'report-v1.json'), 'utf8');

test('a report of version 1 is read as one of version 2', async () => {
  const old = JSON.parse(await stored());
  const { schemaVersion, images, ...rest } = await readReport('report-v1.json', GOLDEN);
  expect(schemaVersion).toBe(2);
  expect(rest).not.toHaveProperty('mistakes');
  const [single, broken] = images as [ImageReport, ImageReport];
  const { contents } = old.images[0];
  expect(contents.packages[0].broughtBy.length).toBeGreaterThan(0);
  expect(single.contents?.packages.map(({ requiredBy }) => requiredBy)).toEqual(
    contents.packages.map(({ broughtBy }: { broughtBy: string[] }) => broughtBy),
  );
  expect(contents.waste.length).toBeGreaterThan(0);
  expect(single.contents?.waste.map(({ removedIn, removedBy }) => [removedIn, removedBy])).toEqual(
    contents.waste.map(({ goneIn, goneBy }: { goneIn: number; goneBy: string }) => [goneIn, goneBy]),
  );
  expect(single).not.toHaveProperty('rollout');
  expect(broken).toMatchObject({ ok: false, errorCode: null, error: old.images[1].error });
});

test('behaviours get their new names and keep their results', async () => {
  const old: { name: string; ok: boolean | null }[] = JSON.parse(await stored()).images[0].behaviour;
  const [single] = (await readReport('report-v1.json', GOLDEN)).images;
  const renamed = { 'same-answers': 'same-responses', 'process-1': 'pid-1' } as Record<string, string>;
  expect(single?.behaviour?.map(({ name, ok }) => [name, ok])).toEqual(
    old.filter(({ name }) => name !== 'zombies').map(({ name, ok }) => [renamed[name] ?? name, ok]),
  );
});

test('nothing that was measured is lost', async () => {
  const old = JSON.parse(await stored());
  const report = await readReport('report-v1.json', GOLDEN);
  // What came later.
  const findingsOf = ({ findings }: ImageReport) => findings?.map(({ line: _, ...finding }) => finding) ?? null;
  const sizeOf = ({ size }: ImageReport) => size && { ...size, compression: undefined };
  expect(
    report.images.map((image) => {
      const { bench, run } = image;
      return { size: sizeOf(image), findings: findingsOf(image), bench, run };
    }),
  ).toEqual(old.images.map(({ size, findings, bench, run }: ImageReport) => ({ size, findings, bench, run })));
});

test('the stored reports of the documents are read, and every output can be made from them', async () => {
  for (const file of Object.values(REPORT_FILES)) {
    const report = await readReport(file, ROOT);
    expect(renderTerminal(report, false, { inside: true })).toContain(report.images[0]?.chapter);
    expect(renderMarkdown(report)).toContain('### Image sizes');
  }
});

test.each([null, 7, 'x', [], {}, { schemaVersion: 3 }, { schemaVersion: 2, images: [{ contents: null }] }])(
  'a document of another kind is returned as it is: %j',
  (document) => {
    expect(upgradeReport(document)).toBe(document);
  },
);

test.each([
  { schemaVersion: 1 },
  { schemaVersion: 1, images: null },
  { schemaVersion: 1, images: [null, 7, { contents: { packages: 7, waste: [null] }, behaviour: [null, 7] }] },
])('a damaged report of version 1 is left to the schema: %j', (document) => {
  expect(upgradeReport(document)).toEqual({ ...document, schemaVersion: 2 });
});
