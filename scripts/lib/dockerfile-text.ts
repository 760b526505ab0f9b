import { quote } from 'shell-quote';
import { usageError } from './errors.ts';

/** Text that neither a shell nor COPY nor --mount changes: no space, quote, comma, `$`, pattern or flag, and no `..`. */
const PLAIN = /^(?![-~])(?!(?:.*\/)?\.\.(?:\/|$))[\p{L}\p{M}\p{N}@.:_/+~-]*$/u;

export const isPlain = (text: string) => PLAIN.test(text);

/**
 * A path or a name of a project, as it may stand in a Dockerfile.
 *
 * @throws {ToolError} with the code `usage` for one that a shell or Docker would read otherwise: it is not quoted, it is refused.
 */
export function plain(text: string): string {
  if (isPlain(text)) return text;
  throw usageError(
    `${JSON.stringify(text)} cannot be written into a Dockerfile.`,
    'Rename it: paths and names of packages may have letters, digits and @ . : _ + - / here, and may not lead out with `..`.',
  );
}

/** A command for a shell: words that are more than plain are quoted. */
export const toShellLine = (words: string[]) =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote([word]))).join(' ');

/** The exec form of a command, with a space after each comma. */
export const execForm = (command: string[]) => `[${command.map((word) => JSON.stringify(word)).join(', ')}]`;

/** The ENV instructions for variables. @throws {ToolError} with the code `usage` for a value with control characters. */
export function toEnv(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (/\p{Cc}/u.test(value)) throw usageError(`The value of ${name} in the start script has control characters.`);
    return `ENV ${name}=${/^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value).replaceAll('$', '\\$')}`;
  });
  return lines.join('\n');
}

/** Finds the instruction of a stage with this beginning. Returns it, or another one, with the comment above it. */
export type Phrases = (stage: string, start: string, instruction?: string) => string;

/** Reads the instructions of a Dockerfile, whose words another one is to have. */
export function readPhrases(text: string): Phrases {
  let stage = '';
  const paragraphs = text.trimEnd().split('\n\n');
  const found = paragraphs.flatMap((paragraph) => {
    const [, comment = '', rest = ''] = /^((?:#.*\n)*)([\s\S]*)$/.exec(paragraph) ?? [];
    stage = /^FROM .* AS (\S+)$/m.exec(rest)?.[1] ?? stage;
    // Lines that continue an instruction are indented.
    return rest.split(/\n(?=\S)/).map((instruction, at) => ({ stage, comment: at === 0 ? comment : '', instruction }));
  });
  return (inStage, start, instruction) => {
    const phrase = found.find((one) => one.stage === inStage && one.instruction.startsWith(start));
    if (!phrase) throw new Error(`The chapter's Dockerfile has no ${start} in its stage ${inStage}`);
    return phrase.comment + (instruction ?? phrase.instruction);
  };
}
