import { ToolError } from './errors.ts';

/** A second Ctrl-C, this long after the first in milliseconds, ends the program without waiting for the clean-up. */
const IMPATIENCE_MS = 1000;

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated', SIGHUP: 'hangup' } as const;

/** Turns Ctrl-C, SIGTERM and SIGHUP into an abort, so that the program cleans up on its way out. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let since = 0;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      const error = new ToolError('Interrupted.', { code });
      if (!controller.signal.aborted) {
        since = Date.now();
        controller.abort(error);
      } else if (Date.now() - since > IMPATIENCE_MS) {
        // Not sooner: npm passes on a Ctrl-C that the terminal has already sent to this process.
        process.exit(error.exitCode);
      }
    });
  }
  return controller.signal;
}
