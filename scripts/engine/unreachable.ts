/** Whether an engine's error message says that nothing was reached, rather than that something was refused. */
export function saysUnreachable(message: string): boolean {
  return UNREACHABLE.test(message);
}

const UNREACHABLE = new RegExp(
  [
    'no such host',
    'server misbehaving',
    'name resolution',
    'timeout',
    'timed out',
    'deadline exceeded',
    'awaiting headers',
    'connection (refused|reset)',
    'network is unreachable',
    'no route to host',
    'proxyconnect',
    // A proxy that the engine does not trust stands in between.
    'x509',
    ': EOF',
  ].join('|'),
  'i',
);
