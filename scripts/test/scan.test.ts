import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { scanImages } from '../compare/inspect/scan-images.ts';
import type { FileForm, StoredImage } from '../compare/inspect/stored-image.ts';
import type { Measurement } from '../compare/model/measurement.ts';
import { imageSchema, type Report } from '../compare/model/report-schema.ts';
import type { Scan, ScannerName } from '../compare/model/scan-schema.ts';
import { renderMarkdown } from '../compare/report/markdown.ts';
import { scanSection } from '../compare/report/scan-table.ts';
import { renderTerminal } from '../compare/report/terminal.ts';
import type { Engine, ImageFacts } from '../engine/engine.ts';
import { quietProgress } from '../lib/progress.ts';
import { print, printText, trivyReport, writeScanner } from './scanner-program.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scan-'));
  vi.stubEnv('TMPDIR', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

const DIFF_IDS = ['sha256:a', 'sha256:b'];

interface Options {
  signal?: AbortSignal;
  limitMs?: number;
  save?: (names: string[]) => Readable;
  version?: unknown;
  /** Where the images are that are not at an engine. */
  files?: ({ path: string; form: FileForm } | undefined)[];
  count?: number;
}

/** Scans images with a program that does this. Nothing is left of it. */
async function scan(name: ScannerName, code: string, options: Options = {}): Promise<Scan[]> {
  const { signal = new AbortController().signal, limitMs, files, count = files?.length ?? 1, version } = options;
  const save = options.save ?? ((names: string[]) => Readable.from([Buffer.from(`archive of ${names}`)]));
  const engine = { save } as unknown as Engine;
  vi.stubEnv('PATH', await writeScanner(join(directory, 'programs'), name, code, version));
  const measurements = Array.from({ length: count }, (_, index): Measurement => {
    const image = { id: `sha256:${index}`, diffIds: DIFF_IDS } as ImageFacts;
    return { subject: { chapter: 'image', variant: `app${index}` }, image };
  });
  const stored = new Map(
    (files ?? []).map((file, index) => [measurements[index] as Measurement, { ...(file && { file }) } as StoredImage]),
  );
  const before = await readdir(directory);
  const scanning = scanImages({ signal, progress: quietProgress() }, engine, measurements, name, {
    stored,
    current: directory,
    ...(limitMs && { limitMs }),
  });
  await scanning.finally(async () => expect(await readdir(directory)).toEqual(before));
  return measurements.map((measurement) => imageSchema.shape.scan.parse(measurement.scan) as Scan);
}

const only = async (...args: Parameters<typeof scan>) => (await scan(...args))[0] as Scan;
const reason = async (...args: Parameters<typeof scan>) => (await only(...args)).reason;

const TRIVY = trivyReport(
  [
    { VulnerabilityID: 'CVE-1', PkgName: 'a', Severity: 'CRITICAL', FixedVersion: '2', Status: 'fixed' },
    { VulnerabilityID: 'CVE-1', PkgName: 'b', Severity: 'CRITICAL', Status: 'affected' },
    { VulnerabilityID: 'CVE-2', PkgName: 'b', Severity: 'LOW', FixedVersion: '' },
    { VulnerabilityID: 'CVE-3', PkgName: 'b', Severity: 'SOMETHING NEW', FixedVersion: '3' },
    { VulnerabilityID: 'CVE-4', PkgName: 'b' },
  ],
  DIFF_IDS,
);
const COUNTED = { critical: 2, high: 0, medium: 0, low: 1, negligible: null, unknown: 2 };

test('trivy: its counts, how many have a fix, its version and the date of its database', async () => {
  expect(await only('trivy', print(TRIVY))).toEqual({
    scanner: 'trivy',
    version: '0.74.0',
    database: '2026-11-20T06:13:37.120Z',
    counts: COUNTED,
    fixable: 2,
    reason: null,
  });
});

test('trivy: a report of 0.20, without findings, and a database that is not known', async () => {
  const old = { SchemaVersion: 2, Metadata: { ImageConfig: {} }, Results: [{ Target: 'app', Class: 'os-pkgs' }] };
  expect(await only('trivy', print(old), { version: { Version: '0.20.0' } })).toMatchObject({
    version: '0.20.0',
    database: null,
    counts: { ...COUNTED, critical: 0, low: 0, unknown: 0 },
    fixable: 0,
  });
});

test("trivy: the date of a server's database, where it has asked one", async () => {
  const Server = { Version: '0.70.0', VulnerabilityDB: { UpdatedAt: '2026-10-01T00:00:00Z' } };
  const report = { ...TRIVY, Trivy: { Version: '0.74.0', Server } };
  expect(await only('trivy', print(report))).toMatchObject({ database: '2026-10-01T00:00:00.000Z', version: '0.74.0' });
});

test("a scanner's command line has a path of ours; its environment is the user's, without what would be sent or written", async () => {
  vi.stubEnv('TRIVY_SEVERITY', 'HIGH');
  vi.stubEnv('TRIVY_OUTPUT', 'somewhere');
  vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
  const see = `fs.writeFileSync('${directory}/programs/seen', JSON.stringify({ args: process.argv.slice(1),
    env: process.env, cwd: process.cwd(), text: fs.readFileSync(process.argv[3], 'utf8') }))`;
  const code = `'${process.execPath}' -e "${see}" -- "$@"; ${print(TRIVY)}`;
  expect(await reason('trivy', code)).toBeNull();
  const { args, env, cwd, text } = JSON.parse(await readFile(join(directory, 'programs/seen'), 'utf8'));
  const path = args[2];
  expect(path).toMatch(/\/multi-stage-node-[^/]+\/0\/image$/);
  expect(args).toEqual(['image', '--input', path, '--format', 'json', '--exit-code', '0', '--no-progress']);
  expect(text).toBe('archive of sha256:0');
  expect(cwd).toBe(directory);
  expect(path.startsWith(`${env.TMPDIR}/`)).toBe(true);
  expect(env).toMatchObject({ TRIVY_SEVERITY: 'HIGH', HTTPS_PROXY: 'http://127.0.0.1:1', TRIVY_SCANNERS: 'vuln' });
  expect(env).toMatchObject({ TRIVY_DISABLE_TELEMETRY: 'true', TRIVY_SKIP_VERSION_CHECK: 'true' });
  expect(env).not.toHaveProperty('TRIVY_OUTPUT');
});

const match = (severity: string, fix?: object) => ({
  vulnerability: { id: 'CVE-1', severity, ...(fix && { fix }) },
  artifact: { name: 'a' },
});
const FIXED = { state: 'fixed', versions: ['2'] };
const grypeReport = (descriptor: { version: string; db?: object }, matches: object[], diffIds = DIFF_IDS) => ({
  matches,
  source: { type: 'image', target: { imageID: 'sha256:1', layers: diffIds.map((digest) => ({ digest })) } },
  descriptor: { name: 'grype', ...descriptor },
});
const GRYPE = grypeReport(
  { version: '0.121.2', db: { status: { schemaVersion: 'v6.1.0', built: '2026-11-20T06:13:37Z', valid: true } } },
  [match('Critical', FIXED), match('Negligible', { state: 'wont-fix', versions: [] }), match('', { state: '' })],
);

test.each([
  ['0.121, its database in a status', GRYPE, '2026-11-20T06:13:37.000Z', 1],
  ['0.50', grypeReport({ version: '0.50.0', db: { built: '2022-09-09T08:00:00Z' } }, GRYPE.matches), /^2022-09-09/, 1],
  [
    '0.10, without fixes',
    grypeReport(
      { version: '0.10.0' },
      ['Critical', 'Negligible', ''].map((one) => match(one)),
    ),
  ],
  [
    'a database without a date',
    grypeReport({ version: '1', db: { built: '0001-01-01T00:00:00Z' } }, GRYPE.matches),
    null,
    1,
  ],
  [
    'a database of a year that no report can have',
    grypeReport({ version: '1', db: { built: '+275760-01-01T00:00:00Z' } }, GRYPE.matches),
    null,
    1,
  ],
])('grype: %s', async (_name, report, database: string | RegExp | null = null, fixable: number | null = null) => {
  const found = await only('grype', `case "$1" in docker-archive:/*) ${print(report)};; esac`);
  expect(found).toMatchObject({
    version: report.descriptor.version,
    counts: { critical: 1, high: 0, medium: 0, low: 0, negligible: 1, unknown: 1 },
    fixable,
    reason: null,
  });
  if (database instanceof RegExp) expect(found.database).toMatch(database);
  else expect(found.database).toBe(database);
});

test('an exit code that says that there are vulnerabilities is not a failure', async () => {
  const text = 'discovered vulnerabilities at or above the severity threshold';
  const found = await only('grype', `${print(GRYPE)}; echo '${text}' >&2; exit 2`);
  expect(found).toMatchObject({ counts: { critical: 1 }, reason: null });
});

test('a scanner that is not installed', async () => {
  vi.stubEnv('PATH', directory);
  const measurement = {
    subject: { chapter: 'image', variant: 'app' },
    image: { id: '1' } as ImageFacts,
  } as Measurement;
  const surroundings = { signal: new AbortController().signal, progress: quietProgress() };
  await scanImages(surroundings, null, [measurement], 'grype', { stored: new Map(), current: directory });
  const expected = 'There is no grype on the PATH. To install it: https://github.com/anchore/grype#installation';
  expect(measurement.scan).toMatchObject({ scanner: 'grype', version: null, counts: null, reason: expected });
});

test.each([
  ['a list, as before 0.20', '[{ "Target": "app", "Vulnerabilities": null }]'],
  ['text', 'all is well'],
  ['nothing', ''],
  ['another version of the report', '{ "SchemaVersion": 3, "Results": [] }'],
  ['a report that is cut off', JSON.stringify(TRIVY).slice(0, -20)],
])('trivy that prints %s is too old, or another program', async (_name, text) => {
  const found = await only('trivy', printText(text), {
    version: { Version: '0.16.0' },
  });
  expect(found).toEqual({
    ...{ scanner: 'trivy', version: '0.16.0', database: null, counts: null, fixable: null },
    reason: 'trivy printed something else than the report of trivy 0.20 and later.',
  });
});

const fail = (text: string) => `${printText(text)} >&2; exit 1`;
const ESCAPE = '\u001b';
const FATAL = `${ESCAPE}[31mFATAL${ESCAPE}[0m\tFatal error\trun error: 2 errors occurred:\n\t* one: DB error\n\t* two\n\n`;

test.each([
  ['the last line', fail('first\n\nlast\n'), 'trivy failed: last'],
  [
    'its last error, which has several lines',
    fail(`before\n2026-11-20T06:13:37Z\t${FATAL}`),
    'trivy failed: Fatal error run error: 2 errors occurred: * one: DB error * two',
  ],
  [
    'an option that it refuses',
    fail('Error: unknown flag: --input\nUsage:\n  trivy\n'),
    'trivy failed: Error: unknown flag: --input',
  ],
  ['its exit code, when it says nothing', 'exit 7', 'trivy failed: it ended with 7.'],
  ['what it says on standard output', 'echo out; exit 1', 'trivy failed: out'],
  ['a signal', 'kill -9 $$', 'trivy image failed: It ended with SIGKILL.'],
  [
    'no secret',
    fail('error: GITHUB_TOKEN=abcdefgh https://me:password1@host'),
    'trivy failed: error: GITHUB_TOKEN=*** https://me:***@host',
  ],
  [
    'no escape code',
    fail(`a${ESCAPE}]0;title\u0007b${ESCAPE}[2J\u202e\u0008c`),
    String.raw`trivy failed: ab\u202e\u0008c`,
  ],
  ['not more than fits', fail('x'.repeat(100_000)), `trivy failed: ${'x'.repeat(385)}…`],
  ['no path of ours', 'echo "cannot read $FILE" >&2; exit 1', 'trivy failed: cannot read …/0/image'],
])('a scanner that fails: %s', async (_name, code, expected) => {
  expect(await reason('trivy', code)).toBe(expected);
});

/** Whether a process runs. One that has ended may still be there, until its parent takes notice. */
const isRunning = async (pid: string) =>
  /^State:\s+[^Z]/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''));

