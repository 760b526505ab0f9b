import { appendFile, cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, relative, sep } from 'node:path';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';
import { spawnText } from '../../lib/spawn.ts';
import type { Subject } from '../model/subject.ts';

/** Where an edit is made: the first of these that the project has. */
const SOURCES = ['app', 'index', 'main', 'server'].flatMap((name) =>
  ['ts', 'js', 'mjs', 'cjs', 'py', 'go'].flatMap((ending) => [`src/${name}.${ending}`, `${name}.${ending}`]),
);

/** A small package without dependencies and scripts, which hardly any project has. */
const DEPENDENCY = { name: 'mitt', version: '3.0.1' };

/** A copy of a build context, which may be edited. */
export interface ContextCopy {
  /** Adds a line to a source file. @throws {ToolError} without one. */
  editSource(): Promise<void>;
  /** Adds a dependency to the manifest and the lock file. */
  addDependency(withDependency: PackageFiles): Promise<void>;
}

/** What `package.json` and the lock file are once a dependency was added: file names and texts. */
export type PackageFiles = Map<string, string>;

/** Copies a subject's build context to `path`, without what its ignore file leaves out. */
export async function copyContext({ context, dockerfile, settings }: Subject, path: string): Promise<ContextCopy> {
  const ignore = await readIgnoreFile(context, dockerfile);
  await cp(context, path, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (source) => {
      const name = relative(context, source).split(sep).join('/');
      // The copy needs the ignore file itself, too.
      if (name === '' || name === ignore.name || !ignore.ignores(name)) return true;
      return !ignore.wholeFolders && (await stat(source)).isDirectory();
    },
  });
  let edits = 0;
  return {
    editSource() {
      edits += 1;
      return editSource(path, settings.edit, String(edits));
    },
    async addDependency(withDependency) {
      for (const [name, text] of withDependency) await writeFile(join(path, name), text);
    },
  };
}

/**
 * Adds a line to a source file of a copy: the one that is named, or the first that is known.
 *
 * @param mark what makes the edit another one than those before it.
 * @throws {ToolError} without such a file.
 */
export async function editSource(folder: string, edit: string | undefined, mark: string): Promise<void> {
  const file = await findSource(folder, edit);
  // A statement, so that no compiler leaves it out; in other languages an empty line has to do.
  const isScript = /^\.[mc]?[jt]sx?$/.test(extname(file));
  await appendFile(file, isScript ? `\nprocess.env['BENCH_EDIT'] = '${mark}';\n` : '\n');
}

async function findSource(path: string, edit: string | undefined): Promise<string> {
  for (const source of edit === undefined ? SOURCES : [edit]) {
    const file = join(path, source);
    if ((await stat(file).catch(() => null))?.isFile()) return file;
  }
  throw new ToolError(
    edit === undefined
      ? 'there is no source file to edit that is known by its name: --edit <file> says which'
      : `the build context has no file ${edit}`,
  );
}

/** Lock files of other package managers. */
const OTHER_LOCKS = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/**
 * What the manifest and the lock file of a context become when a dependency is added. npm resolves it, in a temporary
 * folder that has only these two files and the project's .npmrc.
 *
 * @throws {ToolError} with the reason when the project is none of npm's, or npm cannot do it.
 */
export async function addDependency(context: string, signal: AbortSignal): Promise<PackageFiles> {
  const names = ['package.json', 'package-lock.json'];
  const read = (name: string) => readFile(join(context, name), 'utf8').catch(() => null);
  const [manifest, lock, npmrc, ...others] = await Promise.all([...names, '.npmrc', ...OTHER_LOCKS].map(read));
  if (manifest == null) throw new ToolError('the build context has no package.json');
  if (others.some((other) => other !== null)) throw new ToolError('the lock file is not one of npm');
  if (/"workspaces"\s*:/.test(manifest)) throw new ToolError('a workspace cannot be resolved from its root alone');
  const folder = await mkdtemp(join(tmpdir(), 'multi-stage-node-bench-'));
  try {
    for (const [name, text] of [
      ['package.json', manifest],
      ['package-lock.json', lock],
      ['.npmrc', npmrc],
    ] as const) {
      if (text != null) await writeFile(join(folder, name), text);
    }
    const { name, version } = DEPENDENCY;
    const npm = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    if (lock == null) npm.push('--no-package-lock');
    await runNpm([...npm, '--save', '--save-exact', `${name}@${version}`], folder, signal);
    const files = lock == null ? ['package.json'] : names;
    return new Map(
      await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs npm in a folder. @throws {ToolError} with its last lines. */
export async function runNpm(args: string[], folder: string, signal: AbortSignal): Promise<void> {
  // As a program of its own: npm would take the settings of the npm that runs this tool for its own.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key)));
  await spawnText('npm', args, { cwd: folder, env, signal });
}
