import { rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Report } from '../../compare/model/report-schema.ts';
import { copyFiles, findDocuments } from '../../docs/documents.ts';
import { readReports } from '../../docs/reports.ts';
import { isStandIn } from '../../engine/labels.ts';
import { spawnText } from '../../lib/spawn.ts';
import { runDocument } from './run-document.ts';
import { engine, ROOT } from './test-engine.ts';

// Every command of every document, in a copy of the repository: it has to end as the document shows, and to print what the
// document shows. With -u, as for golden files, the outputs in the documents are refreshed.

const documents = await findDocuments(ROOT);

describe('documents', () => {
  let copy = '';
  let sameBases = false;

  beforeAll(async () => {
    copy = await copyRepository(ROOT);
    sameBases = await hasBasesOf((await readReports(ROOT)).chapters);
  });
  afterAll(() => rm(dirname(copy), { recursive: true, force: true }));

  test.each(documents)('%s', { timeout: 650_000 }, async (file) => {
    const { signal } = new AbortController();
    const { text, problems } = await runDocument(copy, file, { engine, signal, sameBases });
    if (inject('update')) await writeFile(join(ROOT, file), text);
    expect(problems.map(({ line, text }) => `${file}:${line}: ${text}`)).toEqual([]);
  });
});

/**
 * A copy of the repository as a reader has it who has cloned it and run setup, with the packages of `root`. The caller
 * removes the directory around it.
 */
async function copyRepository(root: string): Promise<string> {
  const copy = await copyFiles(root);
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  const git = (...args: string[]) => spawnText('git', args, { cwd: copy });
  await git('init', '--quiet');
  await git('add', '--all');
  const author = ['-c', 'user.name=Reader', '-c', 'user.email=reader@example.com', '-c', 'commit.gpgsign=false'];
  await git(...author, 'commit', '--quiet', '--no-verify', '--message', 'A copy');
  return copy;
}

/**
 * Whether the engine's base images are those that a report was measured on. Real ones change under the same name, so only
 * stand-ins are known to be the same.
 */
async function hasBasesOf({ images }: Report): Promise<boolean> {
  return images.some(({ standIn }) => standIn) && isStandIn(await engine.image('node:26-alpine'), 'node:26-alpine');
}
