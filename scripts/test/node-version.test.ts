import { expect, test } from 'vitest';
import { createNodeVersionFinder } from '../compare/inspect/find-node-version.ts';
import { insideSections } from '../compare/report/inside.ts';
import { readReport } from '../compare/report/read-report.ts';
import { endOfLife, supportedMajors } from '../lib/node-schedule.ts';
import { layerOf } from './fixtures.ts';

/** The version in a content that arrives in these chunks. */
function find(chunks: (string | Buffer)[], path = 'usr/local/bin/node'): string | undefined {
  const finder = createNodeVersionFinder(path);
  for (const chunk of chunks) finder?.write(Buffer.from(chunk));
  return finder?.end();
}

const content = `${'x'.repeat(200)}node.js/vX node.js/v\0node.js/v26.12.1\0Browser${'y'.repeat(200)}`;

test('the version is found wherever the content is cut into chunks', () => {
  for (let cut = 0; cut <= content.length; cut += 1) {
    expect([cut, find([content.slice(0, cut), content.slice(cut)])]).toEqual([cut, '26.12.1']);
  }
  for (const size of [1, 2, 3, 7, 64, 113]) {
    const chunks = content.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    expect([size, find(chunks)]).toEqual([size, '26.12.1']);
  }
});

test.each([
  ['the whole content', 'node.js/v26.12.1', '26.12.1'],
  ['the end of the content', '\0node.js/v8.0.0', '8.0.0'],
  ['a version before a release', '\0node.js/v27.0.0-alpha.1\0', '27.0.0-alpha.1'],
  ['a nightly version', '\0node.js/v27.0.0-nightly20261126abcdef0123\0', '27.0.0-nightly20261126abcdef0123'],
  ['the first of two', 'node.js/v20.1.2 node.js/v22.3.4', '20.1.2'],
  ['an address', 'https://nodejs.org/v20.1.2', undefined],
  ['a number without an end', `node.js/v${'1'.repeat(1000)}`, undefined],
  ['two numbers', 'node.js/v26.12\0', undefined],
  ['nothing', '', undefined],
])('%s', (_name, text, version) => expect(find([text])).toBe(version));

test.each([
  ['usr/local/bin/node', true],
  ['nodejs/bin/node', true],
  ['usr/bin/nodejs', true],
  ['root/.nvm/versions/node/v26.12.1/bin/node', true],
  ['usr/lib/x86_64-linux-gnu/libnode.so.115', true],
  ['usr/bin/nodemon', false],
  ['app/node.js', false],
  ['app/libnode.so.md', false],
])('%s is Node: %s', (path, isNode) => expect(find(['node.js/v26.12.1'], path)).toBe(isNode ? '26.12.1' : undefined));

test('a layer keeps the version of a file that arrives in many chunks, and nothing of others', async () => {
  const program = Buffer.alloc(300_000, 'z');
  program.write('node.js/v24.1.0\0', (1 << 16) - 5);
  const { files } = await layerOf([
    { name: 'bin/node', content: program },
    { name: 'bin/other', content: program },
    { name: 'lib/node', content: 'const version = 1;' },
  ]);
  expect(files.map(({ path, note }) => [path, note])).toEqual([
    ['bin/node', { type: 'node', version: '24.1.0' }],
    ['bin/other', undefined],
    ['lib/node', undefined],
  ]);
});

test('a content that is nothing but beginnings ends soon', () => {
  const chunk = Buffer.alloc(1 << 16, 'node.js/v');
  const start = performance.now();
  expect(find(Array(100).fill(chunk))).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(5000);
});

test('the end of life of a version, where the schedule has it', () => {
  const versions = ['4.9.1', '18.20.8', '20.20.2', '22.1.0', '24.0.0', '25.9.9', '26.12.1', '27.0.0', '0.12.0', 'x'];
  expect(versions.map(endOfLife)).toEqual([
    ...['2018-04-30', '2025-04-30', '2026-04-30', '2027-04-30', '2028-04-30', '2026-06-01', '2029-04-30'],
    ...[null, null, null],
  ]);
});

test('the supported versions are those with long-term support that has not ended', () => {
  expect(supportedMajors('2026-11-01')).toEqual([26, 24, 22]);
  expect(supportedMajors('2026-10-01')).toEqual([24, 22]);
  expect(supportedMajors('2026-04-30')).toEqual([24, 22, 20]);
});

test.each([
  ['2025-04-30T23:59:59.000Z', '18.20.8 (end of life: 2025-04-30)'],
  ['2025-05-01T00:00:00.000Z', '18.20.8 (past its end of life: 2025-04-30)'],
])('on %s, --inside says: Node %s', async (createdAt, text) => {
  const report = await readReport('golden/report.json', import.meta.dirname);
  const [image] = report.images;
  if (!image?.contents) throw new Error('The report has no contents.');
  const { facts } = image.contents;
  const note = () =>
    insideSections({ ...report, createdAt, images: [image] })
      .flat()
      .at(-1)
      ?.notes.at(-1);
  const node = { path: '/usr/bin/node', version: '18.20.8', endOfLife: '2025-04-30' };
  facts.node = [node, { ...node, path: '/opt/node' }];
  expect(note()).toBe(`executables: 1053, setuid files: 0; Node: ${text}`);
  facts.node = [node, { ...node, version: '31.0.0', endOfLife: null }];
  expect(note()).toContain(`Node: ${text}, 31.0.0 (end of life: n/a)`);
  facts.node = Array.from({ length: 1000 }, (_, index) => ({ ...node, version: `31.0.${index}`, endOfLife: null }));
  expect(note()).toMatch(/Node: (31\.0\.\d \(end of life: n\/a\), ){5}and 995 more$/);
  facts.node = [];
  expect(note()).toContain('Node: n/a (no version was found)');
  image.contents.groups.node = 0;
  expect(note()).toContain('Node: none');
  facts.node = null;
  expect(note()).toContain('package managers: ');
});
