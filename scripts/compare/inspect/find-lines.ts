import type { Stage, StageInstruction } from '../../lib/dockerfile.ts';
import { redact } from '../../lib/redact.ts';
import type { WithImage } from '../model/measurement.ts';
import type { Evidence, Finding } from '../model/report-schema.ts';
import { startWords } from './config-findings.ts';
import type { ImageLayer } from './layer.ts';

/** The instructions that write layers. BuildKit leaves out the layer of one that changes nothing. */
const STEPS = ['RUN', 'COPY', 'ADD', 'WORKDIR'];

/**
 * Findings with the lines of the Dockerfile's instructions that cause them, where they are known: one that wrote a layer,
 * one that set a part of the configuration, or the FROM that brought either. `baseLayers` is how many of the lowest layers
 * are those of the base image. Where the engine does not have that image, it follows from the first instruction's layer.
 */
export function findLines(
  findings: Finding[],
  { stage, image }: Pick<WithImage, 'stage' | 'image'>,
  layers: Pick<ImageLayer, 'instruction'>[],
  baseLayers: number | null,
): { findings: Finding[]; baseLayers: number | null } {
  if (!stage) return { findings, baseLayers };
  const own = matchLayers(layers, stage, baseLayers);
  const lineOf = (...keywords: string[]) =>
    stage.instructions.findLast(({ keyword }) => keywords.includes(keyword))?.line ?? stage.line;
  // An entrypoint that starts the app by itself is the cause; with that of the official images, it is the command.
  const startLine = () => lineOf(startWords({ ...image, command: [] }).length > 0 ? 'ENTRYPOINT' : 'CMD');

  const evidenceLine = ({ path, layer }: Evidence): number | null => {
    const [, keyword = '', variable = ''] = /^(ENV|ARG) (\S+)$/.exec(path) ?? [];
    const setBy = stage.instructions.findLast((one) => one.keyword === keyword && one.variables.includes(variable));
    if (setBy) return setBy.line;
    if (layer !== null) return layer < (own.baseLayers ?? 0) ? stage.baseLine : (own.lines.get(layer) ?? null);
    return path.startsWith('CMD ') ? startLine() : stage.baseLine;
  };
  const lineOfFinding = ({ code, evidence }: Finding): number | null => {
    if (code === 'runs-as-root' || code === 'user-name') return lineOf('USER');
    if (code === 'shell-form' || code === 'npm-process') return startLine();
    if (code === 'no-healthcheck') return lineOf('HEALTHCHECK');
    // What the Dockerfile adds itself is easier to change than its base image.
    const lines = evidence.map(evidenceLine);
    const added = lines.filter((line) => line !== stage.baseLine);
    return (added.length > 0 ? added.find((line) => line !== null) : lines[0]) ?? null;
  };
  return { findings: findings.map((one) => ({ ...one, line: lineOfFinding(one) })), baseLayers: own.baseLayers };
}

/** The lines of the instructions that wrote an image's layers, and how many layers are below the first of them. */
function matchLayers(layers: Pick<ImageLayer, 'instruction'>[], { instructions }: Stage, baseLayers: number | null) {
  const steps = instructions.filter(({ keyword }) => STEPS.includes(keyword));
  const texts = layers.map(({ instruction }) => splitInstruction(instruction ?? ''));
  const matches: { layer: number; step: number }[] = [{ layer: layers.length, step: steps.length }];
  // From the top, because the layers below are those of the base image.
  for (let layer = layers.length - 1; layer >= (baseLayers ?? 0); layer -= 1) {
    const step = steps.slice(0, matches[0]?.step).findLastIndex((one) => isWrittenBy(texts[layer], one));
    if (step >= 0) matches.unshift({ layer, step });
  }
  const first = matches[0] ?? { layer: 0, step: 0 };
  const base = baseLayers ?? (first.step === 0 ? first.layer : null);
  if (base !== null) matches.unshift({ layer: base - 1, step: -1 });

  const lines = new Map(matches.map(({ layer, step }) => [layer, steps[step]?.line]));
  matches.slice(1).forEach((next, index) => {
    // Between two matches, as many layers as instructions of the same kinds belong together, whatever their texts are.
    const { layer, step } = matches[index] ?? next;
    const between = steps.slice(step + 1, next.step);
    const isSame = between.every(({ keyword }, offset) => texts[layer + 1 + offset]?.keyword === keyword);
    if (!isSame || between.length !== next.layer - layer - 1) return;
    between.forEach(({ line }, offset) => void lines.set(layer + 1 + offset, line));
  });
  return { lines, baseLayers: base };
}

/** The instruction of a layer in the form in which {@link isWrittenBy} compares it. Builders keep some of the flags. */
function splitInstruction(instruction: string) {
  const [, keyword = '', text = ''] = /^(\w+) (?:--\S+ )*(.*)$/s.exec(instruction.replace(/\s+/g, ' ')) ?? [];
  return { keyword, text };
}

/** Whether a layer has the text of an instruction, as BuildKit writes it. */
function isWrittenBy(layer: ReturnType<typeof splitInstruction> | undefined, step: StageInstruction): boolean {
  if (layer?.keyword !== step.keyword) return false;
  const expected = redact(joinWords(step.text)).replace(/\s+/g, ' ').trim();
  if (step.keyword === 'RUN') {
    // In front of it is a shell that SHELL has set; what is longer than we keep ends with a mark.
    if (layer.text.endsWith('…')) return expected.startsWith(layer.text.slice(0, -1));
    return layer.text === expected || layer.text.endsWith(` ${expected}`);
  }
  const [, destination] = /^(?:file|dir|multi):\S* in (.*)$/.exec(layer.text) ?? [];
  // Podman names the files by a digest.
  if (destination !== undefined) return trimDirectory(destination) === trimDirectory(expected.split(' ').at(-1) ?? '');
  // Variables have their values there, and a relative working directory is absolute.
  const isDirectory = step.keyword === 'WORKDIR';
  const trimSlash = (path: string) => (isDirectory ? path.replace(/(?<=.)\/$/, '') : path);
  const parts = trimSlash(expected.replace(/["']/g, '')).split(/(?:\$\{[^}]*\}|\$\w+)+/);
  const pattern = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
  return new RegExp(`^${isDirectory ? '(?:.*/)?' : ''}${pattern}$`).test(trimSlash(layer.text));
}

/** A directory without `./` and the slash at its end. */
const trimDirectory = (path: string) =>
  path
    .replace(/^\.\/(?=.)/, '')
    .replace(/(?<=.)\/$/, '')
    .replace(/^\.\/$/, '.');

/** The words of the exec form as one text, as builders write them; every other text as it is. */
function joinWords(text: string): string {
  try {
    return text.startsWith('[') ? (JSON.parse(text) as unknown[]).join(' ') : text;
  } catch {
    return text;
  }
}
