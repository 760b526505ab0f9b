import { ToolError } from './errors.ts';

/** A second Ctrl-C, this long after the first in milliseconds, ends the program without waiting for the clean-up. */
const SECOND_SIGNAL_AFTER_MS = 1000;

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated', SIGHUP: 'hangup' } as const;

/** Turns Ctrl-C, SIGTERM and SIGHUP into an abort, so that the program cleans up before it exits. */
export function abortOnInterruption(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      const error = new ToolError('Interrupted.', { code });
      if (!controller.signal.aborted) {
        firstAt = Date.now();
        controller.abort(error);
      } else if (Date.now() - firstAt > SECOND_SIGNAL_AFTER_MS) {
        // Not sooner: npm passes on a Ctrl-C that the terminal has already sent to this process.
        process.exit(error.exitCode);
      }
    });
  }
  return controller.signal;
}
