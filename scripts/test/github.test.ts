import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { findChanges } from '../compare/report/changes.ts';
import { checkBudgets } from '../compare/report/check-budgets.ts';
import { createStepOutputs, renderAnnotations, renderStepOutputs } from '../compare/report/github.ts';
import { cleanOutput, print, printError } from '../lib/print.ts';
import { createProgress } from '../lib/progress.ts';

const GOLDEN = join(import.meta.dirname, 'golden/report.json');
const report = reportSchema.parse(JSON.parse(await readFile(GOLDEN, 'utf8')));
const copyOf = (change: (copy: Report) => void) => {
  const copy = structuredClone(report);
  change(copy);
  return copy;
};

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** What GitHub's runner takes out of a line: the command, its properties and its text. */
function parse(line: string): { kind?: string; title?: string; file?: string; line?: string; message: string } {
  const [, kind, list = '', data = ''] = /^::(\w+)(?: (.*?))?::(.*)$/.exec(line) ?? [];
  const decode = (text: string) => text.replace(/%(0A|0D|3A|2C|25)/g, (code) => decodeURIComponent(code));
  const pairs = list.split(',').map((pair) => [pair.split('=', 1)[0] ?? '', pair.replace(/^.*?=/, '')] as const);
  return {
    kind,
    ...Object.fromEntries(pairs.map(([key, value]) => [key, decode(value)])),
    message: decode(data),
  };
}

test('annotations: failed images, then findings, each at its line', () => {
  const images = report.images.filter(({ chapter }) => chapter !== '03-distroless');
  const annotations = renderAnnotations({ ...report, images }).map(parse);
  expect(annotations.slice(0, 4)).toEqual([
    {
      ...{
        kind: 'error',
        file: '02-multi-stage/Dockerfile.broken',
        line: '4',
        title: 'FAILED 02-multi-stage broken (stand-in)',
      },
      message: expect.stringMatching(/^docker build failed:\n.*npm run biuld/),
    },
    {
      ...{ kind: 'error', file: '02-multi-stage/Dockerfile.silent', line: '12' },
      ...{ title: 'FAILED 02-multi-stage silent (stand-in)', message: expect.stringContaining('exit code 1') },
    },
    {
      ...{ kind: 'warning', file: '02-multi-stage/Dockerfile.single', line: '3' },
      title: 'runs-as-root: 02-multi-stage single (stand-in)',
      message: expect.stringMatching(/^The app runs as root: USER root\nSet a user by number/),
    },
    expect.objectContaining({ kind: 'warning', line: '7', title: expect.stringMatching(/^dev-dependency: /) }),
  ]);
  // Levels of info are not annotated; an image that was given by name has no file.
  expect(annotations.some(({ title }) => /healthcheck|setuid/.test(title ?? ''))).toBe(false);
  const named = annotations.at(-1);
  expect(named).toMatchObject({ kind: 'warning', title: 'runs-as-root: image node:26-alpine (stand-in)' });
  expect(named).not.toHaveProperty('file');
});

test('a finding that a budget forbids is an error, once; an exceeded size is one at FROM', () => {
  const check = checkBudgets(report, {
    '02-multi-stage': { single: { unpacked: '90% of multi', findings: ['compiler'] }, silent: { unpacked: '1 GB' } },
  });
  const annotations = renderAnnotations(report, { check }).map(parse);
  const about = annotations.filter(({ title }) => /compiler.*02-|Budget.*02-/.test(title ?? ''));
  expect(about).toEqual([
    expect.objectContaining({ kind: 'error', line: '3', title: expect.stringMatching(/single.*, unpacked$/) }),
    expect.objectContaining({
      kind: 'error',
      line: '7',
      message: expect.stringContaining('Compile in a separate stage'),
    }),
  ]);
});

test('what only the base image brings is annotated only where a budget forbids it', () => {
  const copy = copyOf(({ images: [first] }) => {
    for (const one of first?.findings ?? []) {
      if (one.code === 'compiler') one.evidence = [{ path: '/usr/bin/gcc', layer: 0, note: null }];
    }
  });
  const compilers = (extras = {}) => renderAnnotations(copy, extras).filter((line) => /compiler.*02-multi/.test(line));
  expect(compilers()).toEqual([]);
  const check = checkBudgets(copy, { '02-multi-stage': { single: { findings: ['compiler'] } } });
  expect(renderAnnotations(copy, { check }).filter((line) => line.includes('/usr/bin/gcc'))).toHaveLength(1);
});

