import { setMaxListeners } from 'node:events';
import { type ErrorCode, exitCodeOf, ToolError } from './errors.ts';
import { printError } from './print.ts';

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated', SIGHUP: 'hangup' } as const;

/** Signals within this time count as one, in milliseconds: npm passes on a Ctrl-C that the terminal sends to all of them. */
const SAME_SIGNAL_MS = 1000;

/** How often the program looks whether npm is still there, in milliseconds. */
const PARENT_CHECK_MS = 500;

/**
 * Turns everything that should end the program into an abort, so that it cleans up before it exits: Ctrl-C, SIGTERM, SIGHUP,
 * the end of the npm that started it, the end of the program that reads standard error, and an error that nobody caught.
 * A second signal does not stop the clean-up. A third one does.
 */
export function abortOnInterruption(): AbortSignal {
  const controller = new AbortController();
  // Each program that runs listens, and there is no limit to these: setup looks at all images at once.
  setMaxListeners(0, controller.signal);
  const interrupt = (code: ErrorCode) => controller.abort(new ToolError('Interrupted.', { code }));
  let [count, lastAt] = [0, 0];
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (Date.now() - lastAt < SAME_SIGNAL_MS) return;
      lastAt = Date.now();
      count += 1;
      if (count === 1) interrupt(code);
      if (count === 2)
        printError('Still removing what was made. The next Ctrl-C ends this at once and leaves the rest.');
      if (count > 2) process.exit(exitCodeOf(controller.signal.reason));
    });
  }
  // A disk that is full is no reason to lose the result, which goes to standard output.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => error.code === 'EPIPE' && interrupt('output-closed'));
  process.on('uncaughtException', (error) => controller.abort(error));
  // npm passes SIGTERM on to its shell only. Without that shell, this process has another parent.
  const parent = process.ppid;
  const checkParent = () => process.ppid !== parent && interrupt('terminated');
  if (process.env.npm_lifecycle_event !== undefined) setInterval(checkParent, PARENT_CHECK_MS).unref();
  return controller.signal;
}
