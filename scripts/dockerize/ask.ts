import { isCancel, select, text } from '@clack/prompts';
import { ToolError } from '../lib/errors.ts';
import { MissingFact } from '../project/missing-fact.ts';
import type { Given } from './look-at-project.ts';

/** Does work that may lack a fact. On a terminal the user is asked for it; elsewhere the error names the option. */
export async function askForMissing<T>(given: Given, work: (given: Given) => T, signal: AbortSignal): Promise<T> {
  try {
    return work(given);
  } catch (error) {
    const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
    if (!(error instanceof MissingFact) || !isTerminal) throw error;
    const answer = await ask(error, signal);
    return askForMissing({ ...given, [error.option]: error.option === 'port' ? Number(answer) : answer }, work, signal);
  }
}

async function ask({ message, hint = '', option, choices }: MissingFact, signal: AbortSignal): Promise<string> {
  const common = { message, output: process.stderr, signal };
  const isPort = (value = '') => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535;
  const answer =
    choices.length > 0
      ? await select({ ...common, options: choices.map((value) => ({ value })) })
      : await text({
          ...common,
          placeholder: hint,
          validate: (value) => (value && (option !== 'port' || isPort(value)) ? undefined : hint),
        });
  if (isCancel(answer)) throw new ToolError('Nothing was written.', { code: 'interrupted' });
  return answer;
}
