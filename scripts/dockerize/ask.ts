import { ask, isTerminal } from '../lib/ask.ts';
import { ToolError } from '../lib/errors.ts';
import { isPort } from '../project/declared-ports.ts';
import { MissingFact } from '../project/missing-fact.ts';
import type { Given } from './look-at-project.ts';

/** Does work that may lack a fact. On a terminal the user is asked for it; elsewhere the error names the option. */
export async function askForMissing<T>(given: Given, work: (given: Given) => T, signal: AbortSignal): Promise<T> {
  try {
    return work(given);
  } catch (error) {
    if (!(error instanceof MissingFact) || !isTerminal()) throw error;
    const { message, hint = '', option, choices } = error;
    const isValid = option === 'port' ? isPort : (text: string) => text !== '';
    const answer = await ask({ message, hint, choices, isValid }, signal);
    if (answer === null) throw new ToolError('Nothing was written.', { code: 'interrupted' });
    return askForMissing({ ...given, [option]: option === 'port' ? Number(answer) : answer }, work, signal);
  }
}
