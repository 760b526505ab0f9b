import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { usageError } from '../../lib/errors.ts';
import { isInside } from '../../lib/is-inside.ts';
import { type PartialSettings, readSecret } from '../model/settings.ts';

/**
 * Refuses a project's configuration that names something outside of the project: it may come from a stranger, and what it
 * names gets into an image. What the user types may lie anywhere, and replaces what the file says.
 *
 * @param configured the settings of the file, with absolute paths.
 * @param typed those of the command line.
 * @param source the configuration as messages name it.
 * @param root this repository, whose projects may share what is in it.
 * @throws {ToolError} with the code `usage`.
 */
export async function refuseOutsidePaths(
  configured: PartialSettings,
  typed: PartialSettings,
  { source, directory, root }: { source: string; directory: string; root: string | null },
): Promise<void> {
  const boundary = await findBoundary(directory, root && (await realpath(root)));
  const refuse = (name: string, option: string) => {
    const place = boundary === directory ? 'the directory of the project' : `the repository ${boundary}`;
    const problem = `${source}: ${name} is outside of ${place}`;
    return usageError(problem, `A configuration file may not name it. Pass it on the command line instead: ${option}`);
  };
  const { dockerfiles = [], context, envFile } = { ...configured, ...blank(typed) };
  const typedIds = (typed.secrets ?? []).map((secret) => readSecret(secret).id);
  const secrets = (configured.secrets ?? []).filter((secret) => !typedIds.includes(readSecret(secret).id));
  const paths = [
    ...dockerfiles.map((path) => ['dockerfiles', path, `--dockerfile ${path}`]),
    ['context', context, `--context ${context}`],
    ['envFile', envFile, `--env-file ${envFile}`],
    ...secrets.map((secret) => ['secrets', readSecret(secret).src, `--secret ${secret}`]),
  ];
  for (const [key, path, option = ''] of paths) {
    if (path === undefined) continue;
    // What does not exist is reported later. A link counts as what it leads to.
    const real = await realpath(path).catch(() => path);
    if (!isInside(real, boundary)) throw refuse(`${key}: ${path}`, option);
  }
  for (const secret of secrets) {
    const { src, env, id } = readSecret(secret);
    // Without a file, it is a variable: https://docs.docker.com/reference/cli/docker/buildx/build/#secret
    if (src === undefined) throw refuse(`secrets: the environment variable ${env ?? id}`, `--secret ${secret}`);
  }
}

/** Settings without values, under the same keys. */
const blank = (settings: PartialSettings): PartialSettings =>
  Object.fromEntries(Object.keys(settings).map((key) => [key, undefined]));

/** This repository or the Git repository that a directory is in; or else the directory. Never one with the home directory in it. */
async function findBoundary(directory: string, root: string | null): Promise<string> {
  const home = await realpath(homedir()).catch(() => homedir());
  for (let path = directory; dirname(path) !== path; path = dirname(path)) {
    if (isInside(home, path)) break;
    if (path === root || existsSync(join(path, '.git'))) return path;
  }
  return directory;
}
