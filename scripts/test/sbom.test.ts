import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { expect, test, vi } from 'vitest';
import { readOptions } from '../compare/cli.ts';
import { indexImage } from '../compare/inspect/index-image.ts';
import { inspectImage } from '../compare/inspect/inspect-image.ts';
import { listComponents } from '../compare/inspect/list-components.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import type { OsPackage } from '../compare/model/sbom-schema.ts';
import { compare } from '../compare/pipeline.ts';
import { packageUrl } from '../compare/report/package-url.ts';
import { readReport } from '../compare/report/read-report.ts';
import { renderSbom } from '../compare/report/sbom.ts';
import { type Entry, layerOf, tar } from './fixtures.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const stored = await readReport('report.json', GOLDEN);

// The published schema with the formats of its texts.
const validator = new JsonStrictValidator(Version.v1dot6);

const manifest = (name: string, content: object): Entry => ({ name, content: JSON.stringify(content) });
const dpkg = (...names: string[]) => names.map((name) => `Package: ${name}\nStatus: install ok installed\n`).join('\n');

const APP: Entry[] = [
  { name: 'etc/os-release', type: 'symlink', linkname: '../usr/lib/os-release' },
  { name: 'usr/lib/os-release', content: 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n' },
  {
    name: 'var/lib/dpkg/status',
    content: `${dpkg('bash')}Version: 5.2.37-2+b10\nArchitecture: amd64\nSource: bash (5.2.37-2)\n\n${dpkg('zlib1g')}Version: 1:1.3.1-1\nArchitecture: amd64\nSource: zlib\n`,
  },
  { name: 'usr/local/bin/node', content: '\0node.js/v26.12.1\0', mode: 0o755 },
  manifest('usr/local/lib/node_modules/npm/package.json', { name: 'npm', version: '11.21.2' }),
  manifest('usr/local/lib/node_modules/npm/node_modules/tar/package.json', { name: 'tar', version: '7.0.0' }),
  manifest('opt/yarn-v1.22.22/package.json', { name: 'yarn', version: '1.22.22' }),
  manifest('app/package.json', {
    name: 'my-app',
    version: '1.0.0',
    dependencies: { express: '5' },
    devDependencies: { '@types/node': '26' },
  }),
  manifest('app/node_modules/express/package.json', { name: 'express', version: '5.2.0' }),
  manifest('app/node_modules/express/lib/package.json', { name: 'not-a-package', version: '1.0.0' }),
  manifest('app/node_modules/@types/node/package.json', { name: '@types/node', version: '26.6.0' }),
  manifest('app/node_modules/unnamed/package.json', {}),
  manifest('app/dist/package.json', { type: 'module' }),
  manifest('app/node_modules/gone/package.json', { name: 'gone', version: '1.0.0' }),
];
const DELETION: Entry[] = [{ name: 'app/node_modules/.wh.gone' }];

/** The stored report with one image, which has these layers. */
async function reportOf(...layers: Entry[][]): Promise<Report> {
  const [first] = stored.images;
  if (!first) throw new Error('The report has no images.');
  const facts = { id: `sha256:${'0'.repeat(64)}`, platform: 'linux/amd64', labels: {}, user: '', environment: [] };
  const command = { entrypoint: [], command: [], workingDirectory: '/app', healthcheck: false, ports: [], diffIds: [] };
  const read = await Promise.all(layers.map(async (entries) => ({ ...(await layerOf(entries)), instruction: null })));
  const indexed = indexImage({ ...facts, ...command }, { layers: read, history: [] }, null);
  const image = { ...first, ...inspectImage(indexed), components: listComponents(indexed) };
  // As it is read again from what --json writes.
  return reportSchema.parse(JSON.parse(JSON.stringify({ ...stored, images: [image], comparisons: [] })));
}

/** The SBOM of a report, which is valid. */
async function render(report: Report) {
  const text = await renderSbom(report, { version: '1.2.3' });
  if (text === null) throw new Error('There is no document.');
  expect(await validator.validate(text)).toBeNull();
  return { text, document: JSON.parse(text) };
}

test('the parts of an image, as its golden file has them', async () => {
  const { text, document } = await render(await reportOf(APP, DELETION));
  await expect(`${text}\n`).toMatchFileSnapshot('golden/sbom.cdx.json');
  const names = document.components.map(({ purl, name }: { purl?: string; name: string }) => purl ?? name);
  expect(names).toEqual([
    'debian',
    'pkg:generic/node@26.12.1',
    'pkg:deb/debian/bash@5.2.37-2%2Bb10?arch=amd64&distro=debian-13&upstream=bash%405.2.37-2',
    'pkg:deb/debian/zlib1g@1:1.3.1-1?arch=amd64&distro=debian-13&upstream=zlib',
    'pkg:npm/%40types/node@26.6.0',
    'pkg:npm/express@5.2.0',
    'pkg:npm/unnamed',
    'my-app',
    'pkg:npm/yarn@1.22.22',
    'pkg:npm/tar@7.0.0',
    'pkg:npm/npm@11.21.2',
  ]);
});

test('the same report gives the same bytes, another one another serial number', async () => {
  const report = await reportOf(APP);
  const { text, document } = await render(report);
  expect((await render(structuredClone(report))).text).toBe(text);
  const other = await render({ ...report, createdAt: '2026-11-21T12:00:01.000Z' });
  expect(other.document.serialNumber).not.toBe(document.serialNumber);
  expect(other.document.metadata.timestamp).toBe('2026-11-21T12:00:01.000Z');
});

// biome-ignore lint/suspicious/noExplicitAny: what is damaged is not CycloneDX any more.
test.each<[string, (document: any) => void]>([
  ['no bomFormat', (document) => delete document.bomFormat],
  ['a component without a name', ({ components }) => delete components[0].name],
  ['a component of an unknown type', ({ components }) => Object.assign(components[0], { type: 'runtime' })],
  ['a component without a type', ({ components }) => delete components[1].type],
  ['a version that is too long', ({ components }) => Object.assign(components[1], { version: '1'.repeat(1025) })],
  ['an unknown property', ({ components }) => Object.assign(components[2], { path: '/x' })],
  ['an empty bom-ref', ({ components }) => Object.assign(components[2], { 'bom-ref': '' })],
  [
    'a property without a value that is text',
    ({ components }) => Object.assign(components[1].properties[0], { value: 1 }),
  ],
  ['a time that is none', ({ metadata }) => Object.assign(metadata, { timestamp: 'yesterday' })],
  ['a serial number that is none', (document) => Object.assign(document, { serialNumber: 'urn:uuid:1' })],
])('the validator refuses %s', async (_name, damage) => {
  const { document } = await render(await reportOf(APP));
  damage(document);
  expect(await validator.validate(JSON.stringify(document))).not.toBeNull();
});

const EVIL = [
  ...['', ' ', '@', '@/', '@a/', '/', '//', '../../x', 'a b', 'a@1', 'pkg:npm/x@1?a=b#c', '%00', '%', '💥', '\ud800x'],
  ...['\u001b[31mred\u0007', '\u202eabc', '"]}', '<script>', 'constructor', '__proto__', 'x'.repeat(2000)],
];

test('names and versions of any kind give a valid document, in which each part has its own name', async () => {
  const npm = EVIL.map((text, index) =>
    manifest(`app/node_modules/p${index}/package.json`, {
      name: text,
      version: text,
      devDependencies: { [text]: '1' },
    }),
  );
  const apps = EVIL.map((text, index) => manifest(`srv/${index}/package.json`, { name: text || 'x', version: text }));
  const database = EVIL.map(
    (text) => `Package: ${text}\nStatus: install ok installed\nVersion: ${text}\nSource: ${text}\n`,
  );
  const report = await reportOf([
    ...npm,
    ...apps,
    { name: 'var/lib/dpkg/status', content: [...database, ...database].join('\n') },
    { name: 'lib/apk/db/installed', content: EVIL.map((text) => `P:${text}\nV:${text}\nA:${text}\n`).join('\n') },
    { name: 'etc/os-release', content: `ID="${'<'.repeat(400)}"\nVERSION_ID="\u202e'"\n` },
    { name: 'bin/node', content: `node.js/v1.2.3-${'a'.repeat(79)}\0` },
  ]);
  const { document } = await render(report);
  const refs = document.components.map((component: Record<string, string>) => component['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  expect(refs.length).toBeGreaterThan(4 * EVIL.length);
  for (const { purl } of document.components)
    expect(purl ?? 'pkg:a/b').toMatch(/^pkg:[a-z]+(\/[\w%.:~-]+){1,2}(@|\?|$)/);
  expect(JSON.stringify(document).length).toBeLessThan(1_000_000);
});

test.each([
  ['/home/me/secret/app.tar', 'app.tar'],
  ['../a/layout/', 'layout/'],
  ['./a.tar#team/app:1', 'a.tar#team/app:1'],
  ['/', '/'],
  ['docker://registry.example/team/app:1', 'docker://registry.example/team/app:1'],
  ['node:26-alpine', 'node:26-alpine'],
])('the name of the image %s has no directories: %s', async (variant, name) => {
  const report = await reportOf(APP);
  const images = report.images.map((image) => ({ ...image, chapter: 'image', variant }));
  expect((await render({ ...report, images })).document.metadata.component.name).toBe(name);
});

test('a package that is listed again and again does not hold the document', async () => {
  const report = await reportOf(APP);
  const components = report.images[0]?.components;
  const [one] = components?.osPackages ?? [];
  if (!components || !one) throw new Error('The report lacks what is changed.');
  components.osPackages = Array(40_000).fill(one);
  const start = performance.now();
  const { components: parts } = JSON.parse((await renderSbom(report)) ?? '');
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(new Set(parts.map((part: Record<string, string>) => part['bom-ref'])).size).toBe(parts.length);
});

test('a report that was changed by hand gives a valid document, or is refused', async () => {
  const report = await reportOf(APP);
  const components = report.images[0]?.components;
  const node = report.images[0]?.contents?.facts.node?.[0];
  if (!components || !node) throw new Error('The report lacks what is changed.');
  const long = 'x'.repeat(10_000);
  const one: OsPackage = { format: 'apk', name: '', version: long, architecture: long, source: '', sourceVersion: '' };
  Object.assign(components, { imageId: long, os: { id: '', version: long, name: long }, osPackages: [one, one] });
  components.npmPackages = [{ path: '', name: '@a/b/c', version: long, dev: true, app: false }];
  await render(report);
  node.version = '1:*:*';
  expect(reportSchema.safeParse(report).success).toBe(false);
});

test.each([
  [{ type: 'deb', namespace: 'debian', name: 'a', version: '1:2~3+4' }, 'pkg:deb/debian/a@1:2~3%2B4'],
  [{ type: 'npm', namespace: '@a', name: 'b' }, 'pkg:npm/%40a/b'],
  [{ type: 'npm', name: "a/b!'()*" }, 'pkg:npm/a%2Fb%21%27%28%29%2A'],
  [
    { type: 'x', name: 'a', qualifiers: { z: '1 2', b: 'a&b=c', none: null, empty: '' } },
    'pkg:x/a?b=a%26b%3Dc&z=1%202',
  ],
  [{ type: 'npm', name: '' }, undefined],
])('%j is %s', (parts, url) => expect(packageUrl(parts)).toBe(url));

/** Runs compare where no engine can be found, in a directory of its own. Its outputs are not shown. */
async function invoke(files: Record<string, string | Buffer>, ...args: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'sbom-'));
  vi.stubEnv('PATH', '/no/such/directory');
  vi.stubEnv('GITHUB_STEP_SUMMARY', '');
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      output[name] += text;
      return true;
    });
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const options = readOptions([...args, '--sbom', 'out.json']);
    const places = { root: null, current: directory };
    const code = await compare(options, places, new AbortController().signal).catch((error) => error);
    const written = (await readdir(directory)).includes('out.json');
    return { code, ...output, written: written ? await readFile(join(directory, 'out.json'), 'utf8') : null };
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  }
}

