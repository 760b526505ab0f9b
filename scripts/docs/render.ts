import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { drawSizes } from './chart.ts';
import { fill } from './code-blocks.ts';
import { findDocuments } from './documents.ts';
import { factOf } from './facts.ts';
import { partOf } from './parts.ts';
import { onlyChapter, type Reports } from './reports.ts';

/** The file with a chapter's chart. */
const CHART = 'README.svg';

/** All that is made from the reports: documents and charts, by their path, with the text that they should have. */
export async function renderAll(root: string, reports: Reports): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const file of await findDocuments(root)) {
    const text = await readFile(join(root, file), 'utf8');
    try {
      const filled = fill(
        text,
        (name) => factOf(reports, name),
        (name) => partOf(reports, name),
      );
      made.set(file, filled);
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`);
    }
  }
  for (const chapter of await findChapterDirectories(root)) {
    made.set(`${chapter}/${CHART}`, drawSizes(onlyChapter(reports.chapters, chapter.slice(0, 2))));
  }
  return made;
}

/** Writes what {@link renderAll} makes. Returns the files that have changed. */
export async function writeAll(root: string, reports: Reports): Promise<string[]> {
  const changed: string[] = [];
  for (const [file, text] of await renderAll(root, reports)) {
    const before = await readFile(join(root, file), 'utf8').catch(() => null);
    if (before === text) continue;
    await writeFile(join(root, file), text);
    changed.push(file);
  }
  return changed;
}
