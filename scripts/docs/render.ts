import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { subjectName } from '../compare/model/subject.ts';
import { drawSizes } from '../compare/report/chart.ts';
import { findDocuments } from './documents.ts';
import { readEngineTrials } from './engine-trials.ts';
import { factOf } from './facts.ts';
import { findMistakes } from './mistakes.ts';
import { partOf } from './parts.ts';
import { imageOf, onlyChapter, type Reports } from './reports.ts';

/** Everything that the reports determine: documents and charts by their path, with the text that they should have. */
export async function renderAll(root: string, reports: Reports): Promise<Map<string, string>> {
  const rendered = new Map<string, string>();
  const [mistakes, trials] = await Promise.all([findMistakes(root), readEngineTrials(root)]);
  for (const file of await findDocuments(root)) {
    const text = await readFile(join(root, file), 'utf8');
    try {
      rendered.set(
        file,
        fillDocument(text, factOf.bind(null, reports), partOf.bind(null, { reports, mistakes, trials })),
      );
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`);
    }
  }
  const lean = { ...imageOf(reports.lean, 'lean', 'lean'), chapter: '03-distroless' };
  const images = [...reports.chapters.images, lean].sort((one, other) => one.chapter.localeCompare(other.chapter));
  const nameOf = (image: typeof lean) => subjectName({ ...image, chapter: image.chapter.slice(0, 2) });
  for (const scheme of ['light', 'dark'] as const)
    rendered.set(`docs/sizes-${scheme}.svg`, drawSizes(images, nameOf, scheme));
  for (const chapter of await findChapterDirectories(root)) {
    const { images } = onlyChapter(reports.chapters, chapter);
    rendered.set(
      `${chapter}/README.svg`,
      drawSizes(images, ({ variant }) => variant, 'system'),
    );
  }
  return rendered;
}

/** A value in the text, and a part that is generated as a whole. Their names are in their comments. */
const VALUE = /(<!--=(\S+?)-->).*?(<!--\/-->)/g;
const PART = /(<!-- made: (.+?) -->\n)[\s\S]*?(<!-- \/made -->)/g;

/** A document with its values and generated parts written again. Errors of the two functions are passed on. */
export const fillDocument = (text: string, factOf: (name: string) => string, partOf: (name: string) => string) =>
  text
    .replace(PART, (_all, begin, name, end) => `${begin}${partOf(name)}\n${end}`)
    .replace(VALUE, (_all, begin, name, end) => `${begin}${factOf(name)}${end}`);
