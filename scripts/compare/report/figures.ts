import { bytes, duration, withRange } from '../../lib/format.ts';
import type { Bench } from '../model/bench-schema.ts';
import { compareSamples, type Samples } from '../model/samples.ts';

/**
 * The figures that --bench takes, in the order in which they are shown. A difference of less than `floor`, in milliseconds
 * or bytes, does not count: a container is asked for its first response every ten milliseconds, and the engine's own work
 * around a build and a stop differs by about this much from one time to the next.
 */
export const FIGURES = {
  startMs: { name: 'start', kind: 'time', floor: 20 },
  nodeStartMs: { name: 'node start', kind: 'time', floor: 10 },
  memoryBytes: { name: 'memory', kind: 'bytes', floor: 1_000_000 },
  stopMs: { name: 'stop', kind: 'time', floor: 20 },
  buildColdMs: { name: 'cold build', kind: 'time', floor: 200 },
  buildNoopMs: { name: 'no change', kind: 'time', floor: 100 },
  buildAfterEditMs: { name: 'after an edit', kind: 'time', floor: 100 },
  buildAfterDependencyMs: { name: 'new dependency', kind: 'time', floor: 200 },
} as const satisfies Record<Exclude<keyof Bench, 'runs'>, unknown>;

export type FigureKey = keyof typeof FIGURES;

export const START_FIGURES = ['startMs', 'nodeStartMs', 'memoryBytes', 'stopMs'] as const;
export const BUILD_FIGURES = ['buildColdMs', 'buildNoopMs', 'buildAfterEditMs', 'buildAfterDependencyMs'] as const;
export const FIGURE_KEYS: FigureKey[] = [...START_FIGURES, ...BUILD_FIGURES];

export const showValue = (key: FigureKey) => (FIGURES[key].kind === 'time' ? duration : bytes);

/** A figure with its spread: the median, then the lowest and the highest. */
export function showSamples(key: FigureKey, { samples, median }: Samples): string {
  if (median === null) return 'n/a';
  if (samples.length === 1) return showValue(key)(median);
  return withRange(FIGURES[key].kind, median, Math.min(...samples), Math.max(...samples));
}

/** How one image's figure differs from another's, where the difference is larger than the spread of both. */
export const differs = (key: FigureKey, one: Samples, other: Samples) => compareSamples(one, other, FIGURES[key].floor);
