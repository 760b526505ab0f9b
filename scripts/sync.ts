// `npm run sync`: what is written down twice in this repository, made the same again.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findChapters } from './compare/discover/chapters.ts';
import {
  CONFIG_SCHEMA_FILE,
  configJsonSchema,
  PROJECT_SCHEMA_FILE,
  projectJsonSchema,
} from './compare/discover/config.ts';
import { CONFIG_NAME } from './compare/model/budgets.ts';
import { REPORT_SCHEMA_FILE, reportJsonSchema } from './compare/model/report-schema.ts';
import { describeError } from './lib/errors.ts';
import { spawnText } from './lib/spawn.ts';
import { syncBudgets } from './sync/budgets.ts';
import { lockOriginal, syncCopies } from './sync/chapter-copies.ts';

const root = join(import.meta.dirname, '..');

try {
  // Twice, because the workspace's lock file also lists what the copies' manifests say.
  const first = await syncCopies(root);
  await spawnText('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
  });
  await lockOriginal(root);
  const changed = [...new Set([...first, ...(await syncCopies(root))])];
  if (await syncBudgets(root, await findChapters(root))) changed.push(CONFIG_NAME);
  await writeFile(REPORT_SCHEMA_FILE, reportJsonSchema());
  await writeFile(CONFIG_SCHEMA_FILE, configJsonSchema());
  await writeFile(PROJECT_SCHEMA_FILE, projectJsonSchema());
  console.log(changed.length > 0 ? `Synced:\n  ${changed.join('\n  ')}` : 'The chapters are in sync.');
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
