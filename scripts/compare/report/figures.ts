import { bytes, duration, withRange } from '../../lib/format.ts';
import type { Bench } from '../model/report-schema.ts';
import { compareSamples, type Samples } from '../model/samples.ts';

/** A figure that --bench takes: its name, its unit, and a difference that is too small to be told. */
interface Figure {
  name: string;
  kind: 'time' | 'bytes';
  /**
   * In milliseconds or bytes. The first answer is asked for every ten milliseconds; the engine's own work around a build
   * and a stop differs by about as much as is said here from one time to the next.
   */
  floor: number;
}

export type FigureKey = Exclude<keyof Bench, 'runs'>;

/** The figures in the order in which they are shown. */
export const FIGURES: Record<FigureKey, Figure> = {
  startMs: { name: 'start', kind: 'time', floor: 20 },
  nodeStartMs: { name: 'node start', kind: 'time', floor: 10 },
  memoryBytes: { name: 'memory', kind: 'bytes', floor: 1_000_000 },
  stopMs: { name: 'stop', kind: 'time', floor: 20 },
  buildColdMs: { name: 'cold build', kind: 'time', floor: 200 },
  buildNoopMs: { name: 'no change', kind: 'time', floor: 100 },
  buildAfterEditMs: { name: 'after an edit', kind: 'time', floor: 100 },
  buildAfterDependencyMs: { name: 'new dependency', kind: 'time', floor: 200 },
};

export const FIGURE_KEYS = Object.keys(FIGURES) as FigureKey[];
export const START_FIGURES: FigureKey[] = ['startMs', 'nodeStartMs', 'memoryBytes', 'stopMs'];
export const BUILD_FIGURES = ['buildColdMs', 'buildNoopMs', 'buildAfterEditMs', 'buildAfterDependencyMs'] as const;

/** How one value of a figure is written. */
export const showValue = (key: FigureKey) => (FIGURES[key].kind === 'time' ? duration : bytes);

/** A figure with its spread: the median, then the least and the most. */
export function showSamples(key: FigureKey, { samples, median }: Samples): string {
  if (median === null) return 'n/a';
  if (samples.length === 1) return showValue(key)(median);
  return withRange(FIGURES[key].kind, median, Math.min(...samples), Math.max(...samples));
}

/** How one image's figure differs from another's, where that is more than their spread. */
export const differs = (key: FigureKey, one: Samples, other: Samples) => compareSamples(one, other, FIGURES[key].floor);
