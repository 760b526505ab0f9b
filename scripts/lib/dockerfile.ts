import { Copy, type Dockerfile, DockerfileParser, From } from 'dockerfile-ast';
import { ToolError } from './errors.ts';

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
 * @returns `bases`: every image that is not a stage of this file, of FROM and of `COPY --from`, each once, in order.
 * `finalBase`: the image that the last stage, or the stages below it, is built on; may be `scratch`.
 * @throws {ToolError} when there is no FROM, or one with a variable that has no value.
 */
export function readDockerfile(text: string, name: string, options: DockerfileOptions = {}) {
  const { uses, stages } = findImageUses(text, name, options);
  // The last stage also for a target that does not exist: the builder reports it.
  const finalBase = stages.get(options.target?.toLowerCase() ?? '') ?? [...stages.values()].at(-1);
  if (!finalBase) throw new ToolError(`${name} has no FROM line`, { hint: 'Is it a Dockerfile?' });
  const bases = uses.filter(({ isStage, image }) => !isStage && image !== 'scratch').map(({ image }) => image);
  return { bases: [...new Set(bases)], finalBase };
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

/**
 * Finds where images and stages are used, in the order of the file, and the images of the stages by name (in lower case)
 * and by number. The image of a stage is the image that it is built on.
 */
function findImageUses(text: string, name: string, options: DockerfileOptions) {
  const file = DockerfileParser.parse(text);
  const expand = readVariables(file, options);
  const uses = [];
  const stages = new Map<string, string>();
  let count = 0;
  for (const instruction of file.getInstructions()) {
    const from = instruction instanceof From ? instruction : null;
    const flag = instruction instanceof Copy ? instruction.getFlags().find((one) => one.getName() === 'from') : null;
    const [value, range] = [from?.getImage() ?? flag?.getValue(), from?.getImageRange() ?? flag?.getValueRange()];
    if (!value || !range) continue;
    const reference = expand(value);
    const variable = value.match(VARIABLE)?.[0].match(/\w+/)?.[0];
    if (variable !== undefined && /^$|^[:@/]|[:@/]$/.test(reference)) {
      throw new ToolError(`${name}: ${value} requires a value for ${variable}, but its ARG has none`);
    }
    const base = stages.get(reference.toLowerCase());
    const image = base ?? reference;
    uses.push({ image, isStage: base !== undefined, ...range });
    if (!from) continue;
    const stage = from.getBuildStage()?.toLowerCase();
    if (stage) stages.set(stage, image);
    stages.set(String(count++), image);
  }
  return { uses, stages };
}

/** `$NAME`, `${NAME}`, `${NAME:-other}`, `${NAME:+other}`: https://docs.docker.com/reference/dockerfile/#environment-replacement */
const VARIABLE = /\$(?:\{(\w+)(?:(:?[-+])([^}]*))?\}|(\w+))/g;

const MACHINE = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Reads the variables of FROM lines. Returns a function that replaces them in a text; what has no value is empty. */
function readVariables(file: Dockerfile, { buildArgs = {}, platform = MACHINE }: DockerfileOptions) {
  const variables = new Map([...platformVariables('TARGET', platform), ...platformVariables('BUILD', MACHINE)]);
  const expand = (text: string): string =>
    text.replace(VARIABLE, (_match, braced, operator, word = '', plain) => {
      const value = variables.get(braced ?? plain);
      if (operator?.endsWith('+')) return value ? expand(word) : '';
      return value || expand(word);
    });
  for (const argument of file.getInitialARGs()) {
    const property = argument.getProperty();
    const name = property?.getName() ?? '';
    // A default may have the variables above it.
    variables.set(name, buildArgs[name] ?? expand(property?.getValue() ?? variables.get(name) ?? ''));
  }
  return expand;
}

/** What the builder sets by itself: https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
function platformVariables(prefix: string, platform: string): [name: string, value: string][] {
  const [os = '', arch = '', variant = ''] = platform.split('/');
  const values = { PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant };
  return Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]);
}
