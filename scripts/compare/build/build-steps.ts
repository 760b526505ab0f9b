/** What BuildKit did for one instruction. */
export interface BuildStep {
  /** The stage and the instruction, such as `[build 4/6] RUN npm ci`. */
  name: string;
  cached: boolean;
  /** How long it took, in milliseconds. Steps of several stages may run at the same time. */
  ms: number;
}

/**
 * Reads the steps of a build from BuildKit's plain output: `#8 [build 4/6] RUN npm ci` names a step, `#8 CACHED` and
 * `#8 DONE 3.2s` say how it went. FROM is none of them, because the base images are there already.
 */
export function readBuildSteps(lines: string[]): BuildStep[] {
  const steps = new Map<string, BuildStep>();
  for (const line of lines) {
    const [, number, rest] = /^#(\d+) (.+)$/.exec(line) ?? [];
    if (number === undefined || rest === undefined) continue;
    const step = steps.get(number);
    if (!step) {
      const name = /^\[(?:[^\]]* )?\d+\/\d+\] (?!FROM )/.test(rest) ? rest.replace(/\s+/g, ' ') : null;
      if (name) steps.set(number, { name, cached: false, ms: 0 });
    } else if (rest === 'CACHED') {
      step.cached = true;
    } else {
      const seconds = /^DONE (\d+(?:\.\d+)?)s$/.exec(rest)?.[1];
      if (seconds) step.ms = Number(seconds) * 1000;
    }
  }
  return [...steps.values()];
}
