import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareImages } from '../src/report/report.ts';
import { reportSchema } from '../src/report/schema.ts';
import { renderTerminal } from '../src/report/terminal.ts';

const stored = JSON.parse(await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8'));
const report = reportSchema.parse(stored);

test('the terminal output of a stored report', async () => {
  await expect(`${renderTerminal(report, false)}\n`).toMatchFileSnapshot('golden/terminal.txt');
});

test('colour adds escape codes and nothing else', () => {
  const coloured = renderTerminal(report, true);
  expect(coloured).not.toBe(renderTerminal(report, false));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what an escape code begins with.
  const plain = coloured.replace(/\x1b\[\d+m/g, '').replace(/ +$/gm, '');
  expect(plain).toBe(renderTerminal(report, false));
});

test('comparisons follow from the images', () => {
  expect(compareImages(report.images)).toEqual(report.comparisons);
});

test('a variant without a measured reference is not compared', () => {
  expect(compareImages(report.images.filter(({ variant }) => variant !== 'single'))).toEqual([]);
});
