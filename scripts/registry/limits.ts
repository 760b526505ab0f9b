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
