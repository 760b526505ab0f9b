import { isCancel, select, text } from '@clack/prompts';

/** Whether a person can be asked. */
export const isTerminal = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** Asks on the terminal: to choose, or to type what `isValid` accepts. Prints on standard error. Null when the user cancels. */
export async function ask(
  {
    message,
    hint,
    choices,
    isValid,
  }: { message: string; hint: string; choices: string[]; isValid(text: string): boolean },
  signal: AbortSignal,
): Promise<string | null> {
  const common = { message, output: process.stderr, signal };
  const validate = (value = '') => (isValid(value) ? undefined : hint);
  const answer =
    choices.length > 0
      ? await select({ ...common, options: choices.map((value) => ({ value })) })
      : await text({ ...common, placeholder: hint, validate });
  return isCancel(answer) ? null : answer;
}
