import type { Engine } from '../engine/engine.ts';
import { isStandIn } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { buildStandIns, RECIPE_LABEL, recipeVersion } from './stand-ins.ts';

/**
 * Sees to it that the engine has these base images: those that are there stay; the others, and stand-ins, are pulled;
 * where the registry cannot be reached, stand-ins are built. Other images are not touched.
 *
 * @throws {ToolError} when a registry answers, but does not give the image; or a stand-in cannot be built.
 */
export async function provideBaseImages(engine: Engine, names: string[], progress: Progress): Promise<void> {
  const unreachable = new Set<string>();
  const toBuild: string[] = [];
  const outdated: string[] = [];
  const recipe = await recipeVersion();

  for (const name of names) {
    const before = await engine.image(name);
    if (before && !isStandIn(before, name)) {
      progress.note(`base image ${name}: present`);
      continue;
    }
    if (!unreachable.has(registryOf(name)) && (await pull(engine, name, progress))) {
      // The name is the real image's now. What is still built on the stand-in keeps it.
      if (before) await engine.removeImage(before.id).catch(() => {});
      continue;
    }
    unreachable.add(registryOf(name));
    if (before?.labels[RECIPE_LABEL] === recipe) {
      progress.note(`base image ${name}: present, a stand-in`);
    } else {
      toBuild.push(name);
      if (before) outdated.push(before.id);
    }
  }

  if (toBuild.length > 0) await buildStandIns(engine, toBuild, progress);
  for (const id of outdated) await engine.removeImage(id).catch(() => {}); // Images may be built on it.
}

/** Pulls an image. Returns false when its registry cannot be reached; throws when it answers with a refusal. */
async function pull(engine: Engine, name: string, progress: Progress): Promise<boolean> {
  const task = progress.task(`base image ${name}`);
  task.update('pulling');
  try {
    await engine.pull(name, task.update);
    task.done('pulled');
    return true;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'registry-unreachable') {
      task.done('its registry cannot be reached, so a stand-in is used');
      return false;
    }
    task.fail('cannot be pulled');
    throw error;
  }
}

/** The registry's host: what comes before the first slash, if it looks like a host name. */
export function registryOf(name: string): string {
  const [first = '', ...rest] = name.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}
