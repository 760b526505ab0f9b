import { DockerfileParser, type From, type ModifiableInstruction } from 'dockerfile-ast';
import { ToolError } from '../errors.ts';

/** What a Dockerfile says about its base images. */
export interface DockerfileFacts {
  /** Every image that is not a stage of this file: of FROM and of `COPY --from`, each once, in order. */
  bases: string[];
  /** What the last stage, followed down to an image, is built on: an image name or `scratch`. */
  finalBase: string;
}

/**
 * Reads a Dockerfile's stages. Variables in FROM take the default of the ARG lines above the first FROM, which is where
 * Docker looks for them (https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact).
 *
 * @throws {ToolError} when there is no FROM, or one with a variable that has no value.
 */
export function readDockerfile(text: string, name: string): DockerfileFacts {
  const uses = imageUses(text, name);
  const finalBase = uses.findLast(({ stage }) => stage)?.image;
  if (!finalBase) throw new ToolError(`${name} has no FROM line`, { hint: 'Is it a Dockerfile?' });
  const bases = uses.filter(({ external, image }) => external && image !== 'scratch').map(({ image }) => image);
  return { bases: [...new Set(bases)], finalBase };
}

/**
 * The Dockerfile with other images in the place of those that it is built on, `scratch` included. Its stages stay.
 *
 * @throws {ToolError} as {@link readDockerfile} does.
 */
export function replaceBases(text: string, name: string, replacement: (image: string) => string): string {
  const lines = text.split('\n');
  // From the end, so that a replacement does not move the places of those that are still to come.
  for (const { image, external, place } of imageUses(text, name).reverse()) {
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
  /** Whether it is a FROM line. */
  stage: boolean;
  place: NonNullable<ReturnType<From['getImageRange']>>;
}

/** The places in the order of the file. */
function imageUses(text: string, name: string): ImageUse[] {
  const file = DockerfileParser.parse(text);
  const variables = new Map(
    file.getInitialARGs().map((arg) => {
      const property = arg.getProperty();
      return [property?.getName() ?? '', property?.getValue() ?? ''];
    }),
  );
  const expand = (value: string) =>
    value.replace(/\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g, (_match, braced, fallback, plain) => {
      const found = variables.get(braced ?? plain) || fallback;
      if (!found) throw new ToolError(`${name}: ${value} needs a value for ${braced ?? plain}, but its ARG has none`);
      return found;
    });

  const stages = new Map<string, string>();
  const uses: ImageUse[] = [];
  for (const instruction of file.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const from = instruction as From;
      const image = expand(from.getImage() ?? '');
      const place = from.getImageRange();
      if (!image || !place) continue;
      const base = stages.get(image.toLowerCase());
      uses.push({ image: base ?? image, external: base === undefined, stage: true, place });
      const stage = from.getBuildStage();
      if (stage) stages.set(stage.toLowerCase(), base ?? image);
    } else if (instruction.getKeyword() === 'COPY') {
      const flag = (instruction as ModifiableInstruction).getFlags().find((one) => one.getName() === 'from');
      const source = flag?.getValue();
      const place = flag?.getValueRange();
      if (!source || !place || /^\d+$/.test(source) || stages.has(source.toLowerCase())) continue;
      uses.push({ image: expand(source), external: true, stage: false, place });
    }
  }
  return uses;
}
