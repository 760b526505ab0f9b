import { describeError, EXIT, exitCodeOf } from './errors.ts';
import { abortOnInterruption } from './interruption.ts';

/** The directory where the user runs the command: npm changes to that of package.json. */
export const userDirectory = () => process.env.INIT_CWD ?? process.cwd();

/**
 * Runs `work`, which returns the exit code. An error is printed on standard error, without a stack trace. Ctrl-C aborts
 * the signal; the program ends when `work` has cleaned up.
 */
export async function startProgram(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  // A reader that closes the pipe early, such as `head`, is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    console.error(`Cannot write to standard output: ${error.message}`);
    process.exitCode = EXIT.failed;
  });
  const signal = abortOnInterruption();
  try {
    const code = await work(signal);
    process.exitCode ||= code;
  } catch (error) {
    if (!signal.aborted) console.error(describeError(error));
    process.exitCode = exitCodeOf(signal.aborted ? signal.reason : error);
  }
}
