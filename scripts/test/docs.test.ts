import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { visit } from 'unist-util-visit';
import { describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import type { ImageReport } from '../compare/model/report-schema.ts';
import { drawSizes } from '../compare/report/chart.ts';
import { findDocuments } from '../docs/documents.ts';
import { factOf } from '../docs/facts.ts';
import { costsOf, findMistakes } from '../docs/mistakes.ts';
import { partOf } from '../docs/parts.ts';
import { fillDocument, renderAll } from '../docs/render.ts';
import { onlyChapter, readReports } from '../docs/reports.ts';
import { INVOCATION_LABEL } from '../engine/labels.ts';
import { blocksOf, commandsOf, withBlock } from './images/code-blocks.ts';
import { refreshed, tidyOutput } from './images/compare-output.ts';
import { CLAIMS } from './mistake-claims.ts';

const ROOT = join(import.meta.dirname, '../..');
const documents = await findDocuments(ROOT);
const chapters = await findChapterDirectories(ROOT);
const reports = await readReports(ROOT);
const mistakes = await findMistakes(ROOT);
const readText = (file: string) => readFile(join(ROOT, file), 'utf8');

/** What a document has that looks measured and is in no report: limits, rough times, what others claim, other benchmarks. */
const NOT_MEASURED: Record<string, string[]> = {
  'README.md': ['5 GB'],
  '01-first-dockerfile/README.md': ['1.2 GB', '180 MB', '1.24 GB', '500 MB', '100 MB'],
  '02-multi-stage/README.md': [
    ...['1.2 GB', '180 MB', '350 MB', '150 MB', '57 %', '420 MB', '182 MB', '85 %'],
    ...['75 %', '60 %', '49 ms', '30 s'],
  ],
  '03-distroless/README.md': ['1.2 GB', '180 MB', '115 MB', '182 MB'],
  '04-three-stage/README.md': ['1.2 GB', '180 MB'],
  'docs/compare.md': ['200 ms'],
  'docs/production.md': ['5 s', '11 %', '22 %'],
};

const MEASURED = /\d[\d.,]*\s?(?:GB|MB|kB|ms|s|seconds?|minutes?|%|times smaller)(?!\w)/g;

/** What a person has written, without code, generated parts, values and comments. */
function proseOf(text: string): string {
  const prose: string[] = [];
  const empty = () => '';
  visit(fromMarkdown(fillDocument(text, empty, empty)), (node) => {
    if (node.type === 'text' || node.type === 'html') prose.push(node.value.replace(/<!--[\s\S]*?-->/g, ''));
  });
  return prose.join('\n');
}

/** Where the links and pictures of a document lead, and the anchors of its headings, as GitHub makes them. */
function linksOf(text: string) {
  const links: string[] = [];
  const anchors: string[] = [];
  visit(fromMarkdown(text), (node) => {
    if ('url' in node) links.push(node.url);
    if (node.type === 'html')
      links.push(...[...node.value.matchAll(/\b(?:src|srcset|href)="(.*?)"/g)].map(([, url = '']) => url));
    if (node.type !== 'heading') return;
    const heading = text.slice(node.position?.start.offset, node.position?.end.offset).replace(/^#+ /, '');
    anchors.push(
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  });
  return { links, anchors };
}

describe('the documents', () => {
  test('are these, and are read in an hour', async () => {
    const lessons = chapters.map((chapter) => `${chapter}/README.md`);
    const pages = 'CONTRIBUTING README docs/compare docs/debugging docs/production docs/use-in-your-project';
    const all = [...lessons, '03-distroless/lean/README.md', ...pages.split(' ').map((name) => `${name}.md`)];
    expect(documents).toEqual(all.sort());
    const words = (await Promise.all(documents.map(readText))).flatMap((text) => text.split(/\s+/).filter(Boolean));
    expect(words.length).toBeLessThanOrEqual(12_000);
  });

  test('have the numbers, parts and charts of the stored reports: npm run docs -- --render', async () => {
    const stale: string[] = [];
    for (const [file, text] of await renderAll(ROOT, reports))
      if ((await readText(file).catch(() => null)) !== text) stale.push(file);
    expect(stale).toEqual([]);
  });

  test.each(documents)('%s has no measured number that was typed by hand', async (file) => {
    const typed = proseOf(await readText(file)).match(MEASURED) ?? [];
    const notMeasured = NOT_MEASURED[file] ?? [];
    expect([...new Set(typed.map((number) => number.replace(/\s/, ' ')))].sort()).toEqual(notMeasured.sort());
  });

  test.each(documents)('%s: its blocks can be read', async (file) => {
    const text = await readText(file);
    for (const { lang, lines, meta, start } of blocksOf(text)) {
      expect(['sh', 'text', 'txt', 'json', 'yaml', 'js', 'dockerfile', 'diff'], `line ${start}`).toContain(lang);
      expect([null, { sh: 'fails', text: 'varies' }[lang ?? '']], `line ${start}`).toContain(meta);
      // In the shell of macOS, a person's comment is an argument of the command.
      if (lang === 'sh') expect(lines.filter((line) => /(^| )# /.test(line))).toEqual([]);
    }
    for (const { start, end, output } of commandsOf(text)) {
      if (output?.meta !== 'varies') continue;
      // The text says to the reader what differs from machine to machine.
      const all = text.split('\n');
      const around = [...all.slice(Math.max(0, start - 5), start - 1), ...all.slice(end, output.start - 1)];
      expect(around.join(' '), `line ${output.start}`).toMatch(/\b(differs?|yours?)\b/);
    }
  });

  test.each(documents)('%s: its links lead somewhere', async (file) => {
    for (const link of linksOf(await readText(file)).links.filter((one) => !one.startsWith('https:'))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      expect(Boolean(await stat(join(ROOT, target)).catch(() => null)), link).toBe(true);
      if (anchor !== undefined) expect(linksOf(await readText(target)).anchors, link).toContain(anchor);
    }
  });

  test('the README begins with what .ci/run runs, and names the label that compare uses', async () => {
    const [readme, ci] = [await readText('README.md'), await readText('.ci/run')];
    const first = blocksOf(readme).find(({ lang }) => lang === 'sh');
    expect(first?.lines.join('\n')).toContain('git clone');
    expect(first?.comment).toMatch(/^<!-- not run: /);
    expect(readme).toContain(`label=${INVOCATION_LABEL}`);
    for (const command of ['run setup', 'run compare', 'test', 'run test:rest'])
      expect(ci).toMatch(new RegExp(`^step ${command}( |$)`, 'm'));
  });
});

const HEADINGS =
  'The result / The problem / The idea / The Dockerfile, step by step / Try it / Look inside / Costs and limits / ' +
  'Mistakes, measured / Claims, measured / Exercises / Next';

describe.each(chapters)('%s', async (chapter) => {
  const text = await readText(`${chapter}/README.md`);
  const part = (heading: string) => text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

  test('has the headings of all lessons', () => {
    expect(
      text
        .match(/^## .*$/gm)
        ?.map((line) => line.slice(3))
        .join(' / '),
    ).toBe(HEADINGS);
  });

  test('three commands show the problem, and each exercise has a folded answer', () => {
    const commands = commandsOf(part('The problem')).flatMap((block) => block.commands);
    expect(commands.length).toBe(3);
    expect(commands[0]).toMatch(/^docker build .*-f Dockerfile\.single \.$/);
    const exercises = part('Exercises').match(/^\*\*\d\. /gm) ?? [];
    expect(exercises.length).toBeGreaterThanOrEqual(2);
    expect(part('Exercises').match(/<details><summary>Answer<\/summary>/g)?.length).toBe(exercises.length);
  });

  test('the Dockerfile is explained in the order in which it is read', async () => {
    const quoted = blocksOf(text).flatMap(({ lang, lines }) => (lang === 'dockerfile' ? lines : []));
    const lines = (await readText(`${chapter}/Dockerfile.multi`)).split('\n').filter((line) => !/^(#.*)?$/.test(line));
    expect(refreshed(quoted, lines)).not.toBeNull();
    // Left out is what other chapters have explained, and labels.
    expect(quoted.filter((line) => line !== '…').length).toBeGreaterThan(0.6 * lines.length);
  });

  test('has mistakes', () => {
    expect(mistakes.map(({ directory }) => dirname(dirname(directory)))).toContain(chapter);
  });
});

describe('the mistakes', () => {
  test('have a claim each, which the image tests check', () => {
    expect(mistakes.map(({ directory }) => directory)).toEqual(Object.keys(CLAIMS).sort());
  });

  test.each(mistakes)(
    '$directory is a short project, in which a few lines differ',
    async ({ directory, ...comments }) => {
      for (const comment of Object.values(comments))
        expect(comment).toMatch(/^([A-Z]|npm |package\.json ).{20,150}\.$/);
      expect(JSON.parse(await readText(`${directory}/compare.config.json`))).toEqual({
        $schema: '../../../scripts/compare/model/project.schema.json',
        context: '../..',
        dockerfiles: ['Dockerfile.mistake', 'Dockerfile.fixed'],
      });
      const read = async (variant: string) => (await readText(`${directory}/Dockerfile.${variant}`)).split('\n');
      const [mistake, fixed] = [await read('mistake'), await read('fixed')];
      for (const lines of [mistake, fixed]) {
        expect(lines.length).toBeLessThanOrEqual(25);
        expect(lines.filter((line) => line.length > 125)).toEqual([]);
      }
      const [before = [], after = []] = [mistake, fixed].map((lines) => lines.filter((line) => !/^(#.*)?$/.test(line)));
      const changed = [...before, ...after].filter((line) => !before.includes(line) || !after.includes(line));
      expect(changed.length).toBeLessThanOrEqual(8);
      // The same lines in another order are a difference as well, and a missing ignore file is one without any line.
      expect(before.join() === after.join()).toBe(directory.endsWith('/no-dockerignore'));
    },
  );

  const directory = '02-multi-stage/mistakes/chown-layer';
  const costsWith = (change: (image: ImageReport) => Partial<ImageReport> = () => ({}), name = directory) => {
    const images = reports.mistakes.images.map((image) => ({ ...image, ...change(image) }));
    return costsOf(
      { directory: name, mistake: '', fixed: '' },
      { ...reports, mistakes: { ...reports.mistakes, images } },
    );
  };

  test('cost what the fixed Dockerfile does not', () => {
    const sizes = [/^unpacked \+\d+ MB$/, /^download \+[\d.]+ MB$/].map((one) => expect.stringMatching(one));
    expect(costsWith()).toEqual([...sizes, 'warning writable-files']);
    const error = 'It ended.\n  | node:internal\n  |     throw err;\n  | Error: no such file\n  | Node.js v26';
    expect(costsWith(({ variant }) => (variant === 'mistake' ? { ok: false, run: null, error } : {}))).toEqual([
      'does not start: It ended. Error: no such file',
    ]);
  });

  test('that cost nothing, or were not measured, are an error', () => {
    const fixed = reports.mistakes.images.find((one) => one.chapter === 'chown-layer' && one.variant === 'fixed');
    expect(() => costsWith(({ variant }) => ({ ...fixed, variant }))).toThrow(`${directory} costs nothing`);
    const failed = ({ variant }: ImageReport) => (variant === 'fixed' ? { ok: false, error: 'no space' } : {});
    expect(() => costsWith(failed)).toThrow(`${directory}, fixed: no space`);
    expect(() => costsWith(undefined, 'x')).toThrow('The report has no image x mistake.');
  });
});

describe('a document is read', () => {
  test('as commands, with what they are continued on, here-documents and their output', () => {
    const text =
      "```sh\n# why\ndocker run \\\n  image\n\ncat > file <<'EOF'\n# text\nEOF\nls\n```\n\nprints\n\n```text varies\na\n```\n\n" +
      '```text\nb\n```\n\n```sh fails\nfalse\n```\n\n<!-- not run: why -->\n```sh\ntrue\n```\n\n```yaml\na: b\n```\n';
    const [first, second, ...others] = commandsOf(text);
    expect(first?.commands).toEqual(['docker run \\\n  image', "cat > file <<'EOF'\n# text\nEOF", 'ls']);
    expect(first?.output).toMatchObject({ lines: ['a'], meta: 'varies' });
    expect(second).toMatchObject({ commands: ['false'], meta: 'fails', output: undefined });
    expect(others).toEqual([]);
    expect(() => blocksOf('a\n```sh\n')).toThrow('Line 2: this block has no end.');
  });

  test('and written: a block in a list keeps its indentation', () => {
    const text = '- a\n\n  ```text varies\n  b\n  ```\n';
    const [block] = blocksOf(text);
    expect(block && withBlock(text, block, ['c', '', 'd'])).toBe('- a\n\n  ```text varies\n  c\n\n  d\n  ```\n');
  });

  test('and its values and parts are written again, which are not prose', () => {
    const made = (content: string) => `<!-- made: c 02 -->\n${content}\n<!-- /made -->\nand 3 MB \`4 MB\``;
    const text = `<!--=a-b-->1 MB<!--/--> of <!--=c--><!--/-->.\n${made('```text\nold 2 MB\n```')}`;
    const filled = fillDocument(
      text,
      (name) => `<${name}>`,
      (name) => `[${name}]`,
    );
    expect(filled).toBe(`<!--=a-b--><a-b><!--/--> of <!--=c--><c><!--/-->.\n${made('[c 02]')}`);
    expect(proseOf(text).match(MEASURED)).toEqual(['3 MB']);
    expect(blocksOf(text)).toEqual([]);
  });

  test('with its links and anchors', () => {
    const text = '# A `b`, c\n[d](e.md#f) ![g](h.svg)\n\n```sh\n[i](j)\n```\n\n<img src="k"><source srcset="l">\n';
    expect(linksOf(text)).toEqual({ links: ['e.md#f', 'h.svg', 'k', 'l'], anchors: ['a-b-c'] });
  });
});

describe('what was printed is compared', () => {
  const varies = { varies: true, sameBases: true };

  test.each([
    ['exactly', 'a 1', 'a 1', {}, true],
    ['exactly', 'a 1', 'a 2', {}, false],
    ['with all lines', 'a', 'a\nb', {}, false],
    ['also when there should be none', '', 'a', {}, false],
    ['without numbers', 'a 1.5 ms', 'a 2.25 s', varies, true],
    ['without numbers', 'a 1.5 ms', 'b 1.5 ms', varies, false],
    ['with sizes on the same base images', 'x 180 MB', 'x   181 MB', varies, true],
    ['with sizes on the same base images', 'x 180 MB', 'x 250 MB', varies, false],
    ['with sizes in another unit', 'x 0.9 GB', 'x 910 MB', varies, true],
    ['without sizes on others', 'x 180 MB', 'x 250 MB', { varies: true }, true],
    ['with a first line', '…\nc', 'c\nd', {}, false],
    ['with a last line', 'c\n…', 'b\nc', {}, false],
  ])('%s: %j and %j', (_how, shown, printed, options, isSame) => {
    expect(refreshed(shown === '' ? [] : shown.split('\n'), printed.split('\n'), options) !== null).toBe(isSame);
  });

  test('with lines, beginnings and ends that are left out, which stay left out', () => {
    const lines = ['…', 'a 1', '…', '… end 5 …', 'c'];
    const actual = ['x', 'a 2', 'y', 'z', 'the end 6 of it', 'c'];
    expect(refreshed(lines, actual, varies)).toEqual(['…', 'a 2', '…', '… end 6 …', 'c']);
    expect(refreshed(['a …'], ['a b'])).toEqual(['a …']);
  });

  test('without colours and what npm says of itself', () => {
    const output = '\n> x@1.0.0 compare\n> node -- start.mjs\n\nnpm warn config\n\u001b[1mbold\u001b[22m  \n\n';
    expect(tidyOutput(output)).toEqual(['bold']);
  });
});

describe('the reports', () => {
  test.each([
    ['01-single-unpacked', /^\d\.\d\d GB$/],
    ['02-multi-group-Node-itself', /^\d+ MB$/],
    ['02-multi-unpacked-less-than-02-single', /^\d\d %$/],
    ['01-multi-unpacked-times-less-than-01-single', /^\d\.\d$/],
    ['02-multi-after-an-edit', /^\d+ ms$/],
    ['02-multi-cold-build-with-spread', /^[\d.]+ s \([\d.]+–[\d.]+\)$/],
    ['lean-lean-unpacked-less-than-lean-multi', /^\d\d %$/],
    ['measured-on', /^\d{4}-\d\d-\d\d$/],
    ['lean-measured-on', /^\d{4}-\d\d-\d\d$/],
  ])('have the value %s', (name, text) => {
    expect(factOf(reports, name)).toMatch(text);
  });

  test('have no other values and parts, and none that is false', () => {
    const name = '02-single-unpacked-less-than-02-multi';
    expect(() => factOf(reports, name)).toThrow(`"${name}" is false`);
    expect(() => factOf(reports, '02-multi-beauty')).toThrow('There is no value "02-multi-beauty".');
    expect(() => factOf(reports, '09-multi-unpacked')).toThrow('The report has no image 09 multi.');
    expect(() => partOf({ reports, mistakes, trials: [] }, 'beauty 02')).toThrow('There is no part "beauty 02".');
    for (const part of ['sizes', 'sizes 09'])
      expect(() => partOf({ reports, mistakes, trials: [] }, part)).toThrow('has no chapter');
  });

  test.each(['sizes 02', 'shapes'])('make the part %s, without "stand-in" in each cell', (name) => {
    expect(partOf({ reports, mistakes, trials: [] }, name)).not.toContain('stand-in');
  });

  const { images } = onlyChapter(reports.chapters, '02');

  test('are drawn: a bar for each image, as long as its unpacked size', () => {
    const svg = drawSizes(images, ({ variant }) => variant, 'system');
    const bars: Record<string, number> = {};
    for (const [, y = '', width] of svg.matchAll(/<rect x="[\d.]+" y="([\d.]+)" width="([\d.]+)" height="18"/g))
      bars[y] = (bars[y] ?? 0) + Number(width);
    const [single = 0, multi = 0, ...others] = Object.values(bars);
    const [ofSingle = 0, ofMulti = 0] = images.map(({ size }) => size?.unpackedBytes ?? 0);
    expect(multi / single).toBeCloseTo(ofMulti / ofSingle, 2);
    expect(others).toEqual([]);
    expect(svg).toMatch(/<title>Unpacked size of each image. single: \d+ MB, multi: \d+ MB<\/title>/);
  });

  test('are drawn without markup from a name', () => {
    const svg = drawSizes(images, () => '<script>&"', 'dark');
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;');
  });
});