const SEVERAL = { 'Dockerfile.single': 'FROM scratch\n', 'Dockerfile.multi': 'FROM scratch AS a\nFROM scratch\n' };

test.each([
  ['two Dockerfiles', ['.'], /there are 2: .* single, .* multi\.$/],
  ['two stages', ['.', '--dockerfile', 'Dockerfile.multi', '--target', 'a', '--target', '1'], /there are 2: /],
  [
    'a Dockerfile and an image',
    ['.', '--dockerfile', 'Dockerfile.multi', '--image', 'x'],
    /there are 2: .*, image x\.$/,
  ],
  ['two images', ['--image', 'x', '--image', 'y'], /there are 2: image x, image y\.$/],
])('%s are refused before anything is built, with what to do', async (_name, args, message) => {
  const { code, written } = await invoke(SEVERAL, ...args);
  expect(code).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  expect(code.message).toMatch(/^--sbom describes one image, but /);
  expect(code.hint).toBe('Choose one with --dockerfile FILE, --target STAGE or --image NAME.');
  expect(written).toBeNull();
});

test('--diff has two images, and cannot be combined with it', async () => {
  await expect(invoke(SEVERAL, '--diff', 'x', 'y')).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(/^--diff cannot be combined with .*--sbom/),
  });
});

test('--from writes the SBOM of a report that has the packages, and refuses another report', async () => {
  const report = await reportOf(APP, DELETION);
  const { code, written, stderr } = await invoke({ 'r.json': JSON.stringify(report) }, '--from', 'r.json');
  expect(code).toBe(0);
  expect(stderr).toBe('Written: out.json\n');
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8'));
  expect(written).toBe(`${await renderSbom(report, { version })}\n`);
  const without = { ...report, images: report.images.map((image) => ({ ...image, components: null })) };
  for (const other of [without, { ...report, images: [...report.images, ...report.images] }, stored]) {
    const refused = await invoke({ 'r.json': JSON.stringify(other) }, '--from', 'r.json');
    expect(refused.code).toMatchObject({ exitCode: 2, message: expect.stringMatching(/^The report has no list of/) });
    expect(refused.written).toBeNull();
  }
});

