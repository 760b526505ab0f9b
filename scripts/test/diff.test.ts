import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { diffImages, diffMeasurements } from '../compare/inspect/diff-images.ts';
import { indexImage } from '../compare/inspect/index-image.ts';
import { type Diff, MAX_DIFF_FILES, MAX_DIFF_PACKAGES } from '../compare/model/diff-schema.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { createReport } from '../compare/report/create-report.ts';
import { renderMarkdown } from '../compare/report/markdown.ts';
import { renderTerminal } from '../compare/report/terminal.ts';
import type { ImageFacts } from '../engine/engine.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { type Entry, layerOf, read, sha256, tar } from './fixtures.ts';

const IMAGE: ImageFacts = {
  platform: 'linux/amd64',
  id: 'sha256:0',
  labels: {},
  user: '1000',
  environment: [],
  entrypoint: [],
  command: ['node', 'index.js'],
  workingDirectory: '/app',
  healthcheck: true,
  ports: [],
  diffIds: [],
};

async function image(...layers: Entry[][]) {
  const read = await Promise.all(layers.map(async (entries) => ({ ...(await layerOf(entries)), instruction: null })));
  const unpackedBytes = read.reduce((sum, { bytes }) => sum + bytes, 0);
  const indexed = indexImage(IMAGE, { layers: read, history: [] }, null);
  const wasteBytes = indexed.tree.waste.reduce((sum, { bytes }) => sum + bytes, 0);
  return { indexed, seenBytes: unpackedBytes - wasteBytes };
}

/** The difference, whose sums must add up to what the layers say, in both directions. */
async function diff(before: Entry[][], after: Entry[][]) {
  const [one, other] = [await image(...before), await image(...after)];
  const [found, back] = [diffImages(one.indexed, other.indexed), diffImages(other.indexed, one.indexed)];
  for (const [result, from, to] of [
    [found, one, other],
    [back, other, one],
  ] as const) {
    const growth = ({ added, removed, changed }: Diff['total']) =>
      added.bytes - removed.bytes + changed.afterBytes - changed.beforeBytes;
    expect(result).toMatchObject({ beforeBytes: from.seenBytes, afterBytes: to.seenBytes });
    expect(result.beforeBytes + growth(result.total)).toBe(result.afterBytes);
    expect(Object.values(result.groups).reduce((sum, totals) => sum + growth(totals), 0)).toBe(growth(result.total));
  }
  expect(back.files.length).toBe(found.files.length);
  return found;
}

/** The files of a difference, one text each: the change, path, bytes, and what changed. */
const list = ({ files }: Pick<Diff, 'files'>) =>
  files.map(({ change, path, beforeBytes, afterBytes, what, note }) =>
    [change, path, beforeBytes, afterBytes, ...what, note].filter((part) => part !== null).join(' '),
  );

const file = (name: string, content: number | string = 1, more: Partial<Entry> = {}): Entry => ({
  name,
  content: typeof content === 'number' ? 'x'.repeat(content) : content,
  ...more,
});
const link = (name: string, linkname: string): Entry => ({ name, type: 'link', linkname });
const symlink = (name: string, linkname: string): Entry => ({ name, type: 'symlink', linkname });
const directory = (name: string, more: Partial<Entry> = {}): Entry => ({ name, type: 'directory', ...more });
const npmPackage = (directory: string, name: string, version?: string, bytes = 100): Entry[] => [
  file(`${directory}/package.json`, JSON.stringify({ name, version })),
  file(`${directory}/index.js`, bytes),
];

