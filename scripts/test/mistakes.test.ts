import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findChapterFolders } from '../compare/discover/chapters.ts';
import { selectMistakes } from '../compare/discover/select-subjects.ts';
import { findMistakes } from '../compare/mistakes/find.ts';
import { fixingLines } from '../compare/mistakes/fix.ts';
import { type Report, reportSchema } from '../compare/model/report-schema.ts';
import { subjectName } from '../compare/model/subject.ts';
import { renderMarkdown } from '../compare/report/markdown.ts';
import { failedImages, mistakeCosts } from '../compare/report/mistakes.ts';
import { failures, renderTerminal } from '../compare/report/terminal.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Files in a folder that goes with the test. */
async function files(texts: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'mistakes-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

describe('the mistakes of the chapters', async () => {
  const mistakes = await findMistakes(ROOT, await findChapterFolders(ROOT));

  test('are in all of them', async () => {
    const chapters = mistakes.map(({ chapter }) => dirname(chapter));
    expect([...new Set(chapters)]).toEqual(await findChapterFolders(ROOT));
  });

  test.each(mistakes.map((one) => [one.chapter, one] as const))('%s is tiny and says what it shows', async (_, one) => {
    expect(one.what).toMatch(/^[A-Z].{20,150}\.$/);
    expect(one.instead).toMatch(/^[A-Z].{20,150}\.$/);
    expect(one.what).not.toBe(one.instead);
    const changed = one.fix.lines.filter((line) => !line.startsWith(' '));
    expect(changed.length).toBeGreaterThan(0);
    // The .dockerignore is the chapter's own.
    if (one.fix.file === 'Dockerfile') expect(changed.length).toBeLessThanOrEqual(8);
    for (const { dockerfile } of [one.mended, one.mistake]) {
      const lines = (await readFile(dockerfile, 'utf8')).split('\n');
      expect(lines.length).toBeLessThanOrEqual(24);
      expect(lines.filter((line) => line.length > 125)).toEqual([]);
    }
  });
});

const MENDED = '# The manifests first.\nFROM scratch\nCOPY package.json ./\nRUN npm ci\nCOPY . .\n';
const MISTAKE = '# All at once,\n#   as many do.\n\nFROM scratch\n# Here:\nCOPY . .\nRUN npm ci\n';

test('a mistake is a folder with two Dockerfiles, found by itself', async () => {
  const root = await files({
    '01-a/mistakes/x/Dockerfile.mistake': MISTAKE,
    '01-a/mistakes/x/Dockerfile.mended': MENDED,
    '01-a/mistakes/notes.txt': '',
    '02-b/Dockerfile.single': 'FROM scratch\n',
  });
  const [mistake, ...others] = await findMistakes(root, ['01-a', '02-b']);
  expect(others).toEqual([]);
  expect(mistake).toMatchObject({
    chapter: '01-a/x',
    folder: 'mistakes/x',
    what: 'All at once, as many do.',
    instead: 'The manifests first.',
    fix: { file: 'Dockerfile', lines: ['- COPY . .', '+ COPY package.json ./', '  RUN npm ci', '+ COPY . .'] },
    mended: { variant: 'mended', context: join(root, '01-a'), file: '01-a/mistakes/x/Dockerfile.mended' },
    mistake: { variant: 'mistake', chapter: '01-a/x' },
  });
});

test('where the Dockerfiles are the same, the ignore file mends it; secrets in it are masked', async () => {
  const root = await files({
    '01-a/.dockerignore': '# comment\nnode_modules\n.env\n',
    '01-a/mistakes/x/Dockerfile.mistake': '# a\nFROM scratch\n',
    '01-a/mistakes/x/Dockerfile.mistake.dockerignore': '# nothing\n',
    '01-a/mistakes/x/Dockerfile.mended': '# b\nFROM scratch\n',
    '01-a/mistakes/y/Dockerfile.mistake': '# a\nFROM scratch\nARG API_TOKEN=0123456789\n',
    '01-a/mistakes/y/Dockerfile.mended': '# b\nFROM scratch\n',
  });
  const [x, y] = await findMistakes(root, ['01-a']);
  expect(x?.fix).toEqual({ file: '.dockerignore', lines: ['+ node_modules', '+ .env'] });
  expect(y?.fix).toEqual({ file: 'Dockerfile', lines: ['- ARG API_TOKEN=***'] });
});

test.each([
  [{ '01-a/mistakes/x/Dockerfile.mistake': MISTAKE }, /There is no Dockerfile .*Dockerfile.mended/],
  [{ '01-a/mistakes/x/Dockerfile.mended': MENDED }, /There is no Dockerfile .*Dockerfile.mistake/],
  [
    { '01-a/mistakes/x/Dockerfile.mistake': 'FROM scratch\n', '01-a/mistakes/x/Dockerfile.mended': MENDED },
    /^01-a\/mistakes\/x\/Dockerfile.mistake does not begin with a comment/,
  ],
])('a folder that is not whole is refused', async (texts, message) => {
  const root = await files(texts as unknown as Record<string, string>);
  await expect(findMistakes(root, ['01-a'])).rejects.toThrow(message);
});

test('mistakes are selected by chapter; a project and a chapter without are refused', async () => {
  const root = await files({
    'r/01-a/mistakes/x/Dockerfile.mistake': MISTAKE,
    'r/01-a/mistakes/x/Dockerfile.mended': MENDED,
    'r/02-b/Dockerfile.single': 'FROM scratch\n',
    'app/Dockerfile': 'FROM scratch\n',
  });
  const select = (...names: string[]) => selectMistakes(names, { root: join(root, 'r'), here: root });
  expect((await select()).map(({ chapter }) => chapter)).toEqual(['01-a/x']);
  expect((await select('1')).map(({ chapter }) => chapter)).toEqual(['01-a/x']);
  await expect(select('2')).rejects.toThrow('There are no mistakes in 02-b.');
  await expect(select('app')).rejects.toThrow('those of the chapters, and app is none');
});

test.each([
  ['a\nb\nc\n', 'a\nb\nc\n', []],
  ['a\n# x\n\nb\n', 'a\nb', []],
  ['a\nb\nc', 'a\nc', ['- b']],
  ['a\nc', 'a\nb\nc', ['+ b']],
  ['a\nb\nc', 'a\nx\nc', ['- b', '+ x']],
  ['a\nb\nc\nd', 'x\nb\nc\ny', ['- a', '+ x', '  b', '  c', '- d', '+ y']],
  ['a\nb\nc\nd\ne', 'x\nb\nc\nd\ny', ['- a', '+ x', '  …', '- e', '+ y']],
  ['', 'a', ['+ a']],
])('%j becomes %j by %j', (from, to, lines) => {
  expect(fixingLines(from, to)).toEqual(lines);
});

const text = await readFile(join(import.meta.dirname, 'golden/mistakes.json'), 'utf8');
const stored = (): Report => reportSchema.parse(JSON.parse(text));

test('the terminal output of a stored report of mistakes', async () => {
  await expect(`${renderTerminal(stored(), false)}\n`).toMatchFileSnapshot('golden/mistakes.txt');
});

test('its Markdown', async () => {
  await expect(`${renderMarkdown(stored())}\n`).toMatchFileSnapshot('golden/mistakes.md');
});

test('the JSON is the same after it was read', () => {
  expect(`${JSON.stringify(stored(), null, 2)}\n`).toBe(text);
});

const image = (report: Report, name: string) => {
  const found = report.images.find((one) => subjectName(one) === name);
  if (!found) throw new Error(`${name} is not in the report`);
  return found;
};
const costs = (report: Report, chapter: string) => {
  const found = mistakeCosts(report).find((one) => one.chapter === chapter);
  if (!found) throw new Error(`${chapter} is not in the report`);
  return found;
};

test('a mistake that does not start is no failure', () => {
  const report = stored();
  expect(image(report, '03-distroless/node-twice mistake').ok).toBe(false);
  expect(costs(report, '03-distroless/node-twice').noStart).toMatch(/exit code 1 .* Error: Cannot find module/);
  expect(failures(report)).toEqual([]);
});

test('one that was not built is, and so is a mended version that fails', () => {
  const report = stored();
  Object.assign(image(report, '03-distroless/node-twice mistake'), { size: null });
  Object.assign(image(report, '02-multi-stage/npm-start mended'), { ok: false, error: 'x' });
  expect(failedImages(report).map(subjectName)).toEqual([
    '02-multi-stage/npm-start mended',
    '03-distroless/node-twice mistake',
  ]);
  expect(failures(report)).toContain('FAILED 02-multi-stage/npm-start: its mended version failed');
  expect(failures(report)).toContain('FAILED 03-distroless/node-twice: it could not be measured');
});

test('a mistake that costs nothing is a failure; gains, other reasons and a little time are no costs', () => {
  const report = stored();
  const name = '02-multi-stage/npm-start';
  const [mended, mistake] = ['mended', 'mistake'].map((variant) => image(report, `${name} ${variant}`));
  if (!mended?.bench || !mistake?.bench || !mistake.size) throw new Error('it was not timed');
  Object.assign(mistake, { findings: mended.findings, behaviour: mended.behaviour });
  const samples = (...all: number[]) => ({ samples: all, median: all[1] ?? 0, reason: null });
  const start = (mine: number[], theirs: number[]) => {
    Object.assign(mistake, { bench: { ...mended.bench, nodeStartMs: samples(...mine) } });
    Object.assign(mended, { bench: { ...mended.bench, nodeStartMs: samples(...theirs) } });
    return costs(report, name);
  };
  // More than the spread of both, but less than a fifth.
  expect(start([430, 431, 432], [370, 371, 372])).toMatchObject({
    figures: [],
    problem: expect.stringContaining('costs nothing measurable'),
  });
  expect(start([470, 471, 472], [370, 371, 372]).figures).toMatchObject([{ name: 'node start', worse: true }]);
  expect(start([200, 201, 202], [370, 371, 372])).toMatchObject({
    figures: [{ name: 'node start', difference: '−170 ms', worse: false }],
    problem: expect.stringContaining('costs nothing measurable'),
  });
  expect(failures(report)).toEqual([expect.stringMatching(/^FAILED 02-multi-stage\/npm-start: it costs nothing/)]);
  mistake.size.unpackedBytes += 1_000_000;
  expect(failures(report)).toEqual([]);
});

test('what an image says cannot command a terminal, nor begin anything in Markdown', () => {
  const evil = '\u001b[2J\u0007\r|`<img src=x>@all';
  const report = stored();
  for (const one of report.images) {
    if (!one.ok) one.error = `${evil}\n  | ${evil}`;
    for (const finding of one.variant === 'mistake' ? (one.findings ?? []) : []) {
      finding.evidence = [{ path: evil, layer: 0, note: evil }];
    }
    for (const tried of one.behaviour ?? []) if (!tried.ok) tried.reason = evil;
  }
  for (const one of report.mistakes ?? []) {
    Object.assign(one, { what: evil, instead: evil });
    one.fix.lines = [`+ ${evil}`];
  }
  const [terminal, markdown] = [renderTerminal(report, false), renderMarkdown(report)];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  for (const output of [terminal, markdown]) expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  // Outside of code, HTML and mentions are escaped.
  const prose = markdown
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replaceAll('\\`', '')
    .replace(/(`+)[^`].*?\1/g, '');
  expect(prose).not.toMatch(/(?<!\\)<img|(?<!\\)@all/);
});
