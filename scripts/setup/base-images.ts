import type { Engine } from '../engine/engine.ts';
import { isStandIn } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { buildStandIns, hashRecipe, RECIPE_LABEL } from './stand-ins.ts';

/**
 * Provides base images. Those that the engine has stay; missing ones and stand-ins are pulled; where the registry cannot be
 * reached, stand-ins are built. Other images are not touched.
 *
 * @throws {ToolError} when a registry refuses to give an image, or a stand-in cannot be built.
 */
export async function provideBaseImages(engine: Engine, names: string[], progress: Progress): Promise<void> {
  const unreachable = new Set<string>();
  const toBuild: string[] = [];
  const replaced: string[] = [];
  const recipe = await hashRecipe();

  for (const name of names) {
    const present = await engine.image(name);
    if (present && !isStandIn(present, name)) {
      progress.note(`base image ${name}: present`);
      continue;
    }
    const isPulled = !unreachable.has(registryOf(name)) && (await pull(engine, name, progress));
    if (!isPulled) unreachable.add(registryOf(name));
    if (!isPulled && present?.labels[RECIPE_LABEL] === recipe) {
      progress.note(`base image ${name}: present, a stand-in: its registry cannot be reached`);
      continue;
    }
    if (!isPulled) toBuild.push(name);
    if (present) replaced.push(present.id);
  }

  if (toBuild.length > 0) await buildStandIns(engine, toBuild, recipe, progress);
  // Their names have moved to the new images. What is still built on them keeps them.
  for (const id of replaced) await engine.removeImage(id).catch(() => {});
}

/** Pulls an image. Returns false when its registry cannot be reached; throws when the registry refuses. */
async function pull(engine: Engine, name: string, progress: Progress): Promise<boolean> {
  const task = progress.task(`base image ${name}`);
  task.update('pulling');
  try {
    await engine.pull(name, task.update);
    task.done('pulled');
    return true;
  } catch (error) {
    task.update(''); // A stand-in gets a line of its own.
    if (error instanceof ToolError && error.code === 'registry-unreachable') return false;
    task.fail('cannot be pulled');
    throw error;
  }
}

/** The registry's host: what comes before the first slash, if it looks like a host name. */
export function registryOf(name: string): string {
  const [first = '', ...rest] = name.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}
