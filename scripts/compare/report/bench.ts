import { redact } from '../../lib/redact.ts';
import type { Timings } from '../bench.ts';
import type { BuildKind, TimedBuild } from '../build/timed-builds.ts';
import type { Bench } from '../model/report-schema.ts';
import { samplesOf } from '../model/samples.ts';
import type { Start } from '../run/timed-starts.ts';

/** How many of a build's slowest steps are kept. */
const SLOWEST = 3;

/** What was timed of a subject, for the report: milliseconds in tenths. */
export function benchReport({ runs, starts, builds, noStarts }: Timings): Bench {
  const ofStarts = (values: (number | string)[]) => samplesOf(noStarts === null ? values : [noStarts]);
  const times = (figure: (start: Start) => number | string) => ofStarts(starts.map(figure).map(tenths));
  const buildOf = (kind: BuildKind) => buildReport(builds.map((build) => build[kind]));
  const memories = starts.map(({ memory }) => memory);
  return {
    runs,
    startMs: times(({ startMs }) => startMs),
    nodeStartMs: times(({ nodeStartMs }) => nodeStartMs),
    memoryBytes: {
      ...ofStarts(memories.map((memory) => (typeof memory === 'string' ? memory : memory.bytes))),
      counter: memories.find((memory) => typeof memory === 'object')?.counter ?? null,
    },
    stopMs: times(({ stopMs }) => stopMs),
    buildColdMs: buildOf('cold'),
    buildNoopMs: buildOf('noop'),
    buildAfterEditMs: buildOf('afterEdit'),
    buildAfterDependencyMs: buildOf('afterDependency'),
  };
}

function buildReport(all: (TimedBuild | string)[]): Bench['buildColdMs'] {
  const times = samplesOf(all.map((build) => (typeof build === 'string' ? redact(build) : tenths(build.ms))));
  const builds = all.filter((build) => typeof build === 'object');
  const distance = ({ ms }: TimedBuild) => Math.abs(ms - (times.median ?? 0));
  const [typical] = [...builds].sort((a, b) => distance(a) - distance(b));
  if (times.median === null || !typical || typical.steps.length === 0) return { ...times, steps: null };
  const slowest = typical.steps.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
  return {
    ...times,
    steps: {
      total: typical.steps.length,
      cached: typical.steps.filter(({ cached }) => cached).length,
      slowest: slowest.slice(0, SLOWEST).map(({ name, ms }) => ({ name: redact(name), ms })),
    },
  };
}

const tenths = <T extends number | string>(value: T) =>
  typeof value === 'number' ? Math.round(value * 10) / 10 : value;
