import { hasNode, type Invocation, inRounds, type Measurement } from '../model/measurement.ts';
import { samplesOf } from '../model/samples.ts';
import type { Subject } from '../model/subject.ts';
import { serveOptions } from './request-images.ts';
import { type Start, timeStart } from './timed-starts.ts';

/**
 * Times the starts and stops of all subjects, in rounds, and reads their memory. Nothing else runs meanwhile. The warm-up
 * is what the invocation has done before: each image has responded once.
 */
export async function timeStarts(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  rounds: number,
): Promise<void> {
  const starts = new Map<Measurement<Subject>, Start[]>(measurements.map((measurement) => [measurement, []]));
  await inRounds(invocation, measurements, { name: 'starts', rounds }, async (measurement) => {
    const { ready, run } = measurement.subject.settings;
    if (!run) return;
    const options = { ...serveOptions(invocation, measurement), ready, node: hasNode(measurement) };
    starts.get(measurement)?.push(await timeStart(invocation.engine, measurement.image.id, options));
  });
  for (const [measurement, timed] of starts) {
    const reason = measurement.subject.settings.run ? undefined : 'it was not run';
    measurement.bench = { runs: rounds, ...startSamples(timed, reason) };
  }
}

function startSamples(starts: Start[], reason?: string) {
  const ofStarts = (values: (number | string)[]) => samplesOf(reason === undefined ? values : [reason]);
  const samples = (figure: (start: Start) => number | string) => ofStarts(starts.map(figure).map(inTenths));
  const memories = starts.map(({ memory }) => memory);
  return {
    startMs: samples(({ startMs }) => startMs),
    nodeStartMs: samples(({ nodeStartMs }) => nodeStartMs),
    memoryBytes: {
      ...ofStarts(memories.map((memory) => (typeof memory === 'string' ? memory : memory.bytes))),
      counter: memories.find((memory) => typeof memory === 'object')?.counter ?? null,
    },
    stopMs: samples(({ stopMs }) => stopMs),
  };
}

const inTenths = (value: number | string) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value);