test('a scanner that hangs is ended with what it has started, and not started again', async () => {
  const seen = join(directory, 'programs/seen');
  // A process in the background of a shell ignores SIGINT.
  const code = `sleep 60 & echo "started $!" >> '${seen}'; wait`;
  const [first, second] = await scan('trivy', code, { limitMs: 400, count: 2 });
  expect(first).toMatchObject({ version: '0.74.0', counts: null, reason: 'trivy did not end within 0.4 s.' });
  expect(second?.reason).toBe('Not tried: trivy did not end within 0.4 s.');
  const [, pid = ''] = /^started (\d+)\n$/.exec(await readFile(seen, 'utf8')) ?? [];
  expect(pid).not.toBe('');
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
});

test('an interruption ends the scanner', async () => {
  const controller = new AbortController();
  const seen = join(directory, 'programs/seen');
  const scanning = scan('trivy', `echo $$ > '${seen}'; exec sleep 60`, { signal: controller.signal });
  scanning.catch(() => {});
  const pid = await vi.waitFor(
    async () => (await readFile(seen, 'utf8')).trim() || Promise.reject(new Error('not yet')),
  );
  controller.abort(new Error('Interrupted.'));
  await expect(scanning).rejects.toThrow('Interrupted.');
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false));
});

test('an image that cannot be saved, because there is no space or for another reason; the next one is scanned', async () => {
  const errors = [Object.assign(new Error('write'), { code: 'ENOSPC' }), new Error('the engine is gone')];
  const save = (names: string[]) =>
    Readable.from(
      (async function* () {
        yield Buffer.from(`part of ${names}`);
        const error = errors.shift();
        if (error) throw error;
      })(),
    );
  const found = await scan('trivy', print(TRIVY), { count: 3, save });
  expect(found.map((one) => one.reason)).toEqual([
    'There is no space for the archive of the image in the directory for temporary files. The variable TMPDIR names another one.',
    'the engine is gone',
    null,
  ]);
});

