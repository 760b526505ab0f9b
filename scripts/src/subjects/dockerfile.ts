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
  const bases = new Set<string>();
  let finalBase: string | undefined;
  for (const instruction of file.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const from = instruction as From;
      const image = expand(from.getImage() ?? '');
      const base = stages.get(image.toLowerCase()) ?? image;
      if (!base) continue;
      if (!stages.has(image.toLowerCase()) && base !== 'scratch') bases.add(base);
      const stage = from.getBuildStage();
      if (stage) stages.set(stage.toLowerCase(), base);
      finalBase = base;
    } else if (instruction.getKeyword() === 'COPY') {
      const flags = (instruction as ModifiableInstruction).getFlags();
      const source = flags.find((flag) => flag.getName() === 'from')?.getValue();
      if (source && !/^\d+$/.test(source) && !stages.has(source.toLowerCase())) bases.add(expand(source));
    }
  }
  if (!finalBase) throw new ToolError(`${name} has no FROM line`, { hint: 'Is it a Dockerfile?' });
  return { bases: [...bases], finalBase };
}
