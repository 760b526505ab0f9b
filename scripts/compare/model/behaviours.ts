/** What a service in a container should do. `head` is the heading of its column, `means` explains it below the table. */
export const BEHAVIOURS = {
  'same-responses': {
    head: 'responses',
    means: 'the same status, headers and body as the variant that it is compared with',
  },
  'in-flight': { head: 'in flight', means: 'a request that is in flight when SIGTERM arrives still gets its response' },
  'pid-1': { head: 'PID 1', means: 'PID 1 is node, so that signals reach it' },
  'exit-code': { head: 'exit code', means: 'it ends with exit code 0 after SIGTERM' },
  'read-only': { head: 'read-only', means: 'it serves with a read-only root file system' },
  'no-privileges': { head: 'no caps', means: 'it serves without capabilities and without new privileges' },
  'any-user': { head: 'any user', means: 'it serves as an arbitrary user ID, as OpenShift assigns one' },
  healthy: { head: 'healthy', means: 'its HEALTHCHECK turns healthy' },
  unhealthy: { head: 'hung', means: 'its HEALTHCHECK turns unhealthy when the app hangs' },
  logs: { head: 'logs', means: 'it logs to standard output, one line per entry' },
  'memory-limit': {
    head: 'memory',
    means: "it serves under a memory limit of 512 MiB, and Node's heap limit is lower than that",
  },
} as const;

export type Behaviour = keyof typeof BEHAVIOURS;