test('at most ten of each kind, the worst first, and how many there are more', () => {
  const copy = copyOf((one) => {
    one.images = Array.from({ length: 12 }, () => one.images).flat();
  });
  const annotations = renderAnnotations(copy);
  const count = (kind: string) => annotations.filter((line) => line.startsWith(`::${kind} `)).length;
  expect([count('error'), count('warning')]).toEqual([10, 10]);
  expect(annotations.at(-1)).toMatch(/^::notice::\d\d+ more are in the table/);
});

test('paths are those of the repository, and none is outside of it', () => {
  const fileOf = (file: string, below?: string) => {
    const copy = copyOf(({ images }) => Object.assign(images[0] ?? {}, { source: { file, line: 3 }, ok: false }));
    const { file: found } = parse(renderAnnotations(copy, { below })[0] ?? '');
    return found;
  };
  expect(fileOf('Dockerfile', 'apps/web')).toBe('apps/web/Dockerfile');
  expect(fileOf('../api/Dockerfile', 'apps/web')).toBe('apps/api/Dockerfile');
  expect(fileOf('../Dockerfile')).toBeUndefined();
  expect(fileOf('Dockerfile', '../elsewhere')).toBeUndefined();
  expect(fileOf('a,b:c%2C/Dockerfile')).toBe('a,b:c%2C/Dockerfile');
});

const EVIL = 'x\r\n::add-mask::y\n##[set-output name=a]b::%0A,c=d\u001b[2J';

test('nothing in a report can end an annotation or begin another command', () => {
  const copy = copyOf(({ images }) => {
    for (const image of images) {
      Object.assign(image, { chapter: EVIL, variant: EVIL, error: EVIL, source: { file: EVIL, line: 1 } });
      for (const one of image.findings ?? []) one.evidence = [{ path: EVIL, layer: null, note: EVIL }];
    }
  });
  const check = checkBudgets(copy, { [EVIL]: { [EVIL]: { unpacked: '1 B', findings: ['info'] } } });
  const annotations = renderAnnotations(copy, { check });
  expect(annotations.length).toBeGreaterThan(5);
  for (const line of annotations) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(line).not.toMatch(/[\u0000-\u001f]/);
    const { kind, ...rest } = parse(line);
    expect(['error', 'warning', 'notice']).toContain(kind);
    // Nothing of it is lost.
    if (kind !== 'notice') expect(`${rest.file}${rest.title}`).toMatch(/(.*::add-mask::y.*,c=d){2}/);
    expect(Object.keys(rest).filter((key) => !['file', 'line', 'title', 'message', ''].includes(key))).toEqual([]);
  }
});

test('the outputs of the step are those of the image to ship, and all sizes', () => {
  const older = copyOf(({ images }) => {
    for (const { size } of images)
      if (size) Object.assign(size, { unpackedBytes: size.unpackedBytes + 5, pullBytes: 1 });
  });
  const changes = findChanges(report, older);
  const outputs = createStepOutputs(report, { changes, reportPath: '/x/report.json', failed: true });
  const multi = report.images.find(({ variant }) => variant === 'multi');
  expect(outputs).toMatchObject({
    image: '02-multi-stage multi',
    'unpacked-bytes': String(multi?.size?.unpackedBytes),
    'download-bytes': String(multi?.size?.pullBytes),
    'unpacked-difference': '-5',
    'download-difference': String((multi?.size?.pullBytes ?? 0) - 1),
    report: '/x/report.json',
    failed: 'true',
  });
  const sizes = JSON.parse(outputs.sizes);
  expect(sizes.map(({ image }: { image: string }) => image)).toEqual(
    report.images.map(({ chapter, variant }) => `${chapter} ${variant}`),
  );
  expect(sizes[1]).toEqual({
    ...{ image: '02-multi-stage broken', ok: false, standIn: true, unpackedBytes: null, downloadBytes: null },
    ...{ unpackedDifference: null, downloadDifference: null },
  });
});

