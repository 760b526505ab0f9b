import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { describeBuildFailure } from '../../engine/build-failure.ts';
import type { BuildRequest, BuildResult, EngineName } from '../../engine/engine.ts';
import { type ErrorCode, ToolError } from '../../lib/errors.ts';
import { type Invocation, labelsOf } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { type BuildStep, readBuildSteps, readStepName } from './build-steps.ts';

export type ImageRequest = Omit<BuildRequest, 'labels' | 'onLine'>;

/** The label with the name that an image is built under. */
const NAME_LABEL = 'multi-stage-node.compare-build';

const HINTS: Partial<Record<ErrorCode, string>> = {
  'registry-unreachable':
    'A registry could not be reached. In a clone of multi-stage-node, `npm run setup` provides the base images of the chapters, and `npm run setup -- DIRECTORY` those of another project.',
  'short-name':
    'Podman adds no registry to a name. Write the whole name in the Dockerfile, such as docker.io/library/nginx:1.',
  'registry-unreliable': 'A registry does not respond reliably. Check the network and proxy settings, and try again.',
};

/** What a subject's image is built from. */
export function toBuildRequest({ context, dockerfile, target, settings }: Subject) {
  const { buildArgs, secrets, platform } = settings;
  return { context, dockerfile, target, buildArgs, secrets, platform };
}

/** Builds an image with the engine's layer cache. @throws {ToolError} with the instruction that failed and its last lines. */
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
    throw await explainBuildError(error, request.dockerfile, lines, invocation.engine.info.name);
  }
}

/** The error of a build with the instruction that failed, its last lines, and what to do. */
async function explainBuildError(
  error: unknown,
  dockerfile: string,
  output: string[],
  engine: EngineName,
): Promise<unknown> {
  // Not the builder's error: it could not be started, or there is no image in the end.
  if (!(error instanceof ToolError) || error.code === 'failed' || output.length === 0) return error;
  const text = await readFile(dockerfile, 'utf8').catch(() => '');
  const { place, cause } = describeBuildFailure(output, text);
  const at = place && `${engine} build failed at ${basename(dockerfile)}:${place.line}: ${place.instruction}`;
  const { code, message, hint = HINTS[code] } = error;
  return new ToolError(at ?? message, { code, lines: cause, place: place ?? undefined, hint });
}
