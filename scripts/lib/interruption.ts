import { EXIT, ToolError } from './errors.ts';

/** A second Ctrl-C, this long after the first in milliseconds, ends the program without waiting for the cleaning up. */
const IMPATIENCE_MS = 1000;

/** Turns Ctrl-C and its like into an abort, whose reason has the exit code, so that the run cleans up on its way out. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let since = 0;
  const interrupt = (exitCode: number) => {
    if (!controller.signal.aborted) {
      since = Date.now();
      controller.abort(new ToolError('Interrupted.', { exitCode }));
    } else if (Date.now() - since > IMPATIENCE_MS) {
      // Not sooner: npm passes on a Ctrl-C that the terminal has sent to us already.
      process.exit(exitCode);
    }
  };
  process.on('SIGINT', () => interrupt(EXIT.interrupted));
  process.on('SIGTERM', () => interrupt(143));
  process.on('SIGHUP', () => interrupt(129));
  return controller.signal;
}
