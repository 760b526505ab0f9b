import { quote } from 'shell-quote';
import { usageError } from '../lib/errors.ts';
import type { Plan } from './plan-model.ts';

/** Text that neither a shell nor COPY nor --mount changes: no space, quote, comma, `$`, pattern or flag, and no `..`. */
const PLAIN = /^(?![-~])(?!(?:.*\/)?\.\.(?:\/|$))[\p{L}\p{M}\p{N}@.:_/+~-]*$/u;

export const isPlain = (text: string) => PLAIN.test(text);

/**
 * A path or a name of the project, as it may stand in a Dockerfile.
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

/** Refuses what would end or change an instruction. @throws {ToolError} with the code `usage`. */
export function checkPlan({ app, manifests, copies, env, health }: Plan): void {
  const inCopies = copies.flatMap(({ path, to }) => [path, to]);
  for (const path of [app, ...inCopies, ...manifests.flatMap(({ files, to }) => [...files, to])]) plain(path);
  for (const [name, value] of Object.entries(env)) {
    if (/\p{Cc}/u.test(value)) throw usageError(`The value of ${name} in the start script has control characters.`);
  }
  if (health.kind !== 'connection' && !/^\/[!#-&(-[\]-~]*$/.test(health.path)) {
    throw usageError(`The path ${JSON.stringify(health.path)} is not one of a URL.`, 'Encode it: --path /a%20b');
  }
}
