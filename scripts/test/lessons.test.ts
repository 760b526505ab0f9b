import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { drawSizes } from '../docs/chart.ts';
import { blocksOf, commandsOf, fill, proseOf, splitCommands } from '../docs/code-blocks.ts';
import { difference, refreshed, tidyOutput } from '../docs/compare-output.ts';
import { findDocuments } from '../docs/documents.ts';
import { factOf } from '../docs/facts.ts';
import { renamed, renamesFor, restored } from '../docs/renames.ts';
import { renderAll } from '../docs/render.ts';
import { onlyChapter, readReports } from '../docs/reports.ts';

const ROOT = join(import.meta.dirname, '../..');
const documents = await findDocuments(ROOT);
const lessons = (await findChapterDirectories(ROOT)).map((folder) => ({ folder }));
const reports = await readReports(ROOT);
const readText = (file: string) => readFile(join(ROOT, file), 'utf8');

/** Numbers that nothing measures: limits that somebody has set, and rough times for planning. */
const SET: Record<string, string> = {
  'README.md': 'about 2 minutes|10 seconds|20 minutes|5 GB',
  'docs/measuring.md': '0.3 seconds|200 ms',
  'docs/compare.md': '10 seconds',
  'docs/claims.md': '[\\d.]+ (MB|GB|%)',
  'docs/debug.md': '10 seconds|10 s',
  'CONTRIBUTING.md': '60 seconds|38 s|\\d\\d minutes',
};

