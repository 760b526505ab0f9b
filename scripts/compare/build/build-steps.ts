import { readBuildahStep } from '../../engine/buildah-output.ts';
import { shorten } from '../../lib/format.ts';
import { redact } from '../../lib/redact.ts';

/** What BuildKit did for one instruction. */
export interface BuildStep {
  /** The stage and the instruction, such as `[build 4/6] RUN npm ci`. */
  name: string;
  cached: boolean;
  /** How long it took, in milliseconds. Steps of several stages may run at the same time. */
  ms: number;
}

/** How much of a step's name progress shows, in characters. */
const NAME_LENGTH = 90;

/**
 * The step that a line of the builder's output begins or reports, such as `[build 4/6] RUN npm ci`; or null. Some
 * versions of BuildKit put the values of build arguments in it.
 */
export function readStepName(line: string): string | null {
  const text = /^#\d+ (\[(?!internal\]).+?\] .+)$/.exec(line)?.[1] ?? readBuildahStep(line);
  // Redacted first: half a secret would not be recognized.
  return text ? shorten(redact(text), NAME_LENGTH) : null;
}

/**
 * Reads the steps of a build from BuildKit's plain output: `#8 [build 4/6] RUN npm ci` names a step, `#8 CACHED` and
 * `#8 DONE 3.2s` say how it ended. FROM does not count, because the base images are present.
 * Podman prints no times: there are no steps then.
 */
export function readBuildSteps(lines: string[]): BuildStep[] {
  const steps = new Map<string, BuildStep>();
  for (const line of lines) {
    const [, number = '', text = ''] = /^#(\d+) (.+)$/.exec(line) ?? [];
    const step = steps.get(number);
    const seconds = /^DONE (\d+(?:\.\d+)?)s$/.exec(text)?.[1];
    if (!step && /^\[(?:[^\]]* )?\d+\/\d+\] (?!FROM )/.test(text))
      steps.set(number, { name: text.replace(/\s+/g, ' '), cached: false, ms: 0 });
    if (step && text === 'CACHED') step.cached = true;
    if (step && seconds) step.ms = Number(seconds) * 1000;
  }
  return [...steps.values()];
}
