import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { visit } from 'unist-util-visit';
import { describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import type { ImageReport } from '../compare/model/report-schema.ts';
import { drawSizes } from '../docs/chart.ts';
import { findDocuments } from '../docs/documents.ts';
import { factOf } from '../docs/facts.ts';
import { costsOf, findMistakes } from '../docs/mistakes.ts';
import { fillDocument, renderAll } from '../docs/render.ts';
import { onlyChapter, readReports } from '../docs/reports.ts';
import { INVOCATION_LABEL } from '../engine/labels.ts';
import { blocksOf, commandsOf, placeOf, splitCommands, withBlock } from './images/code-blocks.ts';
import { difference, refreshed, tidyOutput } from './images/compare-output.ts';
import { CLAIMS } from './mistake-claims.ts';

const ROOT = join(import.meta.dirname, '../..');
const documents = await findDocuments(ROOT);
const lessons = (await findChapterDirectories(ROOT)).map((chapter) => ({ chapter }));
const reports = await readReports(ROOT);
const readText = (file: string) => readFile(join(ROOT, file), 'utf8');

/** Numbers that are in no report: limits that somebody has set, rough times for planning, and results of bench:memory. */
const NOT_MEASURED: Record<string, string> = {
  'README.md': 'about 2 minutes|10 seconds|5 GB',
  '02-multi-stage/README.md': '(75|60) %|(49|89) ms|0\\.1[08] s|(5|10|30) s',
  'docs/measuring.md': '0.3 seconds|200 ms',
  'docs/claims.md': '[\\d.]+ (MB|GB|%)',
  'CONTRIBUTING.md': '60 seconds',
};

/** What a person has written, without code, generated parts, values and comments. */
function proseOf(text: string): string[] {
  const empty = () => '';
  const prose: string[] = [];
  visit(fromMarkdown(fillDocument(text, empty, empty)), (node) => {
    if (node.type !== 'text' && node.type !== 'html') return;
    prose.push(...node.value.replace(/<!--[\s\S]*?-->/g, '').split('\n'));
  });
  return prose;
}

describe('the documents', () => {
  test('have the numbers, parts and charts of the stored reports: npm run docs -- --render', async () => {
    const stale: string[] = [];
    for (const [file, text] of await renderAll(ROOT, reports)) {
      if ((await readText(file).catch(() => null)) !== text) stale.push(file);
    }
    expect(stale).toEqual([]);
  });

  test.each(documents)('%s has no measured number that was typed by hand', async (file) => {
    const notMeasured = new RegExp(NOT_MEASURED[file] ?? '^$', 'g');
    const measured = /\d[\d.,]*\s?(GB|MB|kB|ms|s|seconds?|minutes?|%|times smaller)(?!\w)/;
    const typed = proseOf(await readText(file)).filter((line) => measured.test(line.replace(notMeasured, '')));
    expect(typed).toEqual([]);
  });

  test.each(documents)('%s: its blocks can be read', async (file) => {
    const text = await readText(file);
    for (const block of blocksOf(text)) {
      const meta = { sh: 'fails', text: 'varies' }[block.lang ?? ''];
      const { line } = placeOf(block).start;
      expect(['sh', 'text', 'txt', 'json', 'js', 'dockerfile', 'diff'], `line ${line}`).toContain(block.lang);
      expect([null, meta], `line ${line}`).toContain(block.meta ?? null);
    }
    const lines = text.split('\n');
    for (const { block, output } of commandsOf(text)) {
      if (output?.meta !== 'varies') continue;
      // The text says to the reader what differs from machine to machine.
      const [commands, printed] = [placeOf(block), placeOf(output)];
      const before = lines.slice(Math.max(0, commands.start.line - 5), commands.start.line - 1);
      const between = lines.slice(commands.end.line - 1, printed.start.line - 1);
      expect([...before, ...between].join(' ')).toMatch(/\b(differs?|yours)\b/);
    }
  });

  test.each(documents)('%s: its links lead somewhere', async (file) => {
    const text = (await readText(file)).replace(/```[\s\S]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const whole = path === '' ? file : join(dirname(file), path);
      expect([target, Boolean(await stat(join(ROOT, whole)).catch(() => null))]).toEqual([target, true]);
      if (anchor !== undefined) expect(anchorsOf(await readText(whole))).toContain(anchor);
    }
  });

  test('.ci/run runs the commands that no test runs', async () => {
    const ci = await readText('.ci/run');
    for (const command of ['run setup', 'run compare', 'test', 'run test:rest'])
      expect(ci).toMatch(new RegExp(`^step ${command}( |$)`, 'm'));
  });

  test('the README names the label that compare uses', async () => {
    expect(await readText('README.md')).toContain(`label=${INVOCATION_LABEL}`);
  });

  test('docs/claims.md: whether a claim holds follows from the numbers beside it', async () => {
    const rows = fillDocument(
      await readText('docs/claims.md'),
      (name) => factOf(reports, name),
      () => '',
    )
      .replace(/<!--.*?-->/g, '')
      .split('\n')
      .filter((line) => /\| (yes|roughly|no)(; download: \w+)? \|$/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(rows.length).toBeGreaterThanOrEqual(11);
    for (const [, , claim = '', , unpacked = '', download = '', holds = ''] of rows) {
      const [, ofUnpacked, ofDownload] = /^(yes|roughly|no)(?:; download: (yes|roughly|no))?$/.exec(holds) ?? [];
      expect([claim, ofUnpacked]).toEqual([claim, verdict(claim, unpacked)]);
      if (ofDownload !== undefined) expect([claim, ofDownload]).toEqual([claim, verdict(claim, download)]);
    }
  });
});

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/```[\s\S]*?```/g, '').match(/^#+ .*$/gm) ?? [];
  return headings.map((line) =>
    line
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Whether a measured value agrees with a claim, by the rules at the top of docs/claims.md. */
function verdict(claim: string, measured: string): string {
  const [claimed, value] = [claim.replace('six', '6'), measured].map((text) => {
    const [, number, unit = ''] = /([\d.]+) (MB|GB|%|times)/.exec(text) ?? [];
    return { amount: Number(number) * (unit === 'GB' ? 1000 : 1), unit: unit.replace('GB', 'MB') };
  }) as [Claimed, Claimed];
  expect(value.unit).toBe(claimed.unit);
  if (/\b(over|under)\b/.test(claim)) {
    return value.amount > claimed.amount === claim.includes('over') ? 'yes' : 'no';
  }
  const isPercent = claimed.unit === '%';
  const distance = Math.abs(value.amount - claimed.amount) / (isPercent ? 1 : claimed.amount);
  const [near, far] = isPercent ? [5, 15] : [0.1, 0.25];
  if (distance <= near) return 'yes';
  return distance <= far ? 'roughly' : 'no';
}

interface Claimed {
  amount: number;
  unit: string;
}

describe('the mistakes', async () => {
  const mistakes = await findMistakes(ROOT);

  test('are in all chapters, and the image tests have a claim for each', () => {
    const directories = mistakes.map(({ directory }) => directory);
    expect([...new Set(directories.map((one) => one.split('/')[0]))]).toEqual(lessons.map(({ chapter }) => chapter));
    expect(Object.keys(CLAIMS).sort()).toEqual([...directories].sort());
  });

  test.each(mistakes)(
    '$directory: a few lines differ, and the file is short',
    async ({ directory, mistake, fixed }) => {
      for (const comment of [mistake, fixed]) expect(comment).toMatch(/^([A-Z]|npm |package\.json ).{20,150}\.$/);
      const texts = await Promise.all(['mistake', 'fixed'].map((name) => readText(`${directory}/Dockerfile.${name}`)));
      for (const text of texts) {
        expect(text.split('\n').length).toBeLessThanOrEqual(24);
        expect(text.split('\n').filter((line) => line.length > 125)).toEqual([]);
      }
      const [before = [], after = []] = texts.map((text) => text.split('\n').filter((line) => !/^(#.*)?$/.test(line)));
      const changed = [
        ...before.filter((line) => !after.includes(line)),
        ...after.filter((line) => !before.includes(line)),
      ];
      // The same lines in another order are a difference as well, and a missing ignore file is one without any line.
      const isSame = before.join() === after.join();
      expect(isSame).toBe(directory.endsWith('/no-dockerignore'));
      expect(changed.length).toBeLessThanOrEqual(8);
    },
  );
});

describe('the lessons', () => {
  const headingsOf = (text: string) => text.match(/^## .*$/gm) ?? [];

  test('have the same headings in the same order', async () => {
    const [first, ...others] = await Promise.all(lessons.map(({ chapter }) => readText(`${chapter}/README.md`)));
    expect(headingsOf(first ?? '')).toEqual([
      '## What you will have',
      '## Feel the problem',
      '## The idea',
      '## The Dockerfile, step by step',
      '## Try it',
      '## Look inside',
      '## What it costs, and when not to use it',
      '## Mistakes, measured',
      '## Exercises',
      '## Next',
    ]);
    for (const other of others) expect(headingsOf(other)).toEqual(headingsOf(first ?? ''));
  });

  test.each(lessons)(
    '$chapter: three commands show the problem, and each exercise has a folded answer',
    async ({ chapter }) => {
      const text = await readText(`${chapter}/README.md`);
      const part = (heading: string) => text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
      const commands = commandsOf(part('Feel the problem')).flatMap(({ block }) => splitCommands(block.lines));
      expect(commands.length).toBe(3);
      expect(commands[0]).toMatch(/^docker build .*-f Dockerfile\.single \.$/);
      const exercises = part('Exercises').match(/^\*\*\d\. /gm) ?? [];
      const answers = part('Exercises').match(/<details><summary>Answer<\/summary>/g) ?? [];
      expect(exercises.length).toBeGreaterThanOrEqual(2);
      expect(answers.length).toBe(exercises.length);
    },
  );

  test.each(lessons)('$chapter: the Dockerfile is explained in the order in which it is read', async ({ chapter }) => {
    const quoted = blocksOf(await readText(`${chapter}/README.md`))
      .filter(({ lang }) => lang === 'dockerfile')
      .flatMap(({ lines }) => lines);
    const lines = (await readText(`${chapter}/Dockerfile.multi`)).split('\n').filter((line) => !/^(#.*)?$/.test(line));
    expect(refreshed({ lines: quoted, varies: false, sameBases: false }, lines)).not.toBeNull();
    // Left out is what other chapters have explained, and labels.
    expect(quoted.filter((line) => line !== '…').length).toBeGreaterThan(0.6 * lines.length);
  });
});

describe('a document is read', () => {
  test('commands with what they are continued on, here-documents, and without comments', () => {
    const lines = ['# why', 'docker run \\', '  image', '', "cat > file <<'EOF'", '# text', 'EOF', 'ls'];
    expect(splitCommands(lines)).toEqual(['docker run \\\n  image', "cat > file <<'EOF'\n# text\nEOF", 'ls']);
  });

  test('a block of text belongs to the commands before it', () => {
    const text =
      '```sh\nls\n```\n\nprints\n\n```text varies\na\n```\n\n```text\nb\n```\n\n```sh fails\nfalse\n```\n\n<!-- not run: why -->\n```sh\ntrue\n```\n';
    const [first, second, ...others] = commandsOf(text);
    expect(first).toMatchObject({ block: { lines: ['ls'] }, output: { lines: ['a'], meta: 'varies' } });
    expect(second).toMatchObject({ block: { lines: ['false'], meta: 'fails' }, output: null });
    expect(others).toEqual([]);
    expect(() => blocksOf('a\n```sh\n')).toThrow('Line 2: this block has no end.');
  });

  test('a block in a list keeps its indentation when its content is replaced', () => {
    const text = '- a\n\n  ```text varies\n  b\n  ```\n';
    const [block] = blocksOf(text);
    expect(block).toMatchObject({ lines: ['b'], meta: 'varies' });
    expect(block && withBlock(text, block, ['c', '', 'd'])).toBe('- a\n\n  ```text varies\n  c\n\n  d\n  ```\n');
  });

  test('values and parts are written again, and the prose has none of them', () => {
    const text =
      'It has <!-- = a b -->1 MB<!-- / -->.\n<!-- made: c -->\n```text\nold 2 MB\n```\n<!-- /made -->\nand 3 MB `4 MB`';
    const filled = fillDocument(
      text,
      (name) => `<${name}>`,
      (name) => `[${name}]`,
    );
    expect(filled).toBe(
      'It has <!-- = a b --><a b><!-- / -->.\n<!-- made: c -->\n[c]\n<!-- /made -->\nand 3 MB `4 MB`',
    );
    expect(proseOf(text).join('\n').match(/\d/g)).toEqual(['3']);
    expect(proseOf('<!-- = a -->1 MB<!-- / --> at the beginning of 2 lines').join('\n').match(/\d/g)).toEqual(['2']);
    expect(blocksOf(text)).toEqual([]);
  });
});

describe('what was printed is compared', () => {
  const exact = { varies: false, sameBases: false };
  const varies = { varies: true, sameBases: true };

  test('exactly, or with numbers that differ', () => {
    expect(difference({ lines: ['a 1', 'b'], ...exact }, ['a 1', 'b'])).toBeNull();
    expect(difference({ lines: ['a 1', 'b'], ...exact }, ['a 2', 'b'])).toMatch(/^This line was not printed: a 1\n/);
    expect(difference({ lines: ['a 1.5 ms'], ...varies }, ['a 2.25 s'])).toBeNull();
    expect(difference({ lines: ['a 1.5 ms'], ...varies }, ['b 1.5 ms'])).not.toBeNull();
    expect(difference({ lines: ['a'], ...exact }, ['a', 'b'])).not.toBeNull();
    expect(difference({ lines: [], ...exact }, ['a'])).not.toBeNull();
  });

  test('sizes must be about the same on the same base images', () => {
    expect(difference({ lines: ['x 180 MB'], ...varies }, ['x   181 MB'])).toBeNull();
    expect(difference({ lines: ['x 180 MB'], ...varies }, ['x 250 MB'])).not.toBeNull();
    expect(difference({ lines: ['x 180 MB'], varies: true, sameBases: false }, ['x 250 MB'])).toBeNull();
    expect(difference({ lines: ['x 0.9 GB'], ...varies }, ['x 910 MB'])).toBeNull();
  });

  test('with lines, beginnings and ends that are left out, which stay left out', () => {
    const lines = ['…', 'a 1', '…', '… end 5 …', 'c'];
    const actual = ['x', 'a 2', 'y', 'z', 'the end 6 of it', 'c'];
    expect(refreshed({ lines, ...varies }, actual)).toEqual(['…', 'a 2', '…', '… end 6 …', 'c']);
    expect(refreshed({ lines: ['a …'], ...exact }, ['a b'])).toEqual(['a …']);
    expect(refreshed({ lines: ['…', 'c'], ...exact }, ['c', 'd'])).toBeNull();
    expect(refreshed({ lines: ['c', '…'], ...exact }, ['b', 'c'])).toBeNull();
  });

  test('without colours and what npm says of itself', () => {
    expect(
      tidyOutput('\n> x@1.0.0 compare\n> node -- start.mjs\n\nnpm warn config\n\u001b[1mbold\u001b[22m  \n\n'),
    ).toEqual(['bold']);
  });
});

describe('a value', () => {
  test('is written as everywhere else, and is refused when its words are false', () => {
    expect(factOf(reports, '01 single unpacked')).toMatch(/^\d\.\d\d GB$/);
    expect(factOf(reports, '02 multi unpacked less than 02 single')).toMatch(/^\d\d %$/);
    expect(factOf(reports, '01 multi unpacked times less than 01 single')).toMatch(/^\d\.\d$/);
    expect(factOf(reports, 'lean lean unpacked less than lean multi')).toMatch(/^\d\d %$/);
    expect(() => factOf(reports, '02 single unpacked less than 02 multi')).toThrow(/is false/);
    expect(() => factOf(reports, '02 multi beauty')).toThrow('There is no value "02 multi beauty".');
    expect(() => factOf(reports, '09 multi unpacked')).toThrow('The report has no image 09 multi.');
  });
});

describe('a chart', () => {
  const report = onlyChapter(reports.chapters, '02');
  const svg = drawSizes(report);

  test('has a bar for each image, as long as its unpacked size', () => {
    const bars = new Map<string, number>();
    for (const [, y = '', width] of svg.matchAll(/<rect x="[\d.]+" y="([\d.]+)" width="([\d.]+)" height="26"/g)) {
      bars.set(y, (bars.get(y) ?? 0) + Number(width));
    }
    const [single, multi] = [...bars.values()];
    const [ofSingle, ofMulti] = report.images.map(({ size }) => size?.unpackedBytes ?? 0);
    expect(bars.size).toBe(2);
    expect((multi ?? 0) / (single ?? 1)).toBeCloseTo((ofMulti ?? 0) / (ofSingle ?? 1), 2);
  });

  test('says in words what it shows, and nothing of it can be taken for markup', () => {
    expect(svg).toMatch(/<title>single: \d+ MB unpacked, multi: \d+ MB unpacked<\/title>/);
    const [image] = report.images;
    const hostile = drawSizes({ ...report, images: image ? [{ ...image, variant: '<script>&"' }] : [] });
    expect(hostile).not.toContain('<script>');
    expect(hostile).toContain('&lt;script&gt;&amp;&quot;');
  });
});

describe('the mistakes', async () => {
  const mistakes = await findMistakes(ROOT);

  test.each(mistakes)('$directory is a project, and its Dockerfiles begin with a comment', async (mistake) => {
    expect(mistake).toEqual({
      ...mistake,
      mistake: expect.stringMatching(/\w\.$/),
      fixed: expect.stringMatching(/\w \.$|\w\.$/),
    });
    expect(JSON.parse(await readText(`${mistake.directory}/compare.config.json`))).toEqual({
      $schema: '../../../scripts/compare/model/project.schema.json',
      context: '../..',
      dockerfiles: ['Dockerfile.mistake', 'Dockerfile.fixed'],
    });
  });

  const directory = '02-multi-stage/mistakes/chown-layer';
  const mistake = { directory, mistake: '', fixed: '' };
  const withImages = (change: (image: ImageReport) => Partial<ImageReport>) => ({
    ...reports,
    mistakes: { ...reports.mistakes, images: reports.mistakes.images.map((image) => ({ ...image, ...change(image) })) },
  });

  test('cost what the fixed Dockerfile does not', () => {
    expect(costsOf(mistake, reports)).toEqual([
      expect.stringMatching(/^unpacked \+\d+ MB \(\d+ MB without it\)$/),
      expect.stringMatching(/^download \+[\d.]+ MB \([\d.]+ MB without it\)$/),
      'warning writable-files',
    ]);
  });

  test('that cost nothing, or were not measured, are an error', () => {
    const fixed = reports.mistakes.images.find((one) => one.chapter === 'chown-layer' && one.variant === 'fixed');
    const same = withImages(({ variant }) => ({ ...fixed, variant }));
    expect(() => costsOf(mistake, same)).toThrow(`${directory} costs nothing`);
    const failed = withImages(({ variant }) => (variant === 'fixed' ? { ok: false, error: 'no space' } : {}));
    expect(() => costsOf(mistake, failed)).toThrow(`${directory}, fixed: no space`);
    expect(() => costsOf({ ...mistake, directory: 'x' }, reports)).toThrow('The report has no image x mistake.');
  });

  test('that do not start say why', () => {
    const error =
      'The container ended.\n  | node:internal\n  |     throw err;\n  | Error: no such file\n  | Node.js v26';
    const stopped = withImages(({ variant }) => (variant === 'mistake' ? { ok: false, run: null, error } : {}));
    expect(costsOf(mistake, stopped)).toEqual(['does not start: The container ended. Error: no such file']);
  });
});
