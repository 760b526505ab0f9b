import { getHeapStatistics } from 'node:v8';
import express, { type ErrorRequestHandler, type Express } from 'express';

/** What the server tells the app about itself. */
export interface ServerState {
  /** True from the first SIGTERM or SIGINT on. */
  stopping: boolean;
}

/**
 * Makes the Express app: routes only. Listening and stopping are `index.ts`'s job, so that a test can use the app
 * without a port.
 */
export function createApp(state: ServerState = { stopping: false }): Express {
  const app = express();
  // No need to tell strangers which framework answers.
  app.disable('x-powered-by');

  app.get('/', (_request, response) => {
    response.json({ message: 'Hello from a container' });
  });

  app.get('/healthz', (_request, response) => {
    response.status(state.stopping ? 503 : 200).json({ status: state.stopping ? 'stopping' : 'ok' });
  });

  app.get('/info', (_request, response) => {
    response.json({
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      // Windows has no user ids.
      userId: process.getuid?.() ?? null,
      nodeEnv: process.env.NODE_ENV ?? null,
      memoryLimitBytes: memoryLimitBytes(),
      heapLimitBytes: getHeapStatistics().heap_size_limit,
      uptimeSeconds: Math.round(process.uptime() * 10) / 10,
    });
  });

  app.use((request, response) => {
    response.status(404).json({ error: 'Not found', path: request.path });
  });

  app.use(handleError);
  return app;
}

/** Answers any error with a JSON 500. The stack goes to the log, never to the client. */
export const handleError: ErrorRequestHandler = (error, _request, response, next) => {
  console.error(error);
  if (response.headersSent) {
    // Too late for a status: Express closes the connection, so that the client sees that the answer is not whole.
    next(error);
    return;
  }
  response.status(500).json({ error: 'Internal server error' });
};

/**
 * The memory limit that the operating system or container sets for this process, in bytes, or null when there is none.
 * Node returns 0 or a number far above the machine's memory for "no limit", depending on the platform
 * (https://nodejs.org/api/process.html#processconstrainedmemory).
 */
function memoryLimitBytes(): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : null;
}
