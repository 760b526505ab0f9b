import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../engine/process.ts';
import { ToolError } from '../errors.ts';

/** Where an edit is made: the first of these that the project has. */
const SOURCES = ['app', 'index', 'main', 'server'].flatMap((name) =>
  ['ts', 'js', 'mjs', 'cjs'].flatMap((ending) => [`src/${name}.${ending}`, `${name}.${ending}`]),
);

/** A small package without dependencies and scripts, which hardly any project has. */
const DEPENDENCY = { name: 'mitt', version: '3.0.1' };

/** A copy of a build context, which may be edited. */
export interface ContextCopy {
  /** Adds a line to a source file: a statement, so that no compiler leaves it out. @throws {ToolError} without a file. */
  editSource(): Promise<void>;
  /** Adds a dependency to the manifest and the lock file. */
  addDependency(): Promise<void>;
}

/** What `package.json` and the lock file are once a dependency was added: file names and texts. */
export type Manifests = Map<string, string>;

/** Copies a build context to `path`, without what its `.dockerignore` names as a whole. */
export async function copyContext(context: string, path: string, withDependency: Manifests): Promise<ContextCopy> {
  const ignored = await ignoredNames(context);
  await cp(context, path, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !ignored.has(source.slice(context.length + 1)),
  });
  let edits = 0;
  return {
    async editSource() {
      edits += 1;
      await appendFile(await findSource(path), `\nprocess.env['BENCH_EDIT'] = '${edits}';\n`);
    },
    async addDependency() {
      for (const [name, text] of withDependency) await writeFile(join(path, name), text);
    },
  };
}

async function findSource(path: string): Promise<string> {
  for (const source of SOURCES) {
    const file = join(path, source);
    if (await readFile(file).catch(() => null)) return file;
  }
  throw new ToolError('There is no source file to edit.', { hint: `One of these is expected: ${SOURCES.join(', ')}` });
}

/** Names at the top of a context that `.dockerignore` leaves out as a whole. With exceptions in the file, none. */
async function ignoredNames(context: string): Promise<Set<string>> {
  const text = await readFile(join(context, '.dockerignore'), 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim().replace(/^\/|\/$/g, ''));
  if (lines.some((line) => line.startsWith('!'))) return new Set();
  return new Set(lines.filter((line) => /^[\w.-]+$/.test(line) && line !== '.dockerignore'));
}

/**
 * What the manifest and the lock file of a context become when a dependency is added. npm resolves it, in a temporary
 * folder that has only these two files.
 *
 * @throws {ToolError} when the project is none of npm's, or npm cannot do it.
 */
export async function addDependency(context: string, signal: AbortSignal): Promise<Manifests> {
  const names = ['package.json', 'package-lock.json'];
  const folder = await mkdtemp(join(tmpdir(), 'multi-stage-node-bench-'));
  try {
    const [manifest, lock] = await Promise.all(
      names.map((name) => readFile(join(context, name), 'utf8').catch(() => null)),
    );
    if (manifest == null) throw new ToolError('There is no package.json to add a dependency to.');
    const before = [manifest, lock];
    for (const [index, name] of names.entries()) {
      const text = before[index];
      if (text != null) await writeFile(join(folder, name), text);
    }
    const { name, version } = DEPENDENCY;
    const npm = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    if (lock == null) npm.push('--no-package-lock');
    await run('npm', [...npm, '--save', '--save-exact', `${name}@${version}`], {
      cwd: folder,
      // As a program of its own: npm would take the settings of the npm that runs this tool for its own.
      env: Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key))),
      signal,
    });
    const files = lock == null ? ['package.json'] : names;
    return new Map(
      await Promise.all(files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
