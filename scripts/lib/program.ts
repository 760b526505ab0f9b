import { describeError, EXIT, ToolError } from './errors.ts';
import { interruption } from './interruption.ts';

/**
 * Runs a program that can be interrupted: `work` returns its exit code. What goes wrong is told without a stack trace, on
 * standard error. Ctrl-C and its like abort the signal, and the program ends once `work` has cleaned up.
 */
export async function main(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  // A reader that has seen enough, such as `head`, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    console.error(`Cannot write to standard output: ${error.message}`);
    process.exitCode = EXIT.failed;
  });
  const signal = interruption();
  try {
    const code = await work(signal);
    process.exitCode ||= code;
  } catch (error) {
    if (!signal.aborted) console.error(describeError(error));
    const reason = signal.aborted ? signal.reason : error;
    process.exitCode = reason instanceof ToolError ? reason.exitCode : EXIT.failed;
  }
}
