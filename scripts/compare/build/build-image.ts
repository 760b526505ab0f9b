import type { BuildRequest, Built } from '../../engine/engine.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import type { Invocation } from '../model/measurement.ts';
import { type Subject, subjectName } from '../model/subject.ts';
import { readStepName } from './build-steps.ts';

/** The label that says which subject an image was built from. */
const SUBJECT_LABEL = 'multi-stage-node.compare-subject';

/** What a subject's Dockerfile is built with. */
export function buildRequest({
  context,
  dockerfile,
  target,
  settings: { buildArgs, secrets, platform },
}: Subject): Pick<BuildRequest, 'context' | 'dockerfile' | 'target' | 'buildArgs' | 'secrets' | 'platform'> {
  return { context, dockerfile, target, buildArgs, secrets, platform };
}

/** Builds a subject with the engine's layer cache. @throws {ToolError} with the builder's last lines. */
export async function buildSubject(
  { engine, id, signal }: Invocation,
  subject: Subject,
  { name, onStep }: { name: string; onStep: (text: string) => void },
): Promise<Built> {
  try {
    return await engine.build({
      ...buildRequest(subject),
      name,
      // The id makes the image different from everybody else's: removing it cannot remove theirs.
      labels: { [INVOCATION_LABEL]: id, [SUBJECT_LABEL]: subjectName(subject) },
      signal,
      onLine: (line) => {
        const step = readStepName(line);
        if (step) onStep(step);
      },
    });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'registry-unreachable') throw error;
    throw new ToolError(error.message, {
      code: error.code,
      lines: error.lines,
      hint: 'A registry could not be reached. `npm run setup` provides the base images of the chapters, and no others.',
    });
  }
}
