import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters, styleText } from 'node:util';
import { expect, test } from 'vitest';
import type { Budgets } from '../compare/model/budgets.ts';
import { type ImageReport, type Report, reportSchema } from '../compare/model/report-schema.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import { findChanges } from '../compare/report/changes.ts';
import { checkBudgets } from '../compare/report/check-budgets.ts';
import { compareImages, createReport } from '../compare/report/create-report.ts';
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
  const fixed = image(older, '03-distroless', 'single');
  fixed.findings.push({ code: 'env-file', level: 'error', message: 'x', line: null, count: 1, evidence: [] });
  fixed.findings.shift();
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

const budgets: Budgets = {
  '02-multi-stage': {
    single: { unpacked: '500 MB', findings: ['error'] },
    multi: { unpacked: ['60% of single', '200 MB'], download: ['10% of single', '40% of big'], findings: ['info'] },
    silent: { unpacked: '1 GB' },
    gone: { unpacked: '1 GB' },
  },
  '03-distroless': { single: { unpacked: ['1 GB', '300 MB'], download: '1 GiB', findings: ['compiler', 'setuid'] } },
  '09-missing': { multi: { unpacked: '1 GB' } },
};

const extras = { inside: true, changes: findChanges(report, olderReport()), check: checkBudgets(report, budgets) };

test('the terminal output of a stored report', async () => {
  await expect(`${renderTerminal(report, false)}\n`).toMatchFileSnapshot('golden/terminal.txt');
});

test('the terminal output with what is in the images', async () => {
  await expect(`${renderTerminal(report, false, { inside: true })}\n`).toMatchFileSnapshot('golden/from-inside.txt');
});

test('the notes on the build context are about the builder that was used', async () => {
  const engine = report.engine && { ...report.engine, name: 'podman', builder: 'buildah' };
  const text = renderTerminal({ ...report, engine }, false, { inside: true });
  expect(text).toContain('Podman reads the files in place.');
  expect(text).not.toContain('BuildKit sends');
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
  const plain = stripVTControlCharacters(coloured).replace(/ +$/gm, '');
  expect(plain).toBe(renderTerminal(report, false, extras));
});

test('Markdown fits where GitHub takes it', () => {
  const eight = { ...report, images: Array.from({ length: 8 }, () => image(report, '02-multi-stage', 'single')) };
  expect(renderMarkdown(eight, extras).length).toBeLessThan(65_536);
});

test('Markdown shows the first line of a long error, and its end', () => {
  const copy = structuredClone(report);
  const failed = copy.images.find(({ ok }) => !ok);
  Object.assign(failed ?? {}, { error: `failed at Dockerfile:2: RUN x\n${'  | why\n'.repeat(1000)}exit code: 3` });
  const markdown = renderMarkdown(copy);
  expect(markdown).toMatch(/```text\nfailed at Dockerfile:2: RUN x\n….*\n( {2}\| why\n)+exit code: 3\n```/);
  expect(markdown.length).toBeLessThan(renderMarkdown(report).length + 2100);
});

