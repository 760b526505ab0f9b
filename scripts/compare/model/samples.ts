import { redact } from '../../lib/redact.ts';
import type { Bench } from './bench-schema.ts';

/** What was measured several times, in milliseconds or bytes, in the order in which it was taken. */
export type Samples = Pick<Bench['startMs'], 'samples' | 'median' | 'reason'>;

/** The middle of several numbers, or the mean of the two in the middle. NaN when there are none. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The difference between the largest and the smallest sample. */
export const spread = ({ samples }: Pick<Samples, 'samples'>) => Math.max(...samples) - Math.min(...samples);

/**
 * Whether one figure is less or more than another. A difference that is not larger than the spread of either figure
 * counts as none, and so does one of less than `floor`. Null where one of them was not measured, or only once: there is
 * no spread then to compare the difference with.
 */
export function compareSamples(one: Samples, other: Samples, floor: number): 'less' | 'more' | 'same' | null {
  if (one.median === null || other.median === null) return null;
  if (Math.min(one.samples.length, other.samples.length) < 2) return null;
  const difference = one.median - other.median;
  if (Math.abs(difference) <= Math.max(spread(one), spread(other), floor)) return 'same';
  return difference < 0 ? 'less' : 'more';
}

/** The samples of one figure. A text is the reason why it could not be measured: then the figure has no samples at all. */
export function samplesOf(values: (number | string)[]): Samples {
  const samples = values.filter((value) => typeof value === 'number');
  const reason = values.find((value) => typeof value === 'string');
  if (reason !== undefined || samples.length === 0)
    return { samples: [], median: null, reason: redact(reason ?? 'not reached') };
  return { samples, median: median(samples), reason: null };
}

/** The samples of a time, in tenths of a millisecond: more digits would be noise. */
export const timeSamples = (values: (number | string)[]) =>
  samplesOf(values.map((value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value)));
