import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import { expect, test } from 'vitest';
import { type ImageReport, type Report, reportSchema } from '../compare/model/report-schema.ts';
import { renderChart } from '../compare/report/chart.ts';

const report = reportSchema.parse(JSON.parse(await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8')));
const [measured] = report.images as [ImageReport];
const failed = report.images.find(({ size }) => size === null) as ImageReport;

/** The texts and titles of an XML document, and the numbers of its attributes. Everything that is not well-formed throws. */
function readXml(xml: string) {
  const parser = new SaxesParser({ xmlns: true });
  const [texts, titles, numbers]: [string[], string[], number[]] = [[], [], []];
  const open: string[] = [];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    open.push(name);
    for (const one of ['x', 'y', 'width', 'height']) {
      const value = attributes[one]?.value;
      if (value !== undefined) numbers.push(Number(value));
    }
  });
  parser.on('closetag', () => void open.pop());
  parser.on('text', (text) => {
    if (open.includes('title')) titles.push(text);
    else if (open.includes('text')) texts.push(text);
  });
  parser.write(xml).close();
  return { texts, titles, numbers };
}

function draw(images: Partial<ImageReport>[]): ReturnType<typeof readXml> & { svg: string } {
  const svg = renderChart({ ...report, images: images.map((image) => ({ ...measured, ...image })) } satisfies Report);
  const read = readXml(svg);
  expect(read.numbers.length).toBeGreaterThan(3);
  for (const number of read.numbers) expect(number).toBeGreaterThanOrEqual(0);
  return { ...read, svg };
}

test('the check of XML is strict', () => {
  for (const wrong of ['<a><b></a>', '<a b="<"/>', '<a>\u0007</a>', '<a/><a/>', '<a>&nope;</a>', '<a b=1/>'])
    expect(() => readXml(wrong)).toThrow();
});

test('the chart of the stored report: all its images, with stand-ins marked and what failed', () => {
  const { texts, svg } = draw(report.images);
  expect(texts).toEqual(
    expect.arrayContaining(['02-multi-stage single (stand-in)', 'image node:26-alpine (stand-in)']),
  );
  expect(texts[texts.indexOf('02-multi-stage broken (stand-in)') + 1]).toBe('FAILED');
  expect(svg).toContain('@media (prefers-color-scheme: dark)');
});

test('images of one project are named by their variants', () => {
  const { texts, titles } = draw([{ variant: 'a' }, { variant: 'b', standIn: false }]);
  expect(texts).toEqual(expect.arrayContaining(['a (stand-in)', 'b']));
  expect(titles).toEqual([expect.stringMatching(/^Unpacked size of each image\. a \(stand-in\): \d+ MB, b: \d+ MB$/)]);
});

test('one image, none, only failed ones, and images of 0 bytes', () => {
  expect(draw([{}]).numbers.every(Number.isFinite)).toBe(true);
  expect(draw([]).texts).toContain('No images were measured.');
  expect(draw([failed]).texts).toContain('FAILED');
  expect(draw([{ ...failed, ok: true }]).texts).toContain('n/a');
  const groups = Object.fromEntries(Object.keys(measured.contents?.groups ?? {}).map((name) => [name, 0]));
  const contents = measured.contents && { ...measured.contents, groups: groups as typeof measured.contents.groups };
  const empty = draw([{ size: { unpackedBytes: 0, pullBytes: 0, compression: 'calculated', layers: [] }, contents }]);
  expect(empty.texts).toContain('0 B ');
  expect(empty.numbers.every(Number.isFinite)).toBe(true);
});

test('a long name makes room for itself, a longer one loses its middle, and its title has all of it', () => {
  const widthOf = (name: string) => Number(/width="(\d+)"/.exec(draw([{ variant: name, standIn: false }]).svg)?.[1]);
  const [short, long, longer] = ['a', 'a-name-of-some-length', 'a'.repeat(500)].map(widthOf) as [
    number,
    number,
    number,
  ];
  expect(long).toBeGreaterThan(short);
  expect(longer).toBeGreaterThan(long);
  expect(longer).toBeLessThan(2 * short);
  const name = `first-${'x'.repeat(100)}-last`;
  const { texts, titles } = draw([{ variant: name, standIn: false }]);
  expect(texts).toContainEqual(expect.stringMatching(/^first-x+…x+-last$/));
  expect(titles).toContain(name);
});

test.each([
  '<script>&"\']]>',
  '\u001b[2J\u0000\u0007\r\n',
  'half of a pair: \ud83d',
  '\uffff\u202e',
  '日本語'.repeat(30),
])('a name cannot break the document: %j', (name) => {
  const { svg, texts } = draw([{ variant: name }, { chapter: name, base: name }]);
  expect(svg).not.toContain('<script>');
  expect(texts.join('\n')).not.toMatch(/\p{Bidi_Control}|\p{Surrogate}|[\uFFFE\uFFFF]|[^\P{Cc}\n]/u);
});
