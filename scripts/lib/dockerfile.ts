import {
  Copy,
  type Dockerfile,
  DockerfileParser,
  From,
  type Instruction,
  PropertyInstruction,
  Run,
} from 'dockerfile-ast';
import { ToolError } from './errors.ts';
import { expandVariables } from './expand-variables.ts';
import { MACHINE_PLATFORM } from './platform.ts';

/** The options of a build that change the images that a Dockerfile is built on. */
interface DockerfileOptions {
  buildArgs?: Record<string, string>;
  /** Such as `linux/arm64`; that of this machine when absent. */
  platform?: string;
  /** The stage to build; the last one when absent. */
  target?: string;
}

/**
 * Reads the images of a Dockerfile. Variables in FROM have the values of the build arguments, or the defaults of the ARG
 * lines above the first FROM (https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).
 *
 * @returns `bases`: every image that is not a stage of this file, of FROM, `COPY --from` and `RUN --mount=from`, each once,
 * in order.
 * `finalBase`: the image that the last stage, or the stages below it, is built on; may be `scratch`.
 * @throws {ToolError} when there is no FROM, or one with a variable that has no value.
 */
export function readDockerfile(text: string, name: string, options: DockerfileOptions = {}) {
  const { uses, stages } = findImageUses(text, name, options);
  const finalBase = stageToBuild(stages, name, options).image;
  const bases = uses.filter(({ isStage, image }) => !isStage && image !== 'scratch').map(({ image }) => image);
  return { bases: [...new Set(bases)], finalBase };
}

/** An instruction of a Dockerfile. */
export interface StageInstruction {
  /** In capitals. */
  keyword: string;
  /** The line that it begins at; from 1. */
  line: number;
  /** Its arguments on one line, without flags and comments. */
  text: string;
  /** The variables that it sets, of ENV and ARG. */
  variables: string[];
}

/** What the image of a stage is made of. Lines count from 1. */
export interface Stage {
  /** The line of its FROM. */
  line: number;
  /** The line of the FROM with its base image: of this stage, or of the lowest stage that it is built on. */
  baseLine: number;
  /** Without FROM; those of the stages that it is built on come first. */
  instructions: StageInstruction[];
}

/** Reads the instructions that make an image, in order. @throws {ToolError} as {@link readDockerfile} does. */
export function readStage(text: string, name: string, options: DockerfileOptions = {}): Stage {
  const all = stageToBuild(findImageUses(text, name, options).stages, name, options).instructions;
  const lineOf = (instruction?: Instruction) => (instruction?.getRange().start.line ?? 0) + 1;
  const isFrom = (instruction: Instruction) => instruction instanceof From;
  return {
    line: lineOf(all.findLast(isFrom)),
    baseLine: lineOf(all.find(isFrom)),
    instructions: all.flatMap((one) => {
      if (isFrom(one)) return [];
      const variables =
        one instanceof PropertyInstruction ? one.getProperties().map((property) => property.getName()) : [];
      return { keyword: one.getKeyword(), line: lineOf(one), text: textOf(one), variables };
    }),
  };
}

/** The words of an instruction: what the library returns as a whole text still has indented comments. */
const textOf = (instruction: Instruction) =>
  instruction
    .getArguments()
    .map((word) => word.getValue())
    .join(' ');

/** The stage of `--target`, or the last one: also for a target that does not exist, which the builder reports. */
function stageToBuild(stages: Map<string, FoundStage>, name: string, { target = '' }: DockerfileOptions): FoundStage {
  const stage = stages.get(target.toLowerCase()) ?? [...stages.values()].at(-1);
  if (!stage) throw new ToolError(`${name} has no FROM line`, { hint: 'Is it a Dockerfile?' });
  return stage;
}

/**
 * Replaces the images that a Dockerfile is built on, including `scratch`, but not its stages.
 *
 * @throws {ToolError} as {@link readDockerfile} does.
 */
export function replaceBases(
  text: string,
  name: string,
  replacement: (image: string) => string,
  options: DockerfileOptions = {},
): string {
  const lines = text.split('\n');
  // From the end: a replacement moves what comes after it in its line.
  for (const { image, isStage, start, end } of findImageUses(text, name, options).uses.reverse()) {
    const line = lines[start.line] ?? '';
    if (!isStage) lines[start.line] = line.slice(0, start.character) + replacement(image) + line.slice(end.character);
  }
  return lines.join('\n');
}

