import { type BuildRequest, type Built, type Engine, RUN_LABEL } from '../../engine/engine.ts';
import { saysUnreachable } from '../../engine/unreachable.ts';
import { ToolError } from '../../lib/errors.ts';
import { buildStep } from '../../lib/progress.ts';
import { type Subject, subjectName } from '../model/subject.ts';

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
  engine: Engine,
  subject: Subject,
  options: { runId: string; name: string; signal: AbortSignal; onStep: (text: string) => void },
): Promise<Built> {
  try {
    return await engine.build({
      ...buildRequest(subject),
      name: options.name,
      // The run's id makes the image one of its own: removing it cannot remove somebody else's.
      labels: { [RUN_LABEL]: options.runId, [SUBJECT_LABEL]: subjectName(subject) },
      signal: options.signal,
      onLine: (line) => {
        const text = buildStep(line);
        if (text) options.onStep(text);
      },
    });
  } catch (error) {
    if (!(error instanceof ToolError) || !saysUnreachable(error.lines.join('\n'))) throw error;
    throw new ToolError(error.message, {
      lines: error.lines,
      hint: 'A registry could not be reached. `npm run setup` provides the base images of the chapters, and no others.',
    });
  }
}
