import type { BuildRequest, BuildResult } from '../../engine/engine.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import type { Invocation } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { type BuildStep, readBuildSteps, readStepName } from './build-steps.ts';

export type ImageRequest = Omit<BuildRequest, 'labels' | 'signal' | 'onLine'>;

/** The label with the name that an image is built under. */
const NAME_LABEL = 'multi-stage-node.compare-build';

/** What a subject's image is built from. */
export function toBuildRequest({ context, dockerfile, target, settings }: Subject) {
  const { buildArgs, secrets, platform } = settings;
  return { context, dockerfile, target, buildArgs, secrets, platform };
}

/** Builds an image with the engine's layer cache. @throws {ToolError} with the builder's last lines. */
export async function buildImage(
  { engine, id, signal }: Invocation,
  request: ImageRequest,
  onStep: (name: string) => void = () => {},
): Promise<BuildResult & { steps: BuildStep[] }> {
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
    const step = readStepName(line);
    if (step) onStep(step);
  };
  try {
    // The labels make the image unique, so that removing it cannot remove somebody else's.
    const labels = { [INVOCATION_LABEL]: id, [NAME_LABEL]: request.name };
    const built = await engine.build({ ...request, labels, signal, onLine });
    return { ...built, steps: readBuildSteps(lines) };
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'registry-unreachable') throw error;
    throw new ToolError(error.message, {
      code: error.code,
      lines: error.lines,
      hint: 'A registry could not be reached. `npm run setup` provides the base images of the chapters, and no others.',
    });
  }
}