test.each<[name: string, before: Entry[][], after: Entry[][], files: string[]]>([
  ['the same files in other layers, in another order', [[file('a'), file('b')]], [[file('b')], [file('a')]], []],
  ['a file that was added', [[file('a')]], [[file('a'), file('app/b', 7)]], ['added /app/b 7']],
  [
    'a file that a whiteout removed',
    [[file('a', 3), file('b')]],
    [[file('a', 3), file('b')], [file('.wh.a')]],
    ['removed /a 3'],
  ],
  [
    'what is in an opaque directory',
    [[file('m/a', 3)]],
    [[file('m/a', 3)], [file('m/.wh..wh..opq', 0), file('m/b', 2)]],
    ['removed /m/a 3', 'added /m/b 2'],
  ],
  ['the same size, other content', [[file('a', 'one')]], [[file('a', 'two')]], ['changed /a 3 3 content']],
  [
    'content that a later layer replaced with the same',
    [[file('a', 'one')]],
    [[file('a', 'two')], [file('a', 'one')]],
    [],
  ],
  ['a file that was emptied', [[file('a', 'one')]], [[file('a', '')]], ['changed /a 3 0 content']],
  ['only the mode', [[file('a')]], [[file('a', 1, { mode: 0o4755 })]], ['changed /a 1 1 mode mode 0644 → 4755']],
  [
    'only the owner',
    [[file('a')]],
    [[file('a', 1, { uid: 1000, gid: 5 })]],
    ['changed /a 1 1 owner owner 0:0 → 1000:5'],
  ],
  [
    'mode, owner and content',
    [[file('a', 'x')]],
    [[file('a', 'y', { mode: 0o600, gid: 1 })]],
    ['changed /a 1 1 content mode owner mode 0644 → 0600; owner 0:0 → 0:1'],
  ],
  [
    'the target of a symbolic link',
    [[symlink('a', 'b')]],
    [[symlink('a', 'c\u001b')]],
    ['changed /a 0 0 target target b → c\\u001b'],
  ],
  ['the mode of a symbolic link says nothing', [[symlink('a', 'b')]], [[{ ...symlink('a', 'b'), mode: 0o755 }]], []],
  ['a renamed file', [[file('a', 9)]], [[file('b', 9)]], ['removed /a 9', 'added /b 9']],
  [
    'a file that became a directory',
    [[file('a', 5)]],
    [[directory('a'), file('a/b', 2)]],
    ['changed /a 5 0 type file → directory', 'added /a/b 2'],
  ],
  [
    'a file that became a symbolic link',
    [[file('a', 5)]],
    [[symlink('a', 'b')]],
    ['changed /a 5 0 type file → symbolic link'],
  ],
  [
    'a directory with files: its files',
    [[directory('a'), directory('a/b'), file('a/b/c', 3)]],
    [[file('d')]],
    ['removed /a/b/c 3', 'added /d 1'],
  ],
  [
    'an empty directory',
    [[directory('a'), directory('a-b'), directory('a/b')]],
    [[directory('a')]],
    ['removed /a-b 0', 'removed /a/b 0'],
  ],
  [
    'the mode of a directory',
    [[directory('a'), file('a/b')]],
    [[directory('a', { mode: 0o700 }), file('a/b')]],
    ['changed /a 0 0 mode mode 0755 → 0700'],
  ],
  [
    'another base',
    [[file('bin/sh', 8), file('etc/os', 'one')], [file('app/x')]],
    [[file('bin/ash', 4), file('etc/os', 'six')], [file('app/x')]],
    ['removed /bin/sh 8', 'added /bin/ash 4', 'changed /etc/os 3 3 content'],
  ],
  [
    'a device',
    [[file('a', 2)]],
    [[{ name: 'a', type: 'character-device' }]],
    ['changed /a 2 0 type file → device or pipe'],
  ],
])('%s', async (_name, before, after, files) => {
  expect(list(await diff(before, after))).toEqual(files);
});

test.each<[name: string, before: Entry[][], after: Entry[][], files: string[]]>([
  ['a link has the content of its target', [[file('a', 5), link('b', 'a')]], [[file('a', 5), link('b', 'a')]], []],
  [
    'a link to a link',
    [[file('a', 5), link('b', 'a'), link('c', 'b')]],
    [[file('c', 5), link('b', 'c'), link('a', 'b')]],
    [],
  ],
  [
    'which of two paths is the link does not count',
    [[file('a', 5), link('b', 'a')]],
    [[file('b', 5), link('a', 'b')]],
    [],
  ],
  [
    'a link whose target a later layer deleted',
    [[file('b', 5)]],
    [[file('a', 5), link('b', 'a')], [file('.wh.a', 0)]],
    [],
  ],
  [
    'a path of two that was removed frees no bytes',
    [[file('a', 5), link('b', 'a')]],
    [[file('b', 5)]],
    ['removed /a 0'],
  ],
  [
    'other content at both paths',
    [[file('a', 'one'), link('b', 'a')]],
    [[file('a', 'two'), link('b', 'a')]],
    ['changed /a 3 3 content', 'changed /b 0 0 content'],
  ],
  [
    'a link that became a copy',
    [[file('a', 5), link('b', 'a')]],
    [[file('a', 5), file('b', 5)]],
    ['changed /b 0 5 links no longer a hard link'],
  ],
  [
    'a copy that became a link',
    [[file('a', 5), file('b', 5)]],
    [[file('a', 5), link('b', 'a')]],
    ['changed /b 5 0 links now a hard link'],
  ],
  ['a link to a symbolic link', [[symlink('a', 'x'), link('b', 'a')]], [[symlink('a', 'x'), symlink('b', 'x')]], []],
  ['a link that replaces its own target', [[file('a', 5)]], [[file('a', 5)], [link('a', 'a')]], []],
])('hard links: %s', async (_name, before, after, files) => {
  expect(list(await diff(before, after))).toEqual(files);
});

