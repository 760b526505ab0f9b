import type { BuildRequest, BuildResult } from '../../engine/engine.ts';
import { type ErrorCode, ToolError } from '../../lib/errors.ts';
import { type Invocation, labelsOf } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { type BuildStep, readBuildSteps, readStepName } from './build-steps.ts';

export type ImageRequest = Omit<BuildRequest, 'labels' | 'onLine'>;

/** The label with the name that an image is built under. */
const NAME_LABEL = 'multi-stage-node.compare-build';

const HINTS: Partial<Record<ErrorCode, string>> = {
  'registry-unreachable':
    'A registry could not be reached. `npm run setup` provides the base images of the chapters, and `npm run setup -- DIRECTORY` those of another project.',
  'registry-unreliable': 'A registry does not respond reliably. Check the network and proxy settings, and try again.',
};

/** What a subject's image is built from. */
export function toBuildRequest({ context, dockerfile, target, settings }: Subject) {
  const { buildArgs, secrets, platform } = settings;
  return { context, dockerfile, target, buildArgs, secrets, platform };
}

/** Builds an image with the engine's layer cache. @throws {ToolError} with the builder's last lines. */
export async function buildImage(
  invocation: Invocation,
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
    const labels = { ...labelsOf(invocation), [NAME_LABEL]: request.name };
    const built = await invocation.engine.build({ ...request, labels, onLine });
    return { ...built, steps: readBuildSteps(lines) };
  } catch (error) {
    const hint = error instanceof ToolError && HINTS[error.code];
    if (!hint) throw error;
    throw new ToolError(error.message, { code: error.code, lines: error.lines, hint });
  }
}
