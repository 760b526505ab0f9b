import { cp, mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnText } from '../lib/spawn.ts';

/** The documents of the repository, relative to it: what a reader may follow. */
export async function findDocuments(root: string): Promise<string[]> {
  const listed = await spawnText('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: root,
  });
  return listed.split('\n').filter((file) => file !== '' && !file.startsWith('scripts/test/'));
}

/**
 * A copy of the repository as somebody has it who has cloned it and run setup: in a temporary folder, which the
 * caller removes. It shares the installed packages.
 */
export async function copyRepository(root: string): Promise<string> {
  // With a folder around it that is its own: documents put projects beside the repository.
  const copy = join(await mkdtemp(join(tmpdir(), 'lessons-')), 'multi-stage-node');
  await mkdir(copy);
  const files = (
    await spawnText('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  ).split('\0');
  for (const file of files.filter(Boolean)) {
    await cp(join(root, file), join(copy, file), { verbatimSymlinks: true }).catch((error: NodeJS.ErrnoException) => {
      // Deleted, and not yet committed.
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  const git = (...args: string[]) => spawnText('git', args, { cwd: copy });
  await git('init', '--quiet');
  await git('add', '--all');
  const author = ['-c', 'user.name=Reader', '-c', 'user.email=reader@example.com', '-c', 'commit.gpgsign=false'];
  await git(...author, 'commit', '--quiet', '--no-verify', '--message', 'A copy');
  return copy;
}