test('a digest of the content of each file that is not empty, however large', async () => {
  const large = Buffer.from('0123456789'.repeat(300_000));
  const key = 'x'.repeat(200);
  const layer = await tar([
    { name: 'large', content: large },
    { name: 'etc/passwd', content: key },
    file('empty', 0),
    link('link', 'large'),
    symlink('symbolic', 'large'),
  ]);
  const archive = await tar([{ name: 'a/layer.tar', content: layer }]);
  const chunks = Array.from({ length: 40 }, (_, index) => archive.subarray(index * 100_000, (index + 1) * 100_000));
  const { layers } = await read(Readable.from(chunks));
  const files = layers[0]?.files ?? [];
  const digestOf = (content: Buffer) => Buffer.from(sha256(content).slice(0, 32), 'hex').toString('base64url');
  expect(files.map(({ digest }) => digest)).toEqual([
    digestOf(large),
    digestOf(Buffer.from(key)),
    undefined,
    undefined,
    undefined,
  ]);
});

test('groups: of a removed file in the earlier image, of all others in the later one', async () => {
  const { groups, total, files } = await diff(
    [[file('etc/a', 10), file('app/b', 20), file('tmp/c', 40)]],
    [[file('app/b', 25), file('app/node_modules/d/x', 80), file('usr/local/bin/node', 160)]],
  );
  expect(total).toEqual({
    added: { files: 2, bytes: 240 },
    removed: { files: 2, bytes: 50 },
    changed: { files: 1, beforeBytes: 20, afterBytes: 25 },
  });
  expect(groups.application.changed).toEqual({ files: 1, beforeBytes: 20, afterBytes: 25 });
  expect(files.map(({ path, group }) => [path, group])).toEqual([
    ['/usr/local/bin/node', 'node'],
    ['/app/node_modules/d/x', 'productionDependencies'],
    ['/tmp/c', 'caches'],
    ['/app/b', 'application'],
    ['/etc/a', 'baseSystem'],
  ]);
});

test('packages: by name, with the versions of all copies, those that changed most first', async () => {
  const modules = 'app/node_modules';
  const global = 'usr/local/lib/node_modules';
  const { packages, packageCount } = await diff(
    [
      [
        ...npmPackage(`${modules}/kept`, 'kept', '1.0.0'),
        ...npmPackage(`${modules}/grown`, 'grown', '9.0.0', 100),
        ...npmPackage(`${modules}/gone`, 'gone', '1.0.0', 300),
        ...npmPackage(`${modules}/moved`, 'moved', '1.0.0', 50),
        ...npmPackage(`${modules}/a/node_modules/twice`, 'twice', '1.0.0'),
        ...npmPackage(`${global}/npm`, 'npm', '11.0.0', 10),
        ...npmPackage(`${global}/npm/node_modules/inner`, 'inner', '1.0.0', 10),
        ...npmPackage(`${modules}/pruned`, 'pruned', '1.0.0'),
      ],
      [file(`${modules}/.wh.pruned`, 0)],
    ],
    [
      [
        ...npmPackage(`${modules}/kept`, 'kept', '1.0.0', 2),
        ...npmPackage(`${modules}/grown`, 'grown', '10.0.0', 200),
        ...npmPackage(`${modules}/a/node_modules/moved`, 'moved', '1.0.0', 50),
        ...npmPackage(`${modules}/a/node_modules/twice`, 'twice', '1.0.0'),
        ...npmPackage(`${modules}/twice`, 'twice', '1.0.0', 100),
        ...npmPackage(`${modules}/@new/one`, '@new/one', undefined, 10),
        ...npmPackage(`${global}/npm`, 'npm', '11.1.0', 10),
        ...npmPackage(`${global}/npm/node_modules/inner`, 'inner', '2.0.0', 60),
      ],
    ],
  );
  expect(packageCount).toBe(5);
  expect(
    packages.map(({ name, before, after, ...bytes }) => [name, before, after, bytes.afterBytes - bytes.beforeBytes]),
  ).toEqual([
    ['gone', ['1.0.0'], [], -333],
    ['twice', ['1.0.0'], ['1.0.0', '1.0.0'], 134],
    ['grown', ['9.0.0'], ['10.0.0'], 101],
    ['npm', ['11.0.0'], ['11.1.0'], 50],
    ['@new/one', [], [null], 29],
  ]);
});