test('what an image holds cannot command a terminal, nor begin anything in Markdown', () => {
  const evil = '\u001b[2J\u0007\r|`<img src=x>@all';
  const copy = structuredClone(report);
  const { contents, findings, size } = image(copy, '02-multi-stage', 'single');
  for (const one of contents.largest) one.path = evil;
  for (const one of contents.packages) one.name = evil;
  for (const one of contents.waste) Object.assign(one, { path: evil, instruction: evil, removedBy: evil });
  for (const one of findings) one.evidence = [{ path: evil, layer: 0, note: evil }];
  for (const one of size.layers) one.instruction = evil;
  const ignorable = [{ path: evil, files: 1, bytes: 1e6 }];
  for (const one of copy.images) {
    const context = { bytes: 1e6, files: 1, ignoreFile: null, largest: ignorable, ignorable };
    const names = { chapter: evil, variant: evil + one.variant };
    Object.assign(one, { ...names, base: evil, error: evil, ok: false, config: { user: evil }, context });
  }
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

test('a variant that is larger than its reference says so: a sign in front of the ratio would be read as saved', () => {
  const copy = structuredClone(report);
  const { size } = image(copy, '02-multi-stage', 'multi');
  const { unpackedBytes } = image(copy, '02-multi-stage', 'single').size;
  const savedOf = (bytes: number) => {
    size.unpackedBytes = bytes;
    copy.comparisons = compareImages(copy.images);
    const line = /^ +multi +node:26-alpine.*$/m.exec(renderTerminal(copy, false))?.[0] ?? '';
    const row = /^\| 02-multi-stage \| multi .*$/m.exec(renderMarkdown(copy))?.[0] ?? '';
    return [line.trim().split(/ {2,}/)[4], row.split('|')[6]?.trim()];
  };
  expect(savedOf(unpackedBytes * 1.43)).toEqual(['43 % larger', '43 % larger']);
  expect(savedOf(unpackedBytes * 1.001)).toEqual(['0 %', '0 %']);
  expect(savedOf(unpackedBytes * 0.57)).toEqual(['43 %', '43 %']);
  size.unpackedBytes = unpackedBytes * 1.43;
  copy.comparisons = compareImages(copy.images);
  expect(renderTerminal(copy, true)).toContain(styleText('red', '43 % larger', { validateStream: false }));
});

test('tables and notes name the variant that others are compared with, also where it is not single', () => {
  /** The report of chapters that are copies of 02, each with the name of its first variant. */
  const textOf = (chapters: Record<string, string>) => {
    const source = report.images.filter(({ chapter }) => chapter === '02-multi-stage');
    const images = Object.entries(chapters).flatMap(([chapter, first]) =>
      source.map((one) => ({ ...one, chapter, variant: one.variant === 'single' ? first : one.variant })),
    );
    return renderTerminal({ ...report, images, comparisons: compareImages(images) }, false);
  };
  const alone = textOf({ app: 'Dockerfile' });
  expect(alone).toContain('the unpacked size is, compared with Dockerfile.');
  expect(alone).toContain('responses: the same status, headers and body as Dockerfile.');
  expect(alone.match(/^Against .*/gm)).toEqual(['Against Dockerfile']);
  const together = textOf({ '02-multi-stage': 'single', app: 'Dockerfile', web: 'Dockerfile' });
  const names = '02-multi-stage single, app Dockerfile, web Dockerfile.';
  expect(together).toContain(`compared with ${names}`);
  expect(together).toContain(`headers and body as ${names}`);
  expect(together.match(/^Against .*\n.*\n.*\n(?:[\w ].*\n)*/gm)?.map((table) => table.match(/^\S+/gm))).toEqual([
    ['Against', 'project', expect.any(String), '02-multi-stage'],
    ['Against', 'project', expect.any(String), 'app', 'web'],
  ]);
});

test('a variant without a measured reference is not compared', () => {
  expect(compareImages(report.images.filter(({ variant }) => variant !== 'single'))).toEqual([]);
});

test('an image of 0 bytes is no reference: there is no ratio to it', () => {
  const images = structuredClone(report.images);
  for (const { variant, size } of images)
    if (variant === 'single' && size) Object.assign(size, { unpackedBytes: 0, pullBytes: 0, layers: [] });
  expect(compareImages(images)).toEqual([]);
});

test('a rebuild does not count as a change, and neither does the report itself', () => {
  const states = (older: Report) => new Set(findChanges(report, older).images.map(({ state }) => state));
  expect(states(report)).toEqual(new Set(['unchanged', 'not compared'])); // One image failed and was not measured.
  const rebuilt = extras.changes.images.find((one) => one.image === '02-multi-stage single (stand-in)');
  // The sizes and the start differ by less than the noise; the start of Node differs by more.
  expect(rebuilt?.figures.map(([name]) => name)).toEqual(['node start']);
});

test('download sizes of another zlib are not compared', () => {
  const older = { ...olderReport(), zlib: '1.2.13' };
  const changes = findChanges(report, older);
  expect(changes.images.flatMap(({ figures }) => figures.map(([name]) => name))).not.toContain('download');
  for (const output of [renderTerminal(report, false, { changes }), renderMarkdown(report, { changes })]) {
    expect(output).toContain('Download sizes are not compared');
  }
});

test('download sizes are compared only with those that were made in the same way', () => {
  const [first] = report.images as [ImageReport];
  const download = (now: 'calculated' | 'stored', before: 'calculated' | 'stored', zlib = report.zlib) => {
    const withSize = (compression: typeof now, pullBytes: number) =>
      ({ ...first, bench: null, size: first.size && { ...first.size, compression, pullBytes } }) satisfies ImageReport;
    const [image, older] = [withSize(now, 3_000_000), withSize(before, 2_000_000)];
    const changes = findChanges({ ...report, images: [image] }, { ...report, images: [older], zlib });
    return [changes.images[0]?.difference.pullBytes, changes.notes];
  };
  expect(download('calculated', 'calculated')).toEqual([1_000_000, []]);
  expect(download('stored', 'calculated')).toEqual([null, [expect.stringContaining('where one is calculated')]]);
  expect(download('calculated', 'calculated', '1')).toEqual([null, [expect.stringContaining('with another zlib')]]);
  // What a registry has was not compressed here.
  expect(download('stored', 'stored', '1')).toEqual([1_000_000, []]);
});

test('a limit fails by one byte, and says so in bytes', () => {
  const { unpackedBytes } = image(report, '03-distroless', 'single').size;
  const at = (limit: number) =>
    checkBudgets(report, { '03-distroless': { single: { unpacked: `${limit} B` } } }).slice(0, 1);
  expect(at(unpackedBytes)).toMatchObject([{ status: 'PASS' }]);
  expect(at(unpackedBytes - 1)).toMatchObject([{ status: 'FAIL', text: expect.stringContaining('1 B too much') }]);
});

test('budgets are folded in Markdown only where none failed', () => {
  const markdown = (budgets: Budgets) => renderMarkdown(report, { check: checkBudgets(report, budgets) });
  const passed = markdown({ '03-distroless': { single: { unpacked: '1 GB' } } });
  expect(passed).toMatch(/^### Budgets: none failed\n\n<details><summary>All of them<\/summary>\n\n\| /);
  const failed = markdown({ '02-multi-stage': { silent: { unpacked: '1 GB' } } });
  expect(failed).toMatch(/^### Budgets: 1 failed\n\n\| /);
});

test('a report names what was not measured, and is written as the same bytes after it was read', () => {
  const subject = {
    ...{ chapter: '02-multi-stage', variant: 'multi', file: '02-multi-stage/Dockerfile.multi' },
    ...{ context: '/x', dockerfile: '/x/Dockerfile.multi', settings: mergeSettings() },
  };
  const bench = { runs: 3, startMs: { samples: [5, 6, 7], median: 6, reason: null } };
  const created = createReport(report.engine, [
    { subject, error: 'it broke', errorCode: 'program-failed', bench },
    { subject: { chapter: 'image', variant: 'node:26' } },
  ]);
  const unmeasured = {
    base: null,
    standIn: false,
    size: null,
    contents: null,
    findings: null,
    run: null,
    config: null,
  };
  expect(created.images).toMatchObject([
    {
      ...{ ...unmeasured, chapter: '02-multi-stage', variant: 'multi', dockerfile: '02-multi-stage/Dockerfile.multi' },
      ...{ target: null, platform: null, ok: false, error: 'it broke', errorCode: 'program-failed' },
      bench: { ...bench, stopMs: { samples: [], median: null, reason: 'not reached' }, buildColdMs: { steps: null } },
    },
    { ...unmeasured, chapter: 'image', variant: 'node:26', dockerfile: null, ok: true, error: null, errorCode: null },
  ]);
  const text = JSON.stringify(created, null, 2);
  expect(JSON.stringify(reportSchema.parse(JSON.parse(text)), null, 2)).toBe(text);
});
