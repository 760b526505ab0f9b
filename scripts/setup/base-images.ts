import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { isStandIn } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { buildStandIns, hashRecipe, RECIPE_LABEL, recipeFor } from './stand-ins.ts';

/** The pauses between the attempts to reach a registry, in milliseconds: a network may need some seconds to come up. */
const PAUSES_MS = [1000, 3000];

/** Why an image was not pulled. Other errors, such as a registry that refuses, end setup at once. */
const REASONS: Record<string, string> = {
  'registry-unreachable': 'its registry cannot be reached',
  'registry-unreliable': 'its registry does not respond reliably',
};

/** When to build stand-ins. */
export interface StandInChoice {
  /** The user has asked for stand-ins: then no registry is asked. */
  requested: boolean;
  /** Asks whether stand-ins may take these names, because a registry cannot be reached. */
  confirm(names: string[]): Promise<boolean>;
  signal: AbortSignal;
}

/** A base image that the engine does not have, or has as a stand-in. */
interface WantedImage {
  name: string;
  /** The id of the stand-in that has the name now. */
  standIn: string | undefined;
  /** Whether this stand-in was built by the present recipe. */
  isCurrent: boolean;
}

/**
 * Provides base images. Those that the engine has stay; missing ones and stand-ins are pulled. Where a registry cannot be
 * reached, stand-ins are built. A registry that is only slow or flaky is an error: a stand-in takes the name of an official
 * image, and every other project on the engine builds on it. Other images are not touched.
 *
 * Returns the registries that gave an image, if all that were asked did.
 *
 * @throws {ToolError} when a registry refuses to give an image or is not reliable, or a stand-in cannot be built.
 */
export async function provideBaseImages(
  engine: Engine,
  names: string[],
  progress: Progress,
  { requested, confirm, signal }: StandInChoice,
): Promise<Set<string>> {
  const wanted = await findWantedImages(engine, names, progress);
  const failures = new Map<string, ToolError>();
  const toBuild: WantedImage[] = [];
  for (const image of wanted) {
    const { name, isCurrent } = image;
    const registry = registryOf(name);
    if (!requested && !failures.has(registry)) {
      // Where stand-ins are there for all, one attempt is enough: a failure changes nothing.
      const isUrgent = wanted.some((other) => registryOf(other.name) === registry && !other.isCurrent);
      const failure = await pull(engine, name, progress, { pauses: isUrgent ? PAUSES_MS : [], signal });
      if (!failure) {
        await removeReplaced(engine, image);
        continue;
      }
      failures.set(registry, failure);
    }
    const failure = failures.get(registry);
    if (isCurrent) {
      progress.note(`base image ${name}: present, a stand-in: ${failure ? REASONS[failure.code] : 'as requested'}`);
    } else if (failure && (failure.code === 'registry-unreliable' || !recipeFor(name))) {
      throw describeFailure(name, failure);
    } else {
      toBuild.push(image);
    }
  }

  const [first] = toBuild;
  if (first) {
    const failure = failures.get(registryOf(first.name));
    const namesToBuild = toBuild.map(({ name }) => name);
    if (failure && !(await confirm(namesToBuild))) throw describeFailure(first.name, failure);
    await buildStandIns(engine, namesToBuild, { progress, signal });
    for (const image of toBuild) await removeReplaced(engine, image);
  }
  return new Set(requested || failures.size > 0 ? [] : wanted.map(({ name }) => registryOf(name)));
}

async function findWantedImages(engine: Engine, names: string[], progress: Progress): Promise<WantedImage[]> {
  const recipe = await hashRecipe();
  const wanted: WantedImage[] = [];
  for (const name of names) {
    const present = await engine.image(name);
    if (present && !isStandIn(present, name)) progress.note(`base image ${name}: present`);
    else wanted.push({ name, standIn: present?.id, isCurrent: present?.labels[RECIPE_LABEL] === recipe });
  }
  return wanted;
}

/** Removes the stand-in whose name has moved to another image. What is still built on it keeps it. */
async function removeReplaced(engine: Engine, { standIn }: WantedImage): Promise<void> {
  if (standIn) await engine.removeImage(standIn).catch(() => {});
}

/** Pulls an image. Returns the error of a registry that cannot be reached or is not reliable; throws any other. */
async function pull(
  engine: Engine,
  name: string,
  progress: Progress,
  { pauses, signal }: { pauses: number[]; signal: AbortSignal },
): Promise<ToolError | null> {
  const task = progress.task(`base image ${name}`);
  for (let attempt = 0; ; attempt += 1) {
    task.update(attempt === 0 ? 'pulling' : `pulling, attempt ${attempt + 1}`);
    try {
      await engine.pull(name, task.update);
      task.done('pulled');
      return null;
    } catch (error) {
      if (!(error instanceof ToolError) || !(error.code in REASONS)) {
        if (!signal.aborted) task.fail('cannot be pulled');
        throw error;
      }
      task.update(''); // A stand-in gets a line of its own.
      const pause = pauses[attempt];
      if (pause === undefined) return error;
      await sleep(pause, undefined, { signal });
    }
  }
}

function describeFailure(name: string, { code, lines }: ToolError): ToolError {
  const choice = recipeFor(name)
    ? `, or build a stand-in under this name:
  npm run setup -- --stand-ins`
    : '. There is no stand-in for this image.';
  const hint = `Check the network and proxy settings and try again${choice}`;
  return new ToolError(`${name} was not pulled: ${REASONS[code]}.`, { code, lines, hint });
}

/** The registry's host: what comes before the first slash, if it looks like a host name. */
export function registryOf(name: string): string {
  const [first = '', ...rest] = name.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}
