/**
 * How much CPU time work takes that nothing interrupts, in milliseconds. Unlike the time on the clock, it hardly depends on
 * what else runs on the machine.
 */
export function cpuTimeOf(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
