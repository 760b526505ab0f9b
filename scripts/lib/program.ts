import { describeError, EXIT, exitCodeOf } from './errors.ts';
import { abortOnInterruption } from './interruption.ts';
import { exitWhenPrinted, printError } from './print.ts';

/** The directory where the user runs the command: npm changes to that of package.json. */
export const userDirectory = () => process.env.INIT_CWD ?? process.cwd();

/**
 * Runs `work`, which returns the exit code. An error is printed on standard error, without a stack trace. An interruption
 * aborts the signal; when `work` has cleaned up, the program prints "Interrupted." and ends.
 */
export async function startProgram(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  // A reader that closes the pipe early, such as `head`, is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    printError(`Cannot write to standard output: ${error.message}`);
    process.exitCode = EXIT.failed;
  });
  const signal = abortOnInterruption();
  try {
    const code = await work(signal);
    signal.throwIfAborted();
    process.exitCode ||= code;
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error;
    printError(describeError(cause));
    process.exitCode = exitCodeOf(cause);
    // Nothing is left to do: a connection that is not there yet must not keep the program.
    if (signal.aborted) exitWhenPrinted();
  }
}
