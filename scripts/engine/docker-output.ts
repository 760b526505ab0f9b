import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import type { MemoryFacts, OutputLine } from './engine.ts';

/** Reads a time with nanoseconds, in milliseconds since 1970; null for the year 1, which stands for "never". */
export function engineTime(text: string): number | null {
  const [, seconds = '', fraction = '', zone = 'Z'] = /^(.*?:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const time = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(time) || time < 0 ? null : time + Number(`0${fraction}`) * 1000;
}

/** Reads the output of `docker logs --timestamps`: each line begins with its time and a space. */
export function readOutputLines(text: string): OutputLine[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [time = '', ...words] = line.split(' ');
      return { at: engineTime(time) ?? 0, text: words.join(' ') };
    });
}

/** The part of `GET /containers/{id}/stats` that we use. */
export const containerStats = z.object({
  memory_stats: z.object({ usage: z.number().optional(), stats: z.record(z.string(), z.number()).optional() }),
});

/**
 * Memory in use without the file pages that the kernel can reclaim, as `docker stats` calculates it:
 * https://docs.docker.com/reference/cli/docker/container/stats/. In cgroup v1 the counters begin with `total_`.
 *
 * @throws {ToolError} when the engine does not count memory.
 */
export function memoryFacts({ usage, stats = {} }: z.infer<typeof containerStats>['memory_stats']): MemoryFacts {
  if (!usage)
    throw new ToolError('The engine does not count the memory of containers: its cgroup has no memory controller.');
  const [counter, name] =
    stats.total_inactive_file === undefined
      ? ['cgroup v2: memory.current − inactive_file', 'inactive_file']
      : ['cgroup v1: memory.usage_in_bytes − total_inactive_file', 'total_inactive_file'];
  return { bytes: Math.max(0, usage - (stats[name] ?? 0)), counter };
}