test('very many files and packages: the largest are listed, the sums count all', async () => {
  const many = Array.from({ length: MAX_DIFF_FILES }, (_, index) => file(`data/${index}`, index % 2));
  const packages = Array.from({ length: MAX_DIFF_PACKAGES + 5 }, (_, index) =>
    file(`app/node_modules/p${index}/package.json`, JSON.stringify({ name: `p${index}`, version: 'v'.repeat(300) })),
  );
  const found = await diff(
    [[file('z', '')]],
    [[...many, ...packages, file('last', 1000), file('z', '', { mode: 0o600 })]],
  );
  expect(found.files.length).toBe(MAX_DIFF_FILES);
  expect(found.files[0]).toMatchObject({ path: '/last' });
  // The last of all, and listed all the same: it is the only one that changed.
  expect(found.files.at(-1)).toMatchObject({ path: '/z', change: 'changed' });
  expect(found.total.added.files).toBe(MAX_DIFF_FILES + MAX_DIFF_PACKAGES + 6);
  expect(found).toMatchObject({ packageCount: MAX_DIFF_PACKAGES + 5, packages: { length: MAX_DIFF_PACKAGES } });
  expect(found.packages[0]?.after).toEqual(['v'.repeat(256)]);
  const report = reportOf(found);
  expect(report.diff).toEqual({ before: 'a:1', after: 'a:2', ...found });
  expect(renderTerminal(report, false)).toContain(
    `and ${MAX_DIFF_FILES + MAX_DIFF_PACKAGES + 7 - 20} more: --json FILE lists 10000 of all`,
  );
  expect(renderTerminal(report, false)).toContain('and 985 more: --json FILE lists 1000 of all');
  // A comment has only the first entries of a report.
  const cut = { ...found, files: found.files.slice(0, 50), packages: found.packages.slice(0, 50) };
  expect(renderTerminal(reportOf(cut), false)).toContain('and 985 more: --json FILE lists 1000 of all');
});

const named = (variant: string) => ({ subject: { chapter: 'image', variant } as const, standIn: variant === 'a:2' });
const ENGINE = { name: 'docker', version: '1', builder: 'buildkit', imageStore: 'overlay2', rootless: false };
const reportOf = (found: Omit<Diff, 'before' | 'after'>): Report =>
  createReport(ENGINE, [named('a:1'), named('a:2')], { diff: { before: 'a:1', after: 'a:2', ...found } });

const BEFORE = [
  [
    file('usr/bin/node', 5_000_000),
    file('app/index.js', 'one'),
    file('app/secret', 30, { mode: 0o644 }),
    file('etc/old', 1000),
    ...npmPackage('app/node_modules/qs', 'qs', '6.0.0', 2000),
  ],
];
const AFTER = [
  [
    file('usr/bin/node', 4_000_000),
    file('app/index.js', 'two'),
    file('app/secret', 30, { mode: 0o600, uid: 1000 }),
    file(`app/${'long/'.repeat(50)}path`, 15_000),
    file('app/|`<img src=x>@all\u001b[2J\n', 20_000),
    ...npmPackage('app/node_modules/qs', 'qs', '6.1.0', 2500),
    ...npmPackage('app/node_modules/evil', '|`<img src=x>@all\u001b[2J', '1\n', 10),
    ...npmPackage('app/node_modules/qs/node_modules/x', 'x', '1.0.0', 10),
    ...npmPackage('app/node_modules/evil/node_modules/x', 'x', '1.0.0', 10),
  ],
];

test('the terminal output', async () => {
  const output = renderTerminal(reportOf(await diff(BEFORE, AFTER)), false);
  await expect(`${output.slice(output.indexOf('Files that'))}\n`).toMatchFileSnapshot('golden/diff.txt');
});

test('the Markdown', async () => {
  const output = renderMarkdown(reportOf(await diff(BEFORE, AFTER)));
  await expect(`${output.slice(output.indexOf('### Files that'))}\n`).toMatchFileSnapshot('golden/diff.md');
});

test('equal images say so in one line', async () => {
  const report = reportOf(await diff(BEFORE, BEFORE));
  expect(renderTerminal(report, false)).toMatch(/\n\nNo file differs between a:1 and a:2 \(stand-in\)$/);
  expect(renderMarkdown(report)).toContain('\n\n### No file differs between a:1 and a:2 (stand-in)\n\n<details>');
});

test('the difference is null when an image was not measured, and the same image may be both', async () => {
  const { indexed } = await image([file('a', 5)]);
  const [one, other] = [named('x'), named('x')];
  expect(diffMeasurements([one, other], new Map([[one, indexed]]))).toBeNull();
  const both = new Map([one, other].map((measurement) => [measurement, indexed]));
  expect(diffMeasurements([one, other], both)).toMatchObject({ before: 'x', after: 'x', beforeBytes: 5, files: [] });
});

test('values that the user has given are hidden', async () => {
  const found = await diff([[symlink('x', 'y')]], [[symlink('x', 'hunter2hunter2'), file('hunter2hunter2')]]);
  addHiddenValues(['hunter2hunter2']);
  expect(reportOf(found).diff?.files).toMatchObject([{ path: '/***' }, { note: 'target y → ***' }]);
});

test('a report without a difference, as older ones are, has none', async () => {
  const { diff: _, ...older } = JSON.parse(await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8'));
  const report = reportSchema.parse(older);
  expect(report.diff).toBeNull();
  expect(renderTerminal(report, false)).not.toContain('differ between');
});
