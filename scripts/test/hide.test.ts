import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readStepName } from '../compare/build/build-steps.ts';
import { readGivenValues } from '../compare/discover/given-values.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import { createReport } from '../compare/report/create-report.ts';
import { describeError, summarizeError, ToolError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { addHiddenValues, hide } from '../lib/hide.ts';

// The values are known to the whole process: each test has its own.

test('an exact value is hidden, also in the forms of JSON, addresses and headers', () => {
  addHiddenValues(['zebra "one" & two']);
  expect(hide('a zebra "one" & two b')).toBe('a *** b');
  expect(hide(JSON.stringify({ a: 'zebra "one" & two' }))).toBe('{"a":"***"}');
  expect(hide(`?q=${encodeURIComponent('zebra "one" & two')}`)).toBe('?q=***');
  expect(hide(`Basic ${Buffer.from('zebra "one" & two').toString('base64')}`)).toBe('Basic ***');
  expect(hide('a zebra')).toBe('a zebra');
});

test('a value that is part of another one does not leave the rest of it', () => {
  addHiddenValues(['giraffe-x', 'giraffe-x-and-its-neck']);
  expect(hide('giraffe-x-and-its-neck')).toBe('***');
});

test('a short value is hidden only where it is a word by itself', () => {
  addHiddenValues(['emu7']);
  expect(hide('emu7, emu77 and xemu7: "emu7"')).toBe('***, emu77 and xemu7: "***"');
});

test('values that say nothing are not hidden', () => {
  const values = ['26', '8080', 'true', 'production', 'abc', ''];
  addHiddenValues(values);
  for (const value of values) expect(hide(`is ${value}`)).toBe(`is ${value}`);
});

test('a value is hidden before a text is shortened', () => {
  addHiddenValues(['walrus-of-the-north']);
  expect(shorten('see walrus-of-the-north', 12)).toBe('see ***');
  expect(readStepName('#5 [2/4] RUN echo walrus-of-the-north')).toBe('[2/4] RUN echo ***');
});

test('errors do not show a value', () => {
  addHiddenValues(['pelican-in-the-log']);
  const error = new ToolError('It failed for pelican-in-the-log', {
    lines: ['x', 'is pelican-in-the-log'],
    hint: 'Without pelican-in-the-log',
  });
  expect(describeError(error)).toBe('It failed for ***\n  | x\n  | is ***\nWithout ***');
  expect(summarizeError(error)).toBe('It failed for ***: is ***');
  expect(describeError(new Error('pelican-in-the-log'))).toBe('***');
});

test('what the user gives is hidden: arguments, variables, files and secrets', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'values-'));
  process.env.TEST_HIDE_VALUE = 'from-the-environment';
  try {
    const [envFile, npmrc] = [join(directory, 'env'), join(directory, 'npmrc')];
    await writeFile(envFile, 'A=from-the-file\r\nPORT=3000\n');
    await writeFile(npmrc, '//registry.example/:_authToken=from-the-npmrc\nemail="quoted-value"\n');
    const values = await readGivenValues(
      mergeSettings({
        buildArgs: { A: 'from-an-argument' },
        env: { B: 'from-a-variable' },
        envFile,
        secrets: [`id=npmrc,src=${npmrc}`, 'id=x,env=TEST_HIDE_VALUE', 'id=TEST_HIDE_VALUE'],
      }),
    );
    for (const value of [
      'from-an-argument',
      'from-a-variable',
      'from-the-file',
      'from-the-npmrc',
      'quoted-value',
      'from-the-environment',
    ]) {
      expect(values).toContain(value);
    }
    const missing = await readGivenValues(mergeSettings({ secrets: ['id=x,src=/no/such/file'] }));
    expect(missing.join('')).toBe('');
  } finally {
    delete process.env.TEST_HIDE_VALUE;
    await rm(directory, { recursive: true });
  }
});

test('no text of a report shows a value, and names stay', () => {
  addHiddenValues(['okapi-in-the-report']);
  const engine = { name: 'docker', version: '1', builder: 'buildkit', imageStore: 'overlay2', rootless: false };
  const variant = 'okapi-in-the-report';
  const report = createReport(engine, [
    {
      subject: { chapter: 'image', variant },
      error: 'failed: okapi-in-the-report',
      base: 'registry.example/okapi-in-the-report',
      findings: [
        {
          code: 'runs-as-root',
          level: 'warning',
          message: 'm',
          line: null,
          count: 1,
          evidence: [{ path: 'ENV X=okapi-in-the-report', layer: null, note: 'okapi-in-the-report' }],
        },
      ],
      size: {
        unpackedBytes: 0,
        pullBytes: 0,
        compression: 'calculated',
        layers: [{ digest: 'd', bytes: 0, pullBytes: 0, instruction: 'RUN okapi-in-the-report', sharedWith: [] }],
      },
    } as Parameters<typeof createReport>[1][number],
  ]);
  expect(report.images[0]).toMatchObject({ variant, error: 'failed: ***' });
  const ofBase = createReport(engine, [{ subject: { chapter: 'image', variant: 'x' }, base: variant }]);
  expect(ofBase.images[0]?.base).toBe(variant);
  const { variant: _variant, ...image } = report.images[0] ?? {};
  expect(JSON.stringify(image)).not.toContain(variant);
});

test('a secret of half a megabyte is hidden as well', () => {
  const secret = 'a long line of a large secret\n'.repeat(18_000);
  addHiddenValues([secret, 'another value']);
  expect(hide(`before ${secret} after`)).toBe('before *** after');
  expect(hide('another value')).toBe('***');
});
