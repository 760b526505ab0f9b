import type { AddressInfo } from 'node:net';
import { createApp, type ServerState } from './app.js';

/** How long requests in flight may take after SIGTERM, in milliseconds. `docker stop` kills after 10 seconds. */
const STOP_LIMIT_MS = 8_000;

const port = readPort(process.env.PORT);
const state: ServerState = { stopping: false };
const server = createApp(state).listen(port, (error?: Error) => {
  if (error) {
    fail(`Cannot listen on port ${port}: ${error.message}`);
  }
  console.log(`Listening on port ${(server.address() as AddressInfo).port}`);
});

// As PID 1 in a container, Node gets no default signal handlers: without these lines the server would not notice
// `docker stop` and would be killed ten seconds later. A second signal while stopping is left to Node's default.
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

/** Stops accepting, lets requests in flight finish, closes idle connections, and lets the process end with code 0. */
function stop(signal: NodeJS.Signals): void {
  console.log(`${signal}: finishing requests in flight`);
  state.stopping = true;

  // A keep-alive connection becomes idle when its last answer is out, so look again until all are gone.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const limit = setTimeout(() => {
    console.error(`Requests still in flight after ${STOP_LIMIT_MS} ms: closing their connections`);
    process.exitCode = 1;
    server.closeAllConnections();
  }, STOP_LIMIT_MS);

  server.close(() => {
    clearInterval(sweep);
    clearTimeout(limit);
  });
}

/** Reads PORT: a whole number from 0 to 65535, where 0 means any free port. Exits with code 1 on anything else. */
function readPort(value = '3000'): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    fail(`PORT must be a whole number from 0 to 65535, but it is ${JSON.stringify(value)}`);
  }
  return Number(value);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