test('an image that is stored as an archive; where it cannot be read, nothing is written', async () => {
  const layer = await tar(APP);
  const { diffId } = await layerOf(APP);
  const config = { os: 'linux', architecture: 'amd64', config: {}, rootfs: { diff_ids: [diffId] } };
  const archive = await tar([
    { name: 'manifest.json', content: JSON.stringify([{ Config: 'c.json', Layers: ['l.tar'], RepoTags: ['a:1'] }]) },
    { name: 'c.json', content: JSON.stringify(config) },
    { name: 'l.tar', content: layer },
  ]);
  const cache = await mkdtemp(join(tmpdir(), 'sbom-cache-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
  try {
    const { code, written } = await invoke({ 'app.tar': archive }, '--image', './app.tar', '--platform', 'linux/amd64');
    expect(code).toBe(0);
    expect(await validator.validate(written ?? '')).toBeNull();
    const { metadata, components } = JSON.parse(written ?? '');
    expect(metadata.component).toMatchObject({ name: 'app.tar', version: expect.stringMatching(/^sha256:/) });
    expect(components).toHaveLength(12);
    const failed = await invoke({ 'app.tar': archive.subarray(0, 3000) }, '--image', './app.tar');
    expect(failed).toMatchObject({ code: 1, written: null });
    expect(failed.stderr).toContain('Not written, because the image was not measured: out.json\n');
  } finally {
    await rm(cache, { recursive: true });
  }
});
