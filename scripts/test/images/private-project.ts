import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, docker, ROOT } from './test-engine.ts';

/** A project that requires a package of the registry in token-registry.ts. */
export const PRIVATE_PROJECT = join(ROOT, 'scripts/test/projects/private-registry');

/** Writes an npmrc to a directory, for the registry at an address. Returns its path. */
export async function writeNpmrc(directory: string, registry: string, token: string): Promise<string> {
  const path = join(directory, 'npmrc');
  await writeFile(path, `@example:registry=http://${registry}/\n//${registry}/:_authToken=${token}\n`);
  return path;
}

let count = 0;

/** Builds a copy of the project with its npmrc as a secret, as a person does: Bench's own builds have no secrets. */
export async function buildPrivate(
  bench: Bench,
  directory: string,
  npmrc: string,
  ...options: string[]
): Promise<string> {
  count += 1;
  // A secret does not count for the cache: no step of an earlier build may fit.
  const packageFile = join(directory, 'package.json');
  const text = await readFile(packageFile, 'utf8');
  await writeFile(packageFile, text.replace(/("description": ").*"/, `$1${bench.id} ${count}"`));
  const tag = `multi-stage-node/test:${bench.id}-private-${count}`;
  await docker('build', ...bench.labelArgs, '--secret', `id=npmrc,src=${npmrc}`, ...options, '--tag', tag, directory);
  return tag;
}
