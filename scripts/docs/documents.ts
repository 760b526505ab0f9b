import { existsSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnText } from '../lib/spawn.ts';

/** The documents of the repository, relative to it: what a reader may follow. */
export const findDocuments = async (root: string) =>
  (await listFiles(root, '*.md')).filter((file) => !file.startsWith('scripts/test/'));

/** The files of the repository that match, of those that git knows or could add: in order, relative to it. */
export async function listFiles(root: string, ...patterns: string[]): Promise<string[]> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '-z', ...patterns];
  const files = (await spawnText('git', args, { cwd: root })).split('\0');
  // Git also lists what is deleted and not yet committed.
  return files.filter((file) => file !== '' && existsSync(join(root, file))).sort();
}

/** Copies files of {@link listFiles} to a new temporary directory. Returns its path. */
export async function copyFiles(root: string, ...patterns: string[]): Promise<string> {
  // In a directory of its own: documents put projects beside the repository.
  const copy = join(await mkdtemp(join(tmpdir(), 'documents-')), 'multi-stage-node');
  for (const file of await listFiles(root, ...patterns))
    await cp(join(root, file), join(copy, file), { verbatimSymlinks: true });
  return copy;
}

/** The environment without what the npm and the test runner that started this have set. */
export const readerEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_.*|INIT_CWD|FORCE_COLOR.*|VITEST.*|NODE_ENV|TEST)$/i.test(name),
    ),
  );
