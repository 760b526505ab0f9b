import type { Engine } from '../engine/engine.ts';
import { isStandIn, STAND_IN_LABEL } from '../engine/labels.ts';
import { summarizeError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';

/** The names on the engine that are those of stand-ins, and of what stand-ins are made of. */
export async function listStandIns(engine: Engine): Promise<string[]> {
  const { images } = await engine.labelled(STAND_IN_LABEL);
  const facts = await Promise.all(images.map((name) => engine.image(name)));
  return images.filter((name, index) => isStandIn(facts[index] ?? null, name)).sort();
}

/** Removes images by their names. What is built on them keeps its layers. Returns the names that stay, such as those in use. */
export async function removeStandIns(engine: Engine, names: string[], progress: Progress): Promise<string[]> {
  const staying: string[] = [];
  for (const name of names) {
    try {
      await engine.removeImage(name);
      progress.note(`stand-in ${name}: removed`);
    } catch (error) {
      staying.push(name);
      progress.note(`stand-in ${name}: not removed: ${summarizeError(error)}`);
    }
  }
  return staying;
}
