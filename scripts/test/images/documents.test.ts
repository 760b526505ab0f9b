import { rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
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

  // As a reader has it who has cloned it and run setup.
  beforeAll(async () => {
    copy = await copyFiles(ROOT);
    // npm keeps packages in both places.
    for (const name of ['node_modules', 'scripts/node_modules']) await symlink(join(ROOT, name), join(copy, name));
    const author = ['-c', 'user.name=Reader', '-c', 'user.email=reader@example.com', '-c', 'commit.gpgsign=false'];
    const commit = [...author, 'commit', '--quiet', '--no-verify', '--message', 'A copy'];
    for (const args of [['init', '--quiet'], ['add', '--all'], commit]) await spawnText('git', args, { cwd: copy });
    // Real base images change under the same name: only stand-ins are known to be those that the reports were measured on.
    const isStandInNow = isStandIn(await engine.image('node:26-alpine'), 'node:26-alpine');
    sameBases = isStandInNow && (await readReports(ROOT)).chapters.images.some(({ standIn }) => standIn);
  });
  afterAll(() => rm(dirname(copy), { recursive: true, force: true }));

  test.each(documents)('%s', { timeout: 650_000 }, async (file) => {
    const { text, problems } = await runDocument(copy, file, sameBases);
    if (inject('update')) await writeFile(join(ROOT, file), text);
    expect(problems).toEqual([]);
  });
});
