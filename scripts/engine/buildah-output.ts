import { DockerfileParser, type Instruction } from 'dockerfile-ast';

/** `[1/2] STEP 3/5: RUN npm ci`: the stage, where there are several, the step in it, and the instruction on one line. */
const STEP = /^(?:\[(\d+)\/\d+\] )?STEP (\d+)\/(\d+): (.*)$/;

/** What Podman prints around the output of a step: the id of its image, and messages of its own. */
const AROUND_OUTPUT = /^(?:--> |time="\S+" level=|did not get container create message)/;

/** What stands around the reason in the last line: the instruction, in Go's quotes, and a dump of what it was read as. */
const AROUND_REASON =
  /^Error: (?:building at STEP "(?:[^"\\]|\\.)*": )?(?:while running runtime: )?| &imagebuilder\.Step\{.*$/g;

/** The step that a line of Podman's output begins, such as `[3/5] RUN npm ci`; or null. */
export function readBuildahStep(line: string): string | null {
  const [, , step, steps, instruction] = STEP.exec(line) ?? [];
  return instruction === undefined ? null : `[${step}/${steps}] ${instruction}`;
}

/** Whether Podman has printed these lines. */
export const isBuildahOutput = (output: string[]) => output.some((line) => STEP.test(line));

/**
 * Reads Podman's output of a build that failed: the instruction of the last step that it began, what that printed, and how it
 * ended. `[1/2] STEP 3/5` counts all instructions of a stage, FROM included.
 */
export function readBuildahFailure(output: string[], dockerfile: string) {
  const start = output.findLastIndex((line) => STEP.test(line));
  const [, stage, step, , text = ''] = STEP.exec(output[start] ?? '') ?? [];
  const stages: Instruction[][] = [];
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') stages.push([instruction]);
    else stages.at(-1)?.push(instruction);
  }
  const isMeant = (instruction: Instruction) => squash(instruction.toString()) === squash(text);
  // Stages that the target does not need are not counted.
  const expected = stages[Number(stage ?? 1) - 1]?.[Number(step) - 1];
  const instruction = expected && isMeant(expected) ? expected : stages.flat().find(isMeant);
  const printed = output.slice(start + 1).filter((line) => !AROUND_OUTPUT.test(line));
  return { name: text, instruction, lines: printed.map((line) => line.replace(AROUND_REASON, '')) };
}

/** An instruction without what a line break may be. */
const squash = (text: string) =>
  text
    .replace(/\\\r?\n/g, '')
    .replace(/\s+/g, ' ')
    .trim();
