import { cp, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { CONFIG_NAME } from '../compare/model/budgets.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The programs that tests start again and again. */
const PROGRAMS = ['compare', 'dockerize'];

/**
 * Makes one file of each program, in a directory that looks like this repository. As a user starts them, tsx loads each of
 * their files by itself: for so many commands, that takes longer than what they do.
 */
export async function bundlePrograms(directory: string): Promise<void> {
  const scripts = join(directory, 'scripts');
  // What the programs read beside their code: the recipe of the stand-ins.
  await cp(join(ROOT, 'scripts/setup'), scripts, { recursive: true });
  await build({
    entryPoints: PROGRAMS.map((name) => join(ROOT, `scripts/${name}.ts`)),
    outdir: scripts,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
  // npm keeps packages in both places.
  for (const name of ['node_modules', 'scripts/node_modules']) await symlink(join(ROOT, name), join(directory, name));
  for (const name of [CONFIG_NAME, ...(await findChapterDirectories(ROOT))]) {
    const filter = (path: string) => basename(path) !== 'node_modules';
    await cp(join(ROOT, name), join(directory, name), { recursive: true, filter });
  }
}
