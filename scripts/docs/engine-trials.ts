import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Where the engines are that compare was tried on, relative to the repository. The engines' tests write it. */
export const ENGINE_TRIALS = 'docs/reports/engines.json';

const trial = z.object({
  /** As the list of the tests' engines has it. */
  name: z.string(),
  engine: z.enum(['docker', 'podman']),
  version: z.string(),
  builder: z.enum(['buildkit', 'buildah']),
  imageStore: z.string(),
  rootless: z.boolean(),
  cgroup: z.union([z.literal(1), z.literal(2)]).describe('The version of the control groups of its machine'),
  tests: z.object({ passed: z.int(), total: z.int() }),
  unavailable: z.array(z.object({ figure: z.string(), reason: z.string() })).describe('What is n/a, and why'),
  date: z.iso.date(),
});

/** An engine that compare was tried on, and what came of it. */
export type EngineTrial = z.infer<typeof trial>;

export async function readEngineTrials(root: string): Promise<EngineTrial[]> {
  return z.array(trial).parse(JSON.parse(await readFile(join(root, ENGINE_TRIALS), 'utf8')));
}
