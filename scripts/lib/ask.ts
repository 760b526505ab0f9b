import { isCancel, select, text } from '@clack/prompts';
import { ToolError } from './errors.ts';

/** Whether a person can be asked. */
export const isTerminal = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

/**
 * Asks on the terminal: to choose, or to type what `isValid` accepts. Prints on standard error.
 *
 * @throws {ToolError} with the code `interrupted` when the user cancels.
 */
export async function ask(
  {
    message,
    hint,
    choices,
    isValid,
  }: { message: string; hint: string; choices: string[]; isValid(text: string): boolean },
  signal: AbortSignal,
): Promise<string> {
  const common = { message, output: process.stderr, signal };
  const validate = (value = '') => (isValid(value) ? undefined : hint);
  const answer =
    choices.length > 0
      ? await select({ ...common, options: choices.map((value) => ({ value })) })
      : await text({ ...common, placeholder: hint, validate });
  if (isCancel(answer)) throw new ToolError('Nothing was written.', { code: 'interrupted' });
  return answer;
}
