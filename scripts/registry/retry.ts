import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryLimits } from './limits.ts';
import { RegistryError } from './registry-error.ts';

/**
 * Repeats what fails with a transient error, after a pause: the one that the registry asks for, or a longer one of the
 * limits. A registry that asks for more than the limits allow gets no further request.
 */
export async function retryTransient<Result>(
  attempt: () => Promise<Result>,
  { pausesMs, totalPauseMs }: RegistryLimits,
  signal: AbortSignal,
): Promise<Result> {
  let remainingMs = totalPauseMs;
  for (const pauseMs of pausesMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RegistryError) || !error.isTransient) throw error;
      const waitMs = Math.max(error.retryAfterMs, pauseMs);
      remainingMs -= waitMs;
      if (remainingMs < 0) throw error;
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
  return attempt();
}
