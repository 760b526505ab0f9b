import pLimit from 'p-limit';
import { type ImageFacts, RUN_LABEL } from '../engine/engine.ts';
import type { Measurement } from '../report/report.ts';
import { attempt, good, portOf, type Run } from '../steps.ts';
import { referenceOf, type Subject, subjectName } from '../subjects/chapters.ts';
import { type Answers, differentAnswer, type Tried, tryBehaviour } from './behaviour.ts';
import { BEHAVIOURS, type Behaviour } from './catalog.ts';

/** Tries what a service should do, for several subjects side by side, because nothing is timed. */
export async function behaveAll(run: Run, measurements: Measurement<Subject>[], jobs: number): Promise<void> {
  const answers = new Map<Measurement, Answers>();
  const limit = pLimit(jobs);
  const tries = good(measurements).map((measurement) =>
    limit(async () => {
      const task = run.progress.task(subjectName(measurement.subject));
      task.update('trying how it behaves');
      const ok = await attempt(run, measurement, async () => {
        const image = measurement.image as ImageFacts;
        const result = await tryBehaviour(run.engine, image, {
          port: portOf(image),
          labels: { [RUN_LABEL]: run.id },
          signal: run.signal,
          onTry: (name) => task.update(`trying: ${BEHAVIOURS[name].means}`),
        });
        measurement.behaviour = result.tried;
        answers.set(measurement, result.answers);
      });
      if (ok) task.done('tried');
      else task.fail('not tried');
    }),
  );
  // An interruption ends every try: none may still be running when the run cleans up.
  await Promise.allSettled(tries);
  await Promise.all(tries);

  for (const [measurement, own] of answers) {
    const reference = referenceOf(measurements, measurement.subject.chapter, ({ subject }) => subject);
    const theirs = reference && answers.get(reference);
    const reason = theirs ? differentAnswer(own, theirs) : 'what it is compared with was not tried';
    const ok = theirs ? reason === null : null;
    measurement.behaviour = inOrder([{ name: 'same-answers', ok, reason }, ...(measurement.behaviour ?? [])]);
  }
}

function inOrder(tried: Tried[]): Tried[] {
  const names = Object.keys(BEHAVIOURS) as Behaviour[];
  return tried.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
