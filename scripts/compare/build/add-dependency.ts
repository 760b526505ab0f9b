import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToolError } from '../../lib/errors.ts';
import { spawnText } from '../../lib/spawn.ts';

/** A small package without dependencies and scripts, which hardly any project has. */
const DEPENDENCY = 'mitt@3.0.1';

/** The lockfiles of other package managers. */
const OTHER_LOCKFILES = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

const NPM_ARGS = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** The texts of package.json and package-lock.json, by file name. */
export type PackageFiles = Map<string, string>;

/**
 * What package.json and the lockfile of a build context become when a dependency is added. npm resolves it, without
 * running scripts, in a temporary directory that has only these two files and the project's .npmrc.
 *
 * @throws {ToolError} with the reason when the project does not use npm, or npm fails.
 */
export async function addDependency(context: string, signal: AbortSignal): Promise<PackageFiles> {
  const files: PackageFiles = new Map();
  for (const name of ['package.json', 'package-lock.json', '.npmrc', ...OTHER_LOCKFILES]) {
    const text = await readFile(join(context, name), 'utf8').catch(() => null);
    if (text !== null) files.set(name, text);
  }
  const packageJson = files.get('package.json');
  if (packageJson === undefined) throw new ToolError('the build context has no package.json');
  if (OTHER_LOCKFILES.some((name) => files.has(name))) throw new ToolError('the lockfile is not one of npm');
  if (/"workspaces"\s*:/.test(packageJson)) throw new ToolError('a workspace cannot be resolved from its root alone');
  const changed = ['package.json', 'package-lock.json'].filter((name) => files.has(name));
  const directory = await mkdtemp(join(tmpdir(), 'multi-stage-node-bench-'));
  try {
    for (const [name, text] of files) await writeFile(join(directory, name), text);
    const lockfile = files.has('package-lock.json') ? [] : ['--no-package-lock'];
    // Without the variables of an npm that runs this tool: npm would read them as its own settings.
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key)));
    const options = { cwd: directory, env, signal };
    await spawnText('npm', [...NPM_ARGS, ...lockfile, '--save', '--save-exact', DEPENDENCY], options);
    for (const name of changed) files.set(name, await readFile(join(directory, name), 'utf8'));
    return new Map([...files].filter(([name]) => changed.includes(name)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