test('a scanner that reads another image of the same place has not scanned this one', async () => {
  const expected = 'trivy has read another image, because there are several at this place.';
  expect(await reason('trivy', print(trivyReport([], ['sha256:a'])))).toBe(expected);
  expect(await reason('grype', print(grypeReport({ version: '1' }, [], [])))).toBe(expected.replace('trivy', 'grype'));
});

test('files of the user: each form that a scanner reads, at a path of ours', async () => {
  const content = 'the archive';
  const [plain, packed] = [join(directory, 'programs', 'a:b@1 --x.tar'), join(directory, 'programs', 'b.tar.gz')];
  const grype = `echo "\${1%%:*} $([ -d "$FILE" ] && echo directory || cat "$FILE")" >> '${directory}/programs/seen'
    ${print(GRYPE)}`;
  await writeScanner(join(directory, 'programs'), 'grype', '');
  await writeFile(plain, content);
  await writeFile(packed, gzipSync(content));
  const files: Options['files'] = [
    { path: plain, form: 'docker-archive' },
    { path: packed, form: 'oci-archive' },
    { path: join(directory, 'programs'), form: 'oci-dir' },
    undefined,
  ];
  const found = await scan('grype', grype, { files });
  expect(found.map((one) => one.reason)).toEqual([
    ...[null, null, null],
    'grype is only given images that are stored on this machine, and this one is in a registry.',
  ]);
  expect(await readFile(join(directory, 'programs/seen'), 'utf8')).toBe(
    `docker-archive ${content}\noci-archive ${content}\noci-dir directory\n`,
  );
  expect(await reason('trivy', print(TRIVY), { files: [{ path: packed, form: 'oci-archive' }] })).toBe(
    'trivy does not read an OCI layout that is a tar. Unpacked into a directory, it can be scanned: --image ./DIRECTORY.',
  );
});

