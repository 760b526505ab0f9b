import { type Built, type Engine, RUN_LABEL } from '../engine/engine.ts';
import { saysUnreachable } from '../engine/unreachable.ts';
import { ToolError } from '../errors.ts';
import { buildStep } from '../progress.ts';
import { type Subject, subjectName } from '../subjects/chapters.ts';

/** The label that says which subject an image was built from. */
const SUBJECT_LABEL = 'multi-stage-node.compare-subject';

/** Builds a subject with the engine's layer cache. @throws {ToolError} with the builder's last lines. */
export async function buildSubject(
  engine: Engine,
  subject: Subject,
  options: { runId: string; name: string; signal: AbortSignal; onStep: (text: string) => void },
): Promise<Built> {
  try {
    return await engine.build({
      context: subject.context,
      dockerfile: subject.dockerfile,
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
      hint: 'A registry could not be reached. If it is that of a base image: npm run setup',
    });
  }
}
