import { describeError, EXIT, exitCodeOf } from './errors.ts';
import { interruption } from './interruption.ts';

/**
 * Runs a program that can be interrupted: `work` returns its exit code. An error is printed without a stack trace, on
 * standard error. Ctrl-C aborts the signal, and the program ends once `work` has cleaned up.
 */
export async function runProgram(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  // A reader that closes the pipe early, such as `head`, is not an error.
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
    process.exitCode = exitCodeOf(signal.aborted ? signal.reason : error);
  }
}
