import { stripVTControlCharacters } from 'node:util';
import { DockerfileParser, From, type Instruction } from 'dockerfile-ast';
import type { Place } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { hide } from '../lib/hide.ts';
import { redact } from '../lib/redact.ts';
import { isBuildahOutput, readBuildahFailure } from './buildah-output.ts';

/** How many of the last lines are the cause: a compiler lists its errors, and a package manager explains its one. */
const CAUSE_LINES = 20;
/** How much of such a line is kept, in characters: some are a whole minified file. */
const LINE_LENGTH = 400;
/** How much of an instruction is kept, in characters. */
const INSTRUCTION_LENGTH = 120;

/** What npm prints around the cause: news of itself, deprecated packages, and a log that is gone with the failed step. */
const NPM_NOTICES =
  /^npm (?:notice\b|warn deprecated\b|(?:error|ERR!)\s*(?:$|A complete log of this run can be found in:|\S*\/_logs\/\S+\.log$))/i;

/** What BuildKit prints around its own error: the steps, rulers, and the excerpts of the log and of the Dockerfile. */
const AROUND_ERROR = /^(?:#\d+ |-{6,}$| > |\s*\d+ \| |\S+:\d+$)/;

/** How a step failed. The others were cancelled. */
const STEP_ERROR = /^#(\d+) ERROR: (.+)$/;

/** The instructions that BuildKit counts in the names of its steps. FROM comes before them. */
const STEPS = ['ADD', 'COPY', 'RUN', 'WORKDIR'];

/** Where a build failed, and why. */
export interface BuildFailure {
  /** Null where the builder does not say it: a base image that cannot be pulled, or a stage that does not exist. */
  place: Place | null;
  /**
   * The last lines that the failed step printed and how it ended, below its name where there is no place; the builder's own
   * error where no step failed.
   */
  cause: string[];
}

/**
 * Reads what the builder printed of a build that failed.
 *
 * @param output all lines that the builder printed.
 * @param dockerfile the text of the Dockerfile.
 */
export function describeBuildFailure(output: string[], dockerfile: string): BuildFailure {
  const read = isBuildahOutput(output) ? readBuildahFailure : readBuildKitFailure;
  const { name, instruction, lines } = read(output, dockerfile);
  const cause = lines.filter((line) => line.trim() !== '' && !NPM_NOTICES.test(line)).slice(-CAUSE_LINES);
  if (!instruction && name !== '') cause.unshift(name);
  return { place: instruction ? toPlace(instruction) : null, cause: cause.map(cutOff) };
}

/**
 * Reads BuildKit's plain output of a build that failed. New versions name the line of the Dockerfile. Docker 20.10 names only
 * the step, such as `[build 4/6] RUN npm ci`: the instruction is found by its stage and its number.
 */
function readBuildKitFailure(output: string[], dockerfile: string) {
  const error = output.findLast((line) => STEP_ERROR.test(line)) ?? '';
  const [, number, reason = ''] = STEP_ERROR.exec(error) ?? [];
  const prefix = `#${number} `;
  const ofStep = output.flatMap((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : []));
  const [name = ''] = ofStep;
  const printed = ofStep.flatMap((line) => /^\d+\.\d+ (.*)$/.exec(line)?.[1] ?? []).map(stripVTControlCharacters);
  const instructions = DockerfileParser.parse(dockerfile).getInstructions();
  const lineNumber = findLineNumber(output);
  const instruction = lineNumber
    ? instructions.find((one) => one.getRange().end.line + 1 >= lineNumber)
    : findStep(instructions, name);
  // The whole command stands in front of its exit code.
  const end = /exit code: \d+$/.exec(reason)?.[0] ?? reason;
  const lines = number === undefined ? output.filter((line) => !AROUND_ERROR.test(line)) : [...printed, end];
  return { name, instruction, lines };
}

/** The line of the Dockerfile that BuildKit names, by a parse error or as `Dockerfile:14` above an excerpt; from 1. */
function findLineNumber(output: string[]): number | undefined {
  const numbers = output.flatMap((line, index) => {
    if (line.startsWith('#')) return [];
    const isExcerpt = /^-{20}$/.test(output[index + 1] ?? '');
    const [, number] = (isExcerpt ? /^\S.*:(\d+)$/ : /dockerfile parse error (?:on )?line (\d+)/).exec(line) ?? [];
    return number ? [Number(number)] : [];
  });
  return numbers.at(-1);
}

/** The instruction of a step, such as `[build 4/6] RUN npm ci`. Before the stage may be a platform; one stage has no name. */
function findStep(instructions: Instruction[], name: string): Instruction | undefined {
  const [, stage, step, steps, keyword] = /^\[(?:(?:\S+ +)*?(\S+) +)?(\d+)\/(\d+)\] (\w+) /.exec(name) ?? [];
  const stages: { name: string; steps: Instruction[] }[] = [];
  for (const instruction of instructions) {
    if (instruction instanceof From)
      stages.push({ name: instruction.getBuildStage()?.toLowerCase() ?? `stage-${stages.length}`, steps: [] });
    else if (STEPS.includes(instruction.getKeyword())) stages.at(-1)?.steps.push(instruction);
  }
  const found = stages.find((one) => one.name === stage?.toLowerCase()) ?? stages.at(-1);
  // From the end: FROM counts only with a base image, and its triggers (ONBUILD) come first.
  const instruction = found?.steps.at(Number(step) - Number(steps) - 1);
  return instruction?.getKeyword() === keyword ? instruction : undefined;
}

function toPlace(instruction: Instruction): Place {
  // As one line, without the comments in it.
  const text = shorten(redact(instruction.toString()), INSTRUCTION_LENGTH);
  return { line: instruction.getRange().start.line + 1, instruction: text };
}

/** The beginning of a long line, with its indentation. Secrets are hidden first: half of one would not be recognized. */
function cutOff(line: string): string {
  // To redact a line of a megabyte takes many seconds.
  const text = redact(hide(line).slice(0, 10 * LINE_LENGTH)).trimEnd();
  return text.length > LINE_LENGTH ? `${text.slice(0, LINE_LENGTH - 1)}…` : text;
}