/** A stage, with the image that it is built on and with the instructions of itself and of the stages below it. */
interface FoundStage {
  image: string;
  instructions: Instruction[];
}

/**
 * Finds where images and stages are used, in the order of the file, and the stages by name (in lower case) and by number.
 */
function findImageUses(text: string, name: string, options: DockerfileOptions) {
  const file = DockerfileParser.parse(text);
  const expand = readVariables(file, name, options);
  const uses = [];
  const stages = new Map<string, FoundStage>();
  let count = 0;
  for (const instruction of file.getInstructions()) {
    if (!(instruction instanceof From)) stages.get(String(count - 1))?.instructions.push(instruction);
    for (const { value, range } of findReferences(instruction)) {
      const reference = expand(value);
      const variable = /\$\{?(\w+)/.exec(value)?.[1];
      if (variable !== undefined && /^$|^[:@/]|[:@/]$/.test(reference)) {
        throw new ToolError(`${name}: ${value} requires a value for ${variable}, but its ARG has none`);
      }
      // FROM knows stages only by their names.
      const isNumber = instruction instanceof From && /^\d+$/.test(reference);
      const base = isNumber ? undefined : stages.get(reference.toLowerCase());
      const image = base?.image ?? reference;
      uses.push({ image, isStage: base !== undefined, ...range });
      if (!(instruction instanceof From)) continue;
      const stage = { image, instructions: [...(base?.instructions ?? []), instruction] };
      const stageName = instruction.getBuildStage()?.toLowerCase();
      if (stageName) stages.set(stageName, stage);
      stages.set(String(count++), stage);
    }
  }
  return { uses, stages };
}

/** A part of a text: lines and characters count from 0, and `end` is not part of it. */
interface TextRange {
  start: { line: number; character: number };
  end: { line: number; character: number };
}

/** The images and stages that an instruction names, and where. */
function findReferences(instruction: Instruction): { value: string; range: TextRange }[] {
  if (instruction instanceof From) {
    const [value, range] = [instruction.getImage(), instruction.getImageRange()];
    return value && range ? [{ value, range }] : [];
  }
  if (!(instruction instanceof Copy || instruction instanceof Run)) return [];
  return instruction.getFlags().flatMap((flag) => {
    const [value, range] = [flag.getValue(), flag.getValueRange()];
    // https://docs.docker.com/reference/dockerfile/#run---mounttypebind
    const pattern = instruction instanceof Run ? /(?<=^(?:.*,)?from=)[^,]+/ : /^.+/;
    const found = flag.getName() === (instruction instanceof Run ? 'mount' : 'from') && pattern.exec(value ?? '');
    if (!found || !range) return [];
    const { line, character } = range.start;
    const start = { line, character: character + found.index };
    return [{ value: found[0], range: { start, end: { line, character: start.character + found[0].length } } }];
  });
}

/** Reads the variables of FROM lines. Returns a function that expands them in a word. */
function readVariables(
  file: Dockerfile,
  name: string,
  { buildArgs = {}, platform = MACHINE_PLATFORM }: DockerfileOptions,
) {
  const variables = new Map([
    ...platformVariables('TARGET', platform),
    ...platformVariables('BUILD', MACHINE_PLATFORM),
  ]);
  // These may be given without an ARG line.
  for (const [variable, value] of variables) variables.set(variable, buildArgs[variable] ?? value);
  const expand = (word: string): string => {
    try {
      return expandVariables(word, (variable) => variables.get(variable), file.getEscapeCharacter());
    } catch (error) {
      throw new ToolError(`${name}: ${word} cannot be read: ${(error as Error).message}`);
    }
  };
  for (const argument of file.getInitialARGs()) {
    for (const property of argument.getPropertyArguments().map((one) => one.getValue())) {
      const [, variable = '', value] = /^(\w+)(?:=(.*))?$/s.exec(property) ?? [];
      // A default may have the variables above it.
      const given = buildArgs[variable] ?? (value === undefined ? variables.get(variable) : expand(value));
      if (given !== undefined) variables.set(variable, given);
    }
  }
  return expand;
}

/** What the builder sets by itself: https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
function platformVariables(prefix: string, platform: string): [name: string, value: string][] {
  const [os = '', arch = '', variant = ''] = platform.split('/');
  const values = { PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant };
  return Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]);
}