const SCAN: Scan = {
  ...{ scanner: 'trivy', version: '0.74.0', database: '2026-11-20T06:13:37.120Z' },
  ...{ counts: COUNTED, fixable: 2, reason: null },
};
const NOT: Scan = { ...SCAN, database: null, counts: null, fixable: null, reason: 'trivy failed: \u001b[2J@here' };

async function reportWith(...scans: (Scan | null)[]): Promise<Report> {
  const report = JSON.parse(await readFile(join(import.meta.dirname, 'golden/report.json'), 'utf8')) as Report;
  scans.forEach((one, index) => {
    const image = report.images[index];
    if (image) image.scan = one;
  });
  return report;
}

test('a section of its own shows the counts, the scanner, and why an image was not scanned', async () => {
  const report = await reportWith(SCAN, NOT, NOT);
  const [section] = scanSection(report);
  expect(section?.title).toBe('Known vulnerabilities, counted by trivy');
  expect(section?.header.slice(1)).toEqual(['variant', 'critical', 'high', 'medium', 'low', 'unknown', 'with a fix']);
  expect(section?.rows.map((row) => row.slice(2).join(' '))).toEqual([
    '2 0 0 1 2 2',
    ...['n/a n/a n/a n/a n/a n/a', 'n/a n/a n/a n/a n/a n/a'],
  ]);
  const notes = section?.notes ?? [];
  expect(notes).toContain('scanner: trivy 0.74.0, with its database of 2026-11-20 06:13 UTC.');
  expect(notes.filter((note) => note.startsWith('n/a: '))).toHaveLength(1);
  const terminal = renderTerminal(report, false);
  expect(terminal).toContain('Known vulnerabilities, counted by trivy\n');
  expect(terminal).toContain(String.raw`: trivy failed: \u001b[2J@here`);
  expect(renderMarkdown(report)).toContain('### Known vulnerabilities, counted by trivy');
  expect(renderMarkdown(report)).not.toContain('\u001b');
});

test('a scanner with the severity negligible has a column for it; no scan, no section', async () => {
  const counts = { ...COUNTED, negligible: 0 };
  const [section] = scanSection(await reportWith({ ...SCAN, scanner: 'grype', database: null, counts, fixable: null }));
  expect(section?.header).toContain('negligible');
  expect(section?.rows[0]?.at(-1)).toBe('n/a');
  expect(section?.notes[0]).toBe('scanner: grype 0.74.0, which does not give the date of its database.');
  expect(scanSection(await reportWith(null))).toEqual([]);
});
