import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from './registry-error.ts';

/** How long a registry may take, in milliseconds. */
export interface RegistryLimits {
  connectMs: number;
  /** Until a response begins. */
  headersMs: number;
  /** How long a response that has begun may send nothing. */
  idleMs: number;
  /** For all of a small document, redirects included: a manifest, a token, an error. */
  documentMs: number;
  /** The pauses between the attempts. */
  pausesMs: readonly number[];
  /** All pauses of a request together: a registry may ask for longer ones. */
  totalPauseMs: number;
}

export const LIMITS: RegistryLimits = {
  connectMs: 15_000,
  headersMs: 30_000,
  idleMs: 60_000,
  documentMs: 60_000,
  pausesMs: [500, 2000, 5000],
  totalPauseMs: 60_000,
};

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
