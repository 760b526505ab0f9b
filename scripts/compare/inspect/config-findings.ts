import type { ImageFacts } from '../../engine/engine.ts';
import { shorten } from '../../lib/format.ts';
import { HIDDEN, looksSecret, redact } from '../../lib/redact.ts';
import type { Evidence } from '../model/report-schema.ts';
import type { IndexedImage } from './index-image.ts';
import { buildArguments, instructionText } from './instruction.ts';

/** How much of a command is shown, in characters. */
const MAX_CONFIG_LENGTH = 120;

/** A line of the image's configuration as evidence, such as `USER root`. */
export function lineEvidence(line: string, layer: number | null = null): Evidence {
  return { path: shorten(line, MAX_CONFIG_LENGTH), layer, note: null };
}

export const isRoot = ({ user }: ImageFacts) => /^(0|root)?(:|$)/.test(user);

/** The command of PID 1 in words, without the entrypoint script of the official images, which replaces itself. */
export function startWords({ entrypoint, command }: ImageFacts): string[] {
  return [...entrypoint, ...command].filter((word, index) => index > 0 || !/(^|\/)docker-entrypoint\.sh$/.test(word));
}

/** The command of PID 1 as evidence, without secrets. */
const startEvidence = (image: ImageFacts) => lineEvidence(`CMD ${redact(startWords(image).join(' '))}`);

/** The text that the shell gets if a shell is PID 1, or null. */
function shellText(image: ImageFacts): string | null {
  const [shell = '', flag, text = ''] = startWords(image);
  return /(^|\/)(sh|bash|ash|dash|busybox)$/.test(shell) && flag === '-c' ? text.trim() : null;
}

export function findShellForm({ image }: IndexedImage): Evidence[] {
  const text = shellText(image);
  // With `exec`, the shell replaces itself.
  return text === null || text.startsWith('exec ') ? [] : [startEvidence(image)];
}

export function findNpmStart({ image }: IndexedImage): Evidence[] {
  const text = shellText(image);
  const [program = ''] = text === null ? startWords(image) : text.replace(/^exec +/, '').split(/\s+/);
  return /(?:^|\/)(npm|npx|yarn|pnpm|corepack)$/.test(program) ? [startEvidence(image)] : [];
}

export function findConfigSecrets({ image, history, instructions }: IndexedImage): Evidence[] {
  const variables = image.environment.flatMap((line) => {
    const [name = '', ...value] = line.split('=');
    return looksSecret(name, value.join('=')) ? [lineEvidence(`ENV ${name}`)] : [];
  });
  const buildArgs = new Map<string, Evidence>();
  for (const line of history) {
    for (const { name, value } of buildArguments(line)) {
      // The first command that sees it: the builder repeats it for every later command.
      if (!looksSecret(name, value) || buildArgs.has(name)) continue;
      const layer = instructions.indexOf(instructionText(line));
      buildArgs.set(name, lineEvidence(`ARG ${name}`, layer === -1 ? null : layer));
    }
  }
  const commands = instructions.flatMap((text, layer) =>
    text?.startsWith('RUN ') && text.includes(HIDDEN) ? [lineEvidence(text, layer)] : [],
  );
  const start = startWords(image).join(' ');
  return [...variables, ...buildArgs.values(), ...commands, ...(redact(start) === start ? [] : [startEvidence(image)])];
}