describe('the documents', () => {
  test('have the numbers, parts and charts that the stored reports say: npm run docs -- --render', async () => {
    const stale: string[] = [];
    for (const [file, text] of await renderAll(ROOT, reports)) {
      if ((await readText(file).catch(() => null)) !== text) stale.push(file);
    }
    expect(stale).toEqual([]);
  });

  test.each(documents)('%s has no measured number that was typed by hand', async (file) => {
    const set = new RegExp(SET[file] ?? '^$', 'g');
    const typed = proseOf(await readText(file)).flatMap((line, index) => {
      const found =
        line.replace(set, '').match(/\d[\d.,]*\s?(GB|MB|kB|ms|s|seconds?|minutes?|%|times smaller)(?!\w)/g) ?? [];
      return found.map((number) => `${file}:${index + 1}: ${number}`);
    });
    expect(typed).toEqual([]);
  });

  test.each(documents)('%s: its blocks can be read', async (file) => {
    const text = await readText(file);
    for (const { language, marks, from } of blocksOf(text)) {
      const known = ['sh', 'text', 'txt', 'json', 'js', 'dockerfile', 'diff'].includes(language);
      const marked = { sh: ['fails'], text: ['varies'] }[language] ?? [];
      expect([from + 1, known, marks.filter((mark) => !marked.includes(mark))]).toEqual([from + 1, true, []]);
    }
    const lines = text.split('\n');
    for (const { block, output } of commandsOf(text)) {
      if (!output?.marks.includes('varies')) continue;
      // What differs from machine to machine is said to the reader, too.
      const [before, between] = [
        lines.slice(Math.max(0, block.from - 4), block.from),
        lines.slice(block.to, output.from),
      ];
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

  test('what no test types is typed by .ci/run', async () => {
    const ci = await readText('.ci/run');
    for (const command of ['run setup', 'run compare', 'test'])
      expect(ci).toMatch(new RegExp(`^step ${command}( |$)`, 'm'));
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

describe('the lessons', () => {
  const headingsOf = (text: string) => text.match(/^## .*$/gm) ?? [];

  test('have the same headings in the same order', async () => {
    const [first, ...others] = await Promise.all(lessons.map(({ folder }) => readText(`${folder}/README.md`)));
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
    '$folder: three commands show the problem, and each exercise has a folded answer',
    async ({ folder }) => {
      const text = await readText(`${folder}/README.md`);
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

  test.each(lessons)('$folder: the Dockerfile is explained in the order in which it is read', async ({ folder }) => {
    const quoted = blocksOf(await readText(`${folder}/README.md`))
      .filter(({ language }) => language === 'dockerfile')
      .flatMap(({ lines }) => lines);
    const lines = (await readText(`${folder}/Dockerfile.multi`)).split('\n').filter((line) => !/^(#.*)?$/.test(line));
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
      '```sh\nls\n```\n\nprints\n\n```text varies\na\n```\n\n```text\nb\n```\n\n<!-- not run: why -->\n```sh fails\nfalse\n```\n';
    const [first, second] = commandsOf(text);
    expect(first).toMatchObject({
      block: { lines: ['ls'] },
      output: { lines: ['a'], marks: ['varies'] },
      notRun: null,
    });
    expect(second).toMatchObject({ block: { lines: ['false'], marks: ['fails'] }, output: null, notRun: 'why' });
    expect(() => blocksOf('a\n```sh\n')).toThrow('Line 2: this block has no end.');
  });

  test('values and parts are made anew, and the prose has none of them', () => {
    const text =
      'It has <!-- = a b -->1 MB<!-- / -->.\n<!-- made: c -->\n```text\nold 2 MB\n```\n<!-- /made -->\nand 3 MB `4 MB`';
    const filled = fill(
      text,
      (name) => `<${name}>`,
      (name) => `[${name}]`,
    );
    expect(filled).toBe(
      'It has <!-- = a b --><a b><!-- / -->.\n<!-- made: c -->\n[c]\n<!-- /made -->\nand 3 MB `4 MB`',
    );
    expect(proseOf(text).join('\n').match(/\d/g)).toEqual(['3']);
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
    expect(refreshed({ lines, ...varies }, actual)).toEqual(['…', 'a 2', '…', '… end 5 …', 'c']);
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

test('names and ports are others while a document is run', async () => {
  const command = 'docker run -d --name demo -p 127.0.0.1:3000:3000 demo-app:single x/demo';
  const renames = await renamesFor([command, 'docker build -t demo-app .'], 'abc');
  const port = renames.ports.get('3000');
  const run = renamed(command, renames);
  expect(run).toBe(`docker run -d --name demo-abc -p 127.0.0.1:${port}:3000 demo-app-abc:single x/demo`);
  expect(restored(run, renames)).toBe(command);
  expect(renamed('curl -s localhost:3000', renames)).toBe(`curl -s localhost:${port}`);
  const inside = 'docker exec container:demo wget http://localhost:3000';
  expect(renamed(inside, renames)).toBe('docker exec container:demo-abc wget http://localhost:3000');
});

describe('a value', () => {
  test('is written as everywhere else, and is not told when it is not so', () => {
    expect(factOf(reports, '01 single on disk')).toMatch(/^\d\.\d\d GB$/);
    expect(factOf(reports, '02 multi on disk less than 02 single')).toMatch(/^\d\d %$/);
    expect(factOf(reports, '01 multi on disk times less than 01 single')).toMatch(/^\d\.\d$/);
    expect(() => factOf(reports, '02 single on disk less than 02 multi')).toThrow(/is not so/);
    expect(() => factOf(reports, '02 multi beauty')).toThrow('There is no value "02 multi beauty".');
    expect(() => factOf(reports, '09 multi on disk')).toThrow('The report has no image 09 multi.');
  });

  test('a claim holds within a tenth, roughly within a quarter', () => {
    const bytes =
      reports.chapters.images.find(({ chapter, variant }) => `${chapter} ${variant}` === '02-multi-stage multi')?.size
        ?.unpackedBytes ?? 0;
    const about = (part: number) =>
      factOf(reports, `verdict 02 multi on disk about ${((bytes * part) / 1e6).toFixed(3)} MB`);
    expect([about(1), about(1.09), about(1.2), about(0.85), about(1.5)]).toEqual([
      'yes',
      'yes',
      'roughly',
      'roughly',
      'no',
    ]);
    expect(factOf(reports, 'verdict 02 multi on disk under 1 GB')).toBe('yes');
    expect(factOf(reports, 'verdict 02 multi on disk over 1 GB')).toBe('no');
  });
});

describe('a chart', () => {
  const report = onlyChapter(reports.chapters, '02');
  const svg = drawSizes(report);

  test('has a bar for each image, as long as its bytes on disk', () => {
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
    expect(svg).toMatch(/<title>single: \d+ MB on disk, multi: \d+ MB on disk<\/title>/);
    const [image] = report.images;
    const hostile = drawSizes({ ...report, images: image ? [{ ...image, variant: '<script>&"' }] : [] });
    expect(hostile).not.toContain('<script>');
    expect(hostile).toContain('&lt;script&gt;&amp;&quot;');
  });
});
