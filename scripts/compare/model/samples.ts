/** What was measured several times: milliseconds or bytes. */
export interface Samples {
  /** In the order in which they were taken. Empty when it could not be measured. */
  samples: number[];
  median: number | null;
  /** Why it could not be measured. */
  reason: string | null;
}

/** The middle of several numbers, or the mean of the two in the middle. NaN when there are none. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** From the least to the most. */
export const spread = ({ samples }: Pick<Samples, 'samples'>) => Math.max(...samples) - Math.min(...samples);

/**
 * Whether one figure is less or more than another. A difference that is not larger than the spread of either figure is
 * none, and neither is one of less than `floor`. Null where one of them was not measured, or only once: it has no spread
 * then to hold the difference against.
 */
export function compareSamples(one: Samples, other: Samples, floor: number): 'less' | 'more' | 'same' | null {
  if (one.median === null || other.median === null || Math.min(one.samples.length, other.samples.length) < 2)
    return null;
  const difference = one.median - other.median;
  if (Math.abs(difference) <= Math.max(spread(one), spread(other), floor)) return 'same';
  return difference < 0 ? 'less' : 'more';
}

/** The samples of one figure. What could not be measured once is not told from the rest. */
export function samplesOf(values: (number | string)[]): Samples {
  const reason = values.find((value) => typeof value === 'string');
  if (reason !== undefined || values.length === 0)
    return { samples: [], median: null, reason: reason ?? 'not reached' };
  const samples = values as number[];
  return { samples, median: median(samples), reason: null };
}
