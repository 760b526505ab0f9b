import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { isTerminal } from '../lib/ask.ts';
import { printError } from '../lib/print.ts';

/** Asks on the terminal whether stand-ins may take these names. True where there is no terminal. */
export async function confirmStandIns(names: string[], signal: AbortSignal): Promise<boolean> {
  if (!isTerminal() || process.env.CI) return true;
  printError(`No registry can be reached for ${names.join(', ')}.
setup can build stand-ins from Debian's packages: substitutes that are close to the official images, under the same names.
Until they are replaced, every project on this machine that builds on these names builds on the stand-ins.`);
  // Not a terminal for readline: it would take Ctrl-C for itself.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = once(terminal, 'close').then(() => ''); // Ctrl-D
  try {
    const answer = await Promise.race([terminal.question('Build them? [y/N] ', { signal }), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
