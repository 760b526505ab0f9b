import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { writeChanged } from '../lib/write-changed.ts';
import { drawSizes } from './chart.ts';
import { findDocuments } from './documents.ts';
import { factOf } from './facts.ts';
import { findMistakes } from './mistakes.ts';
import { partOf } from './parts.ts';
import { onlyChapter, type Reports } from './reports.ts';

/** Everything that the reports determine: documents and charts by their path, with the text that they should have. */
export async function renderAll(root: string, reports: Reports): Promise<Map<string, string>> {
  const rendered = new Map<string, string>();
  const mistakes = await findMistakes(root);
  for (const file of await findDocuments(root)) {
    const text = await readFile(join(root, file), 'utf8');
    try {
      rendered.set(file, fillDocument(text, factOf.bind(null, reports), partOf.bind(null, reports, mistakes)));
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`);
    }
  }
  for (const chapter of await findChapterDirectories(root)) {
    rendered.set(`${chapter}/README.svg`, drawSizes(onlyChapter(reports.chapters, chapter.slice(0, 2))));
  }
  return rendered;
}

/** Writes what {@link renderAll} returns. Returns the files that have changed. */
export const writeAll = async (root: string, reports: Reports) => writeChanged(root, await renderAll(root, reports));

/** A value in the text, and a part that is generated as a whole. Their names are in their comments. */
const VALUE = /<!-- = (.+?) -->(.*?)<!-- \/ -->/g;
const PART = /(<!-- made: (.+?) -->\n)[\s\S]*?(<!-- \/made -->)/g;

/** A document with its values and generated parts written again. Errors of the two functions are passed on. */
export function fillDocument(text: string, factOf: (name: string) => string, partOf: (name: string) => string): string {
  return text
    .replace(PART, (_all, begin: string, name: string, end: string) => `${begin}${partOf(name)}\n${end}`)
    .replace(VALUE, (_all, name: string) => `<!-- = ${name} -->${factOf(name)}<!-- / -->`);
}
