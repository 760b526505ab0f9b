import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Config } from '../compare/discover/config.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { findChanges } from '../compare/report/changes.ts';
import { checkBudgets } from '../compare/report/check-budgets.ts';
import { compareImages } from '../compare/report/create-report.ts';
import { renderExplanation } from '../compare/report/explain.ts';
import { renderMarkdown } from '../compare/report/markdown.ts';
import { renderTerminal } from '../compare/report/terminal.ts';

const text = await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8');
const report = reportSchema.parse(JSON.parse(text));

const image = (from: Report, chapter: string, variant: string) => {
  const found = from.images.find((one) => one.chapter === chapter && one.variant === variant);
  if (!found?.size || !found.contents || !found.findings) throw new Error(`${chapter} ${variant} is not in the report`);
  return { ...found, size: found.size, contents: found.contents, findings: found.findings };
};

/** The report, as it might have been some weeks ago. */
function olderReport(): Report {
  const older = structuredClone(report);
  older.createdAt = '2026-10-30T09:05:00.000Z';
  const grown = image(older, '02-multi-stage', 'multi');
  grown.size.unpackedBytes -= 20_000_000;
  grown.size.pullBytes -= 7_000_000;
  grown.contents.groups.productionDependencies -= 1_500_000;
  grown.contents.groups.caches += 3_000_000;
  const rebuilt = image(older, '02-multi-stage', 'single');
  rebuilt.size.unpackedBytes += 264;
  rebuilt.contents.groups.caches += 264;
  rebuilt.size.pullBytes -= 6476;
  const mended = image(older, '03-distroless', 'single');
  mended.findings.push({ code: 'env-file', level: 'error', message: 'x', count: 1, evidence: [] });
  mended.findings.shift();
  image(older, '03-distroless', 'multi');
  for (const one of older.images) if (one.chapter === '03-distroless' && one.variant === 'multi') one.standIn = false;
  for (const { bench } of older.images) {
    if (!bench) continue;
    // Faster by more than the spread, faster by less, and not measured then.
    bench.nodeStartMs = { samples: [40, 41, 42], median: 41, reason: null };
    bench.startMs = { ...bench.startMs, median: (bench.startMs.median ?? 0) - 30 };
    bench.buildNoopMs = { samples: [], median: null, reason: 'x', steps: null };
  }
  older.images = older.images.map((one) => (one.chapter === 'image' ? { ...one, variant: 'node:24-alpine' } : one));
  return older;
}

const config: Config = {
  budgets: {
    '02-multi-stage': {
      single: { onDisk: '500 MB', findings: ['error'] },
      multi: { onDisk: ['60% of single', '200 MB'], pull: ['10% of single', '40% of big'], findings: ['info'] },
      silent: { onDisk: '1 GB' },
      gone: { onDisk: '1 GB' },
    },
    '03-distroless': { single: { onDisk: ['1 GB', '300 MB'], pull: '1 GiB', findings: ['compiler', 'setuid'] } },
    '09-missing': { multi: { onDisk: '1 GB' } },
  },
};

const extras = { inside: true, changes: findChanges(report, olderReport()), check: checkBudgets(report, config) };

test('the terminal output of a stored report', async () => {
  await expect(`${renderTerminal(report, false)}\n`).toMatchFileSnapshot('golden/terminal.txt');
});

test('the terminal output with all that can be asked for', async () => {
  await expect(`${renderTerminal(report, false, extras)}\n`).toMatchFileSnapshot('golden/inside.txt');
});

test('the Markdown', async () => {
  await expect(`${renderMarkdown(report, extras)}\n`).toMatchFileSnapshot('golden/report.md');
});

test('the JSON is the same after it was read', () => {
  expect(`${JSON.stringify(report, null, 2)}\n`).toBe(text);
});

test('an explanation', async () => {
  await expect(`${renderExplanation('npm-cache', false)}\n`).toMatchFileSnapshot('golden/explain.txt');
});

test('colour adds escape codes and nothing else', () => {
  const coloured = renderTerminal(report, true, extras);
  expect(coloured).not.toBe(renderTerminal(report, false, extras));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what an escape code begins with.
  const plain = coloured.replace(/\x1b\[\d+m/g, '').replace(/ +$/gm, '');
  expect(plain).toBe(renderTerminal(report, false, extras));
});

test('Markdown fits where GitHub takes it', () => {
  const eight = { ...report, images: Array.from({ length: 8 }, () => image(report, '02-multi-stage', 'single')) };
  expect(renderMarkdown(eight, extras).length).toBeLessThan(65_536);
});

test('what an image holds cannot command a terminal, nor begin anything in Markdown', () => {
  const evil = '\u001b[2J\u0007\r|`<img src=x>@all';
  const copy = structuredClone(report);
  const { contents, findings, size } = image(copy, '02-multi-stage', 'single');
  for (const one of contents.largest) one.path = evil;
  for (const one of contents.packages) one.name = evil;
  for (const one of contents.waste) Object.assign(one, { path: evil, instruction: evil, goneBy: evil });
  for (const one of findings) one.evidence = [{ path: evil, layer: 0, note: evil }];
  for (const one of size.layers) one.instruction = evil;
  for (const one of copy.images) Object.assign(one, { base: evil, error: evil, config: { user: evil } });
  const changes = { ...extras.changes, images: extras.changes.images.map((one) => ({ ...one, image: evil })) };
  const check = extras.check.map((one) => ({ ...one, image: evil, text: evil }));
  const terminal = renderTerminal(copy, false, { inside: true, changes, check });
  const markdown = renderMarkdown(copy, { changes, check });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  for (const output of [terminal, markdown]) expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  // Outside of code, HTML and mentions are escaped.
  expect(markdown.replace(/(`+)[^`](.*\n)*?.*?\1/g, '')).not.toMatch(/(?<!\\)<img|(?<!\\)@all/);
});

test('comparisons follow from the images', () => {
  expect(compareImages(report.images)).toEqual(report.comparisons);
});

test('a variant without a measured reference is not compared', () => {
  expect(compareImages(report.images.filter(({ variant }) => variant !== 'single'))).toEqual([]);
});

test('a rebuild is no change, and neither is the report itself', () => {
  const states = (older: Report) => new Set(findChanges(report, older).images.map(({ state }) => state));
  expect(states(report)).toEqual(new Set(['unchanged', 'not comparable'])); // The one that failed was not measured.
  const rebuilt = extras.changes.images.find((one) => one.image === '02-multi-stage single (stand-in)');
  // Sizes and the start differ by less than the noise; that Node starts slower is more.
  expect(rebuilt?.figures.map(({ name }) => name)).toEqual(['node start']);
});

test('pull sizes of another zlib are not compared', () => {
  const older = { ...olderReport(), zlib: '1.2.13' };
  const changes = findChanges(report, older);
  expect(changes.images.flatMap(({ figures }) => figures.map(({ name }) => name))).not.toContain('pull');
  for (const output of [renderTerminal(report, false, { changes }), renderMarkdown(report, { changes })]) {
    expect(output).toContain('Pull sizes are not compared');
  }
});

test('a limit fails by one byte, and says so in bytes', () => {
  const { unpackedBytes } = image(report, '03-distroless', 'single').size;
  const at = (limit: number) =>
    checkBudgets(report, { budgets: { '03-distroless': { single: { onDisk: `${limit} B` } } } }).slice(0, 1);
  expect(at(unpackedBytes)).toMatchObject([{ status: 'PASS' }]);
  expect(at(unpackedBytes - 1)).toMatchObject([{ status: 'FAIL', text: expect.stringContaining('1 B too much') }]);
});
