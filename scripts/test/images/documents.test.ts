import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyRepository, findDocuments } from '../../docs/documents.ts';
import { readReports } from '../../docs/reports.ts';
import { hasBasesOf, tryDocument } from '../../docs/try-document.ts';
import type { Engine } from '../../engine/engine.ts';
import { describeWithEngine, engine, ROOT } from './test-engine.ts';

// Every command of every document, typed in a copy of the repository: it has to end as the document says, and to print
// what the document shows.

const documents = await findDocuments(ROOT);

describeWithEngine('documents', () => {
  let copy = '';
  let sameBases = false;

  beforeAll(async () => {
    copy = await copyRepository(ROOT);
    const { chapters } = await readReports(ROOT);
    // On other base images the sizes are others.
    sameBases = await hasBasesOf(chapters, engine as Engine);
  });
  afterAll(() => rm(dirname(copy), { recursive: true, force: true }));

  test.each(documents)('%s', { timeout: 600_000 }, async (file) => {
    const signal = new AbortController().signal;
    const { problems } = await tryDocument(copy, file, { engine: engine as Engine, signal, sameBases });
    expect(problems.map(({ line, text }) => `${file}:${line}: ${text}`)).toEqual([]);
  });
});
