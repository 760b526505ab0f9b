import { appendFile, cp, lstat, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { IgnoreFile } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';

/** Copies a build context to `directory`, without what its ignore file leaves out. */
export async function copyContext(context: string, ignore: IgnoreFile, directory: string): Promise<void> {
  await cp(context, directory, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (source) => {
      const path = relative(context, source).split(sep).join('/');
      return path === '' || !ignore.skips(path, (await lstat(source)).isDirectory());
    },
  });
}

/** The usual names of source files. The first that a project has is edited. */
const SOURCE_FILES = ['app', 'index', 'main', 'server'].flatMap((name) =>
  ['ts', 'js', 'mjs', 'cjs', 'py', 'go'].flatMap((ending) => [`src/${name}.${ending}`, `${name}.${ending}`]),
);

/**
 * Appends a line to a source file in `directory`: to `file`, or to the first with a usual name.
 *
 * @throws {ToolError} when there is no such file.
 */
export async function editSource(directory: string, file: string | undefined): Promise<void> {
  for (const path of file === undefined ? SOURCE_FILES : [file]) {
    if (!(await stat(join(directory, path)).catch(() => null))?.isFile()) continue;
    // A statement, because compilers remove comments and empty lines. Other languages get an empty line.
    const isScript = /^\.[mc]?[jt]sx?$/.test(extname(path));
    return appendFile(join(directory, path), isScript ? "\nprocess.env['BENCH_EDIT'] = '1';\n" : '\n');
  }
  throw new ToolError(
    file === undefined
      ? 'no source file with a usual name, such as src/index.ts: --edit <file> names the file to edit'
      : `the build context has no file ${file}`,
  );
}
