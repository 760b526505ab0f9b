import pLimit from 'p-limit';
import type { ImageFacts } from '../../engine/engine.ts';
import { BEHAVIOURS, type Behaviour } from '../model/behaviours.ts';
import { referenceOf, type Subject, subjectName } from '../model/subject.ts';
import type { Measurement } from '../report/create-report.ts';
import { attempt, good, type Run } from '../steps.ts';
import { type Answers, differentAnswer, type Tried, tryBehaviour } from './check-behaviour.ts';
import { hasNode, runOptions } from './request.ts';

/** Tries what a service should do, for several subjects side by side, because nothing is timed. */
export async function behaveAll(run: Run, measurements: Measurement<Subject>[], jobs: number): Promise<void> {
  const answers = new Map<Measurement<Subject>, Answers>();
  const limit = pLimit(jobs);
  const runnable = good(measurements).filter(({ subject }) => subject.settings.run);
  const tries = runnable.map((measurement) =>
    limit(async () => {
      const task = run.progress.task(subjectName(measurement.subject));
      task.update('trying how it behaves');
      const ok = await attempt(run, measurement, async () => {
        const image = measurement.image as ImageFacts;
        const result = await tryBehaviour(run.engine, image, {
          ...runOptions(run, measurement),
          node: hasNode(measurement),
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
    const { ok, reason } = sameAnswers(measurement, own, theirs);
    measurement.behaviour = inOrder([{ name: 'same-answers', ok, reason }, ...(measurement.behaviour ?? [])]);
  }
}

function sameAnswers({ subject, answerNote }: Measurement<Subject>, own: Answers, theirs: Answers | undefined) {
  if (subject.settings.anyAnswer) return { ok: null, reason: 'they are meant to differ' };
  if (answerNote !== undefined) return { ok: null, reason: answerNote };
  if (!theirs) return { ok: null, reason: 'what it is compared with was not tried' };
  const reason = differentAnswer(own, theirs);
  return { ok: reason === null, reason };
}

function inOrder(tried: Tried[]): Tried[] {
  const names = Object.keys(BEHAVIOURS) as Behaviour[];
  return tried.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
