import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import which from 'which';
import { readStepName } from '../compare/build/build-steps.ts';
import type { Engine } from '../engine/engine.ts';
import { STAND_IN_LABEL, shortenName } from '../engine/labels.ts';
import { summarizeError, ToolError } from '../lib/errors.ts';
import { type Progress, showTask } from '../lib/progress.ts';
import { createWorkDirectory, removeAbandonedDirectories } from '../lib/work-directory.ts';
import { installPackages } from './debian.ts';
import { DEBIAN, DEBIAN_IMAGES, importDebian, prepareContext } from './stand-in-parts.ts';

/** The label with the hash of the recipe that a stand-in was built by. */
export const RECIPE_LABEL = 'multi-stage-node.stand-in-recipe';

/** The files that determine what is in a stand-in. */
const RECIPE_FILES = ['stand-ins.Dockerfile', 'docker-entrypoint.sh', 'stand-in-parts.ts'];

/** A short hash of the recipe: a stand-in with another one is out of date. */
export async function hashRecipe(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of RECIPE_FILES) hash.update(await readFile(join(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 12);
}

/** The stage of stand-ins.Dockerfile and Node's major version ('' for no Node) for an image; null without a stand-in. */
export function recipeFor(image: string): { target: string; major: string } | null {
  const name = shortenName(image);
  if (name === 'debian:trixie-slim') return { target: 'debian-slim', major: '' };
  const [, nodeMajor, suffix = ''] = /^node:(\d+)(?:-trixie)?(-slim|-alpine)?$/.exec(name) ?? [];
  if (nodeMajor) return { target: `node${suffix}`, major: nodeMajor };
  const [, major] = /^gcr\.io\/distroless\/nodejs(\d+)-debian13:nonroot$/.exec(name) ?? [];
  return major ? { target: 'distroless', major } : null;
}

/**
 * Builds the stand-ins for base images from Debian's packages and the official Node builds on npm, and gives them the names of
 * the images that they replace. Only on Debian and Ubuntu, as root or with sudo.
 *
 * @throws {ToolError} when an image has no recipe, or its parts cannot be fetched.
 */
export async function buildStandIns(
  engine: Engine,
  names: string[],
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<void> {
  const recipes = names.map((name) => {
    const recipe = recipeFor(name);
    if (recipe) return { name, ...recipe };
    throw new ToolError(`There is no stand-in for ${name}.`, {
      hint: 'Stand-ins exist for node:NN, node:NN-slim, node:NN-alpine, gcr.io/distroless/nodejsNN-debian13:nonroot and debian:trixie-slim.',
    });
  });
  if (!(await which('mmdebstrap', { nothrow: true }))) {
    const install = (report: (line: string) => void) => installPackages(['mmdebstrap'], report, signal);
    await showTask(progress, 'stand-ins: install mmdebstrap', install);
  }
  const recipeHash = await hashRecipe();
  await removeAbandonedDirectories();
  const directory = await createWorkDirectory();
  try {
    const versions = new Map<string, string>();
    // Fetched first, because this fails at once where the npm registry cannot be reached.
    for (const major of new Set(recipes.map((recipe) => recipe.major).filter(Boolean))) {
      const name = `stand-ins: fetch Node ${major} and npm from the npm registry`;
      versions.set(major, await showTask(progress, name, () => prepareContext(join(directory, major), major, signal)));
    }
    await showTask(progress, `stand-ins: make Debian ${DEBIAN} from its packages, full and slim`, async () => {
      // Both have ended when the directory is removed, also when one fails.
      const variants = (['full', 'slim'] as const).map((variant) => importDebian(engine, variant, directory, signal));
      for (const result of await Promise.allSettled(variants)) if (result.status === 'rejected') throw result.reason;
    });
    for (const { name, target, major } of recipes) {
      const task = progress.task(`base image ${name}`);
      const version = versions.get(major) ?? '';
      await engine.build({
        context: join(directory, major),
        dockerfile: join(import.meta.dirname, 'stand-ins.Dockerfile'),
        target,
        buildArgs: { DEBIAN: DEBIAN_IMAGES.full, DEBIAN_SLIM: DEBIAN_IMAGES.slim, NODE_VERSION: version },
        name,
        labels: { [STAND_IN_LABEL]: name, [RECIPE_LABEL]: recipeHash },
        onLine: (line) => task.update(readStepName(line) ?? 'building a stand-in'),
      });
      task.done(`built a stand-in${version && ` with Node ${version}`}`);
    }
  } finally {
    for (const name of Object.values(DEBIAN_IMAGES)) await engine.removeImage(name).catch(() => {});
    // Through sudo, a program that was killed may leave files of root. That must not replace the error.
    const report = (error: unknown) => progress.note(`Not removed: ${summarizeError(error)}`);
    await rm(directory, { recursive: true, force: true }).catch(report);
  }
}
