import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.ts';
import { summarizeError } from '../../lib/errors.ts';
import { type Invocation, type Measurement, timeRounds } from '../model/measurement.ts';
import { samplesOf, timeSamples } from '../model/samples.ts';
import type { Subject } from '../model/subject.ts';
import { containerOptions } from './container-options.ts';
import { type ContainerOptions, type RunningContainer, runContainer, waitForExit } from './run-container.ts';

/** How long a container rests after its first response before its memory is read, in milliseconds. */
const REST_MS = 300;

/** An app listens when it prints a line with one of these words. */
const LISTENING = /\blistening\b|\bready\b|\bstarted\b/i;

/** Times the starts and stops of all subjects and reads their memory. The warm-up: each image has responded before. */
export async function timeStarts(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  rounds: number,
): Promise<void> {
  const starts = await timeRounds(invocation, measurements, { name: 'starts', rounds }, async (measurement) =>
    measurement.subject.settings.run
      ? measureStart(invocation.engine, measurement.image.id, containerOptions(invocation, measurement))
      : 'it was not run',
  );
  for (const [measurement, timed] of starts) measurement.bench = { runs: rounds, ...startSamples(timed) };
}

/** The figures of several starts. A text is the reason why an image was not started. */
export function startSamples(starts: (Start | string)[]) {
  const figures = <T>(figure: (start: Start) => T) =>
    starts.map((start) => (typeof start === 'string' ? start : figure(start)));
  const memories = figures(({ memory }) => memory);
  return {
    startMs: timeSamples(figures(({ startMs }) => startMs)),
    nodeStartMs: timeSamples(figures(({ nodeStartMs }) => nodeStartMs)),
    memoryBytes: {
      ...samplesOf(memories.map((memory) => (typeof memory === 'string' ? memory : memory.bytes))),
      counter: memories.find((memory) => typeof memory === 'object')?.counter ?? null,
    },
    stopMs: timeSamples(figures(({ stopMs }) => stopMs)),
  };
}

/** The figures of one start, as the report describes them. A text is the reason why one could not be measured. */
type Start = Awaited<ReturnType<typeof measureStart>>;

/** Runs an image, reads its memory at rest, and stops it with SIGTERM. @throws {ToolError} when it does not respond. */
export function measureStart(engine: Engine, image: string, options: ContainerOptions) {
  return runContainer(engine, image, options, async (container) => {
    await sleep(REST_MS, undefined, { signal: options.signal });
    const [memory, nodeStartMs] = await Promise.all([
      engine.memory(container.id).catch(summarizeError),
      readNodeStart(container),
    ]);
    return { startMs: container.firstResponseMs, nodeStartMs, memory, stopMs: await timeStop(container) };
  });
}

async function readNodeStart({ engine, id, options: { hasNode, ready } }: RunningContainer): Promise<number | string> {
  if (!hasNode) return 'the image has no Node';
  const output = await engine.output(id).catch(summarizeError);
  if (typeof output === 'string') return `its log cannot be read: ${output}`;
  const { startedAt } = await engine.container(id);
  const isReady = (text: string) => (ready === undefined ? LISTENING.test(text) : text.includes(ready));
  const line = [...output.stdout, ...output.stderr].find(({ text }) => isReady(text));
  if (!line) return 'the app prints no line that says that it listens: --ready <text> gives a part of that line';
  return startedAt === null ? 'the engine does not report when it started' : line.at - startedAt;
}

async function timeStop(container: RunningContainer): Promise<number | string> {
  const { engine, id } = container;
  await engine.kill(id, 'SIGTERM');
  const code = await waitForExit(container);
  if (typeof code === 'string') return code;
  const { endedAt } = await engine.container(id);
  if (endedAt === null) return 'the engine does not report when it ended';
  const killedAt = await engine.killedAt(id, endedAt);
  if (killedAt === null) return 'the engine does not report when it sent SIGTERM';
  // The engine records the kill once it is done: a program that ends at once may have ended before.
  return Math.max(0, endedAt - killedAt);
}
