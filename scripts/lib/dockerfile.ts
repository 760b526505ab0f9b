import { DockerfileParser, type From, type ModifiableInstruction } from 'dockerfile-ast';
import { ToolError } from './errors.ts';

/** What a Dockerfile says about its base images. */
export interface DockerfileFacts {
  /** Every image that is not a stage of this file: of FROM and of `COPY --from`, each once, in order. */
  bases: string[];
  /** What the last stage, followed down to an image, is built on: an image name or `scratch`. */
  finalBase: string;
}

/** What a build is told that changes what a Dockerfile is built on. */
export interface DockerfileOptions {
  buildArgs?: Record<string, string>;
  /** Such as `linux/arm64`; that of this machine when absent. */
  platform?: string;
  /** The stage that becomes the image; the last one when absent. */
  target?: string;
}

/**
 * Reads a Dockerfile's stages. Variables in FROM take the build arguments, or the default of the ARG lines above the first
 * FROM, which is where Docker looks for them
 * (https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).
 *
 * @throws {ToolError} when there is no FROM, or one with a variable that has no value.
 */
export function readDockerfile(text: string, name: string, options: DockerfileOptions = {}): DockerfileFacts {
  const uses = imageUses(text, name, options);
  const stages = uses.filter(({ stage }) => stage !== null);
  const wanted = options.target?.toLowerCase();
  // A target that is not there is the builder's to refuse.
  const last = stages.find(({ stage }, index) => stage === wanted || String(index) === wanted) ?? stages.at(-1);
  const finalBase = last?.image;
  if (!finalBase) throw new ToolError(`${name} has no FROM line`, { hint: 'Is it a Dockerfile?' });
  const bases = uses.filter(({ external, image }) => external && image !== 'scratch').map(({ image }) => image);
  return { bases: [...new Set(bases)], finalBase };
}

/**
 * The Dockerfile with other images in the place of those that it is built on, `scratch` included. Its stages stay.
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
  // From the end, so that a replacement does not move the places of those that are still to come.
  for (const { image, external, place } of imageUses(text, name, options).reverse()) {
    const line = lines[place.start.line] ?? '';
    if (!external) continue;
    lines[place.start.line] =
      line.slice(0, place.start.character) + replacement(image) + line.slice(place.end.character);
  }
  return lines.join('\n');
}

/** A place in a Dockerfile that names an image or a stage. */
interface ImageUse {
  /** The image; for a stage, the image that it is built on. */
  image: string;
  /** Whether the place names an image, not a stage of this file. */
  external: boolean;
  /** The name of the stage that a FROM line begins, in small letters, empty when it has none; null for other lines. */
  stage: string | null;
  place: NonNullable<ReturnType<From['getImageRange']>>;
}

/** The places in the order of the file. */
function imageUses(text: string, name: string, { buildArgs = {}, platform }: DockerfileOptions): ImageUse[] {
  const file = DockerfileParser.parse(text);
  const variables = new Map(Object.entries(platformVariables(platform)));
  // What has no value is empty, as for Docker: `ARG REGISTRY=` and `FROM ${REGISTRY}node:26` is a usual pattern.
  const expand = (value: string): string =>
    value.replace(VARIABLE, (_match, braced, operator, word = '', plain) => {
      const found = variables.get(braced ?? plain);
      if (operator?.endsWith('+')) return found ? expand(word) : '';
      return found || expand(word);
    });
  const expandImage = (value: string) => {
    const image = expand(value);
    const [variable] = value.match(VARIABLE) ?? [];
    if (variable !== undefined && /^$|^[:@/]|[:@/]$/.test(image))
      throw new ToolError(`${name}: ${value} needs a value for ${variable.match(/\w+/)?.[0]}, but its ARG has none`);
    return image;
  };
  for (const arg of file.getInitialARGs()) {
    const property = arg.getProperty();
    const key = property?.getName() ?? '';
    const value = buildArgs[key] ?? property?.getValue();
    // A default may use those above it.
    if (value) variables.set(key, buildArgs[key] ?? expand(value));
  }

  const stages = new Map<string, string>();
  const uses: ImageUse[] = [];
  for (const instruction of file.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const from = instruction as From;
      const image = expandImage(from.getImage() ?? '');
      const place = from.getImageRange();
      if (!image || !place) continue;
      const base = stages.get(image.toLowerCase());
      const stage = from.getBuildStage()?.toLowerCase() ?? '';
      uses.push({ image: base ?? image, external: base === undefined, stage, place });
      if (stage) stages.set(stage, base ?? image);
    } else if (instruction.getKeyword() === 'COPY') {
      const flag = (instruction as ModifiableInstruction).getFlags().find((one) => one.getName() === 'from');
      const source = flag?.getValue();
      const place = flag?.getValueRange();
      if (!source || !place || /^\d+$/.test(source) || stages.has(source.toLowerCase())) continue;
      uses.push({ image: expandImage(source), external: true, stage: null, place });
    }
  }
  return uses;
}

/** `$NAME`, `${NAME}`, `${NAME:-other}`, `${NAME:+other}`: https://docs.docker.com/reference/dockerfile/#environment-replacement */
const VARIABLE = /\$(?:\{(\w+)(?:(:?[-+])([^}]*))?\}|(\w+))/g;

/** What the builder sets by itself: https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
function platformVariables(platform: string | undefined): Record<string, string> {
  const machine = `linux/${{ x64: 'amd64' }[process.arch as 'x64'] ?? process.arch}`;
  return { ...platformOf('TARGET', platform ?? machine), ...platformOf('BUILD', machine) };
}

function platformOf(prefix: string, platform: string): Record<string, string> {
  const [os = '', arch = '', variant = ''] = platform.split('/');
  const parts = { PLATFORM: platform, OS: os, ARCH: arch, VARIANT: variant };
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [`${prefix}${name}`, value]));
}
