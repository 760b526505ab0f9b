import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Ajv from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import type { Log } from 'sarif';
import { expect, test } from 'vitest';
import { CODES } from '../compare/model/finding-catalog.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { renderSarif } from '../compare/report/sarif.ts';

const GOLDEN = join(import.meta.dirname, 'golden/report.json');
const report = reportSchema.parse(JSON.parse(await readFile(GOLDEN, 'utf8')));

// The published schema, as this package has it: no other package does.
const SCHEMA = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
const ajv = new Ajv.default({ allErrors: true, unicodeRegExp: false });
addFormats.default(ajv);
const validate = ajv.compile<Log>(JSON.parse(await readFile(SCHEMA, 'utf8')));

function render(of: Report, extras?: Parameters<typeof renderSarif>[1]) {
  const log: unknown = JSON.parse(renderSarif(of, extras));
  const isValid = validate(log);
  expect(validate.errors ?? []).toEqual([]);
  if (!isValid || !log.runs[0]) throw new Error('It is not SARIF.');
  return { log, run: log.runs[0], results: log.runs[0].results ?? [] };
}

test('the findings of the stored report, as the published schema requires them', () => {
  const { run, results } = render(report, { version: '1.2.3' });
  expect(run.tool.driver).toMatchObject({ name: 'compare-dockerfiles', version: '1.2.3', semanticVersion: '1.2.3' });
  expect(run.tool.driver.rules?.map(({ id }) => id)).toEqual(CODES);
  expect(results.length).toBe(report.images.flatMap(({ findings }) => findings ?? []).length);
  expect(results[1]).toEqual({
    ruleId: 'dev-dependency',
    ruleIndex: CODES.indexOf('dev-dependency'),
    level: 'warning',
    message: {
      text: expect.stringMatching(
        /^02-multi-stage single \(stand-in\): Development dependencies are installed: \/app\/.*, \/app\/.* and 81 more$/,
      ),
    },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: '02-multi-stage/Dockerfile.single' },
          region: { startLine: 7 },
        },
        logicalLocations: [{ fullyQualifiedName: '02-multi-stage single', kind: 'resource' }],
      },
    ],
    partialFingerprints: { 'imageAndFinding/v1': expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  const levels = results.map(({ ruleId, level }) => `${ruleId} ${level}`);
  expect(levels).toEqual(expect.arrayContaining(['setuid note', 'no-healthcheck note', 'runs-as-root warning']));
});

test('every rule says what it means and how to fix it', () => {
  for (const { id, shortDescription, fullDescription, help } of render(report).run.tool.driver.rules ?? [])
    for (const text of [id, shortDescription?.text, fullDescription?.text, help?.text]) expect(text).toMatch(/\S/);
});

// biome-ignore lint/suspicious/noExplicitAny: what is damaged is not SARIF any more.
test.each<[string, (log: any) => void]>([
  ['no tool', ({ runs }) => delete runs[0].tool],
  ['a level of ours', ({ runs }) => Object.assign(runs[0].results[0], { level: 'info' })],
  ['line 0', ({ runs }) => Object.assign(runs[0].results[0].locations[0].physicalLocation.region, { startLine: 0 })],
  ['no message', ({ runs }) => delete runs[0].results[0].message],
  ['an unknown property', ({ runs }) => Object.assign(runs[0].results[0], { file: 'x' })],
  [
    'a uri with a space',
    ({ runs }) => Object.assign(runs[0].results[0].locations[0].physicalLocation.artifactLocation, { uri: 'a b' }),
  ],
  ['another version', (log) => Object.assign(log, { version: '2.0.0' })],
])('the check is strict: %s', (_name, damage) => {
  const log = JSON.parse(renderSarif(report));
  damage(log);
  expect(validate(log)).toBe(false);
});

test('fingerprints are the same when lines move, and different for each finding of each image', () => {
  const moved = structuredClone(report);
  for (const image of moved.images) {
    if (image.source) image.source.line += 5;
    for (const finding of image.findings ?? []) Object.assign(finding, { line: 99, evidence: [], count: 1 });
  }
  const prints = (of: Report) =>
    render(of).results.map(({ partialFingerprints }) => JSON.stringify(partialFingerprints));
  expect(prints(moved)).toEqual(prints(report));
  expect(new Set(prints(report)).size).toBe(prints(report).length);
});

test('a path is an address with forward slashes, also of an image without a Dockerfile: GitHub requires one', () => {
  const copy = structuredClone(report);
  Object.assign(copy.images[0] ?? {}, { source: { file: 'a b/ü/Dockerfile:1', line: 2 } });
  const urisOf = (results: ReturnType<typeof render>['results']) =>
    results.map(({ locations }) => locations?.[0]?.physicalLocation?.artifactLocation?.uri);
  const uris = urisOf(render(copy).results);
  expect(uris[0]).toBe('a%20b/%C3%BC/Dockerfile%3A1');
  expect(uris.at(-1)).toBe('node%3A26-alpine');
  // In a workflow that runs in a directory of the repository.
  expect(urisOf(render(copy, { below: 'apps/web' }).results)[0]).toBe('apps/web/a%20b/%C3%BC/Dockerfile%3A1');
  expect(urisOf(render(copy, { below: '../x' }).results)[0]).toBe('../x/a%20b/%C3%BC/Dockerfile%3A1');
  Object.assign(copy.images[0] ?? {}, { source: { file: '../Dockerfile', line: 2 } });
  expect(urisOf(render(copy, { below: 'apps/web' }).results)[0]).toBe('apps/Dockerfile');
});

test('what failed is a notification, and neither exceeded budgets nor control characters are in it', () => {
  const copy = structuredClone(report);
  const [first] = copy.images;
  for (const finding of first?.findings ?? []) finding.evidence = [{ path: '/\u001b[2J\ud83d', layer: 0, note: null }];
  const check = [{ status: 'FAIL' as const, image: 'x', what: 'unpacked' as const, text: 'too much' }];
  const { run, log, results } = render(copy, { check });
  expect(run.invocations?.[0]).toMatchObject({ executionSuccessful: false });
  const [broken] = run.invocations?.[0]?.toolExecutionNotifications ?? [];
  expect(broken?.message.text).toMatch(/^02-multi-stage broken: docker build failed/);
  expect(broken?.locations?.[0]?.physicalLocation?.region).toEqual({ startLine: 4 });
  expect(JSON.stringify(log)).not.toContain('too much');
  expect(results[0]?.message.text).toMatch(/: \/\\u001b\[2J/);
});

test('no name becomes a link', () => {
  const copy = structuredClone(report);
  const link = '[text](https://evil.example)';
  for (const image of copy.images) {
    Object.assign(image, { variant: link, error: `${link}\n${link}`, ok: false });
    for (const finding of image.findings ?? []) finding.evidence = [{ path: `/${link}`, layer: 0, note: null }];
  }
  const { run, results } = render(copy);
  const messages = [...results, ...(run.invocations?.[0]?.toolExecutionNotifications ?? [])];
  expect(messages.length).toBeGreaterThan(10);
  for (const { message } of messages) {
    expect(message.text).toContain('(https://evil.example)');
    expect(message.text).not.toContain('](');
  }
});

test('a report without images is valid, too', () => {
  expect(render({ ...report, images: [] }).results).toEqual([]);
});