test('outputs are empty where nothing was measured or compared', () => {
  const none = createStepOutputs({ ...report, images: [] }, { failed: false });
  expect(none).toEqual({
    ...{ image: '', 'unpacked-bytes': '', 'download-bytes': '', 'unpacked-difference': '', 'download-difference': '' },
    ...{ sizes: '[]', report: '', failed: 'false' },
  });
  // Without an earlier report, with one of another zlib, and with one that has not this image.
  expect(createStepOutputs(report, { failed: false })['unpacked-difference']).toBe('');
  const otherZlib = createStepOutputs(report, {
    failed: false,
    changes: findChanges(report, { ...report, zlib: '1' }),
  });
  expect([otherZlib['unpacked-difference'], otherZlib['download-difference']]).toEqual(['0', '']);
  const changes = findChanges(report, { ...report, images: [] });
  expect(createStepOutputs(report, { failed: false, changes })['unpacked-difference']).toBe('');
});

test.each([
  [['single', 'multi', 'Dockerfile'], 'multi'],
  [['alpine', 'Dockerfile'], 'Dockerfile'],
  [['b', 'a'], 'b'],
])('of %j, the image to ship is %s', (variants, shipped) => {
  const [first] = report.images as [Report['images'][number]];
  const images = variants.map((variant) => ({ ...first, chapter: 'app', variant }));
  expect(createStepOutputs({ ...report, images }, { failed: false }).image).toBe(`app ${shipped}`);
});

/** Reads the file of outputs as GitHub's runner does. */
function readOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, name, sign, rest = ''] = /^(.+?)(=|<<)(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const end = sign === '=' ? 0 : lines.indexOf(rest);
    outputs[name] =
      sign === '='
        ? rest
        : lines
            .splice(0, end + 1)
            .slice(0, -1)
            .join('\n');
  }
  return outputs;
}

test('a value of several lines cannot set another output', () => {
  const values = { report: 'a\nfailed=no\nEOF\nx<<y\n', sizes: '[1]', empty: '', failed: 'true' };
  const text = renderStepOutputs(values);
  expect(readOutputs(text)).toEqual(values);
  expect(renderStepOutputs(values)).not.toBe(text);
});

/** What GitHub's runner takes for a command: see its ActionCommand.cs. */
const isCommand = (line: string) => line.trimStart().startsWith('::') || line.includes('##[');

const COMMANDS = [
  '::set-output name=a::b',
  '  \t::stop-commands::x',
  '\u200b::add-mask::x',
  '##[add-path]/x',
  'npm: ##[error]x',
  '####[group]x',
  ':: ::',
];

test.each(COMMANDS)('%j is not a command in what is printed in a workflow, and is as it was elsewhere', (command) => {
  const printed: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      printed.push(...String(chunk).split('\n'));
      return true;
    });
  const printAll = () => {
    print(`a\n${command}`);
    printError(command);
    const stream = new PassThrough().on('data', (chunk) => printed.push(...String(chunk).split('\n')));
    const progress = createProgress(stream as unknown as NodeJS.WriteStream);
    progress.task(command).done(command);
    progress.note(command);
    progress.close();
    return printed.splice(0);
  };
  vi.stubEnv('GITHUB_ACTIONS', 'true');
  const inWorkflow = printAll();
  vi.stubEnv('GITHUB_ACTIONS', '');
  const elsewhere = printAll();
  expect(inWorkflow.filter(isCommand)).toEqual([]);
  expect(inWorkflow.join()).toMatch(/\\u00(3a|23)/);
  expect(elsewhere.join()).not.toMatch(/\\u00(3a|23)/);
});

test('JSON means the same after commands in it were made harmless', () => {
  vi.stubEnv('GITHUB_ACTIONS', 'true');
  const value = { '::a::': COMMANDS, '\\##[x]': '\\\\##[y]' };
  const text = cleanOutput(JSON.stringify(value, null, 2), false);
  expect(text.split('\n').filter(isCommand)).toEqual([]);
  expect(JSON.parse(text)).toEqual(value);
});
