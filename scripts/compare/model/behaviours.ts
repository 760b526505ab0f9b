/** What a service in a container should do, with the short name that heads its column. */
export const BEHAVIOURS = {
  'same-responses': { head: 'responses', means: 'the same status, headers and body as single' },
  'in-flight': { head: 'in flight', means: 'a request that is under way when SIGTERM comes is answered' },
  'pid-1': { head: 'PID 1', means: 'PID 1 is node, so that signals reach it' },
  'exit-code': { head: 'exit code', means: 'it ends with exit code 0 after SIGTERM' },
  'read-only': { head: 'read-only', means: 'it serves with a read-only root file system' },
  'no-privileges': { head: 'no caps', means: 'it serves without capabilities and new privileges' },
  'any-user': { head: 'any user', means: 'it serves as a user id that nobody knows, as OpenShift gives it' },
  healthy: { head: 'healthy', means: 'its HEALTHCHECK turns healthy' },
  unhealthy: { head: 'hung', means: 'its HEALTHCHECK turns unhealthy when the app hangs' },
  logs: { head: 'logs', means: 'it logs to standard output, a line each' },
  'memory-limit': { head: 'memory', means: "under a memory limit it serves, and Node's heap is fitted to it" },
} as const;

export type Behaviour = keyof typeof BEHAVIOURS;
