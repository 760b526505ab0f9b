import pLimit from 'p-limit';
import { BEHAVIOURS, type Behaviour } from '../model/behaviours.ts';
import { attempt, hasNode, type Invocation, type Measurement, withImages } from '../model/measurement.ts';
import type { BehaviourResult } from '../model/report-schema.ts';
import { referenceOf, type Subject, subjectName } from '../model/subject.ts';
import { checkBehaviour, findDifference, type Responses } from './check-behaviour.ts';
import { serveOptions } from './request-images.ts';

/** Checks what a service should do, for `jobs` subjects side by side, because nothing is timed. */
export async function checkImages(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  jobs: number,
): Promise<void> {
  const responses = new Map<Measurement<Subject>, Responses>();
  const limit = pLimit(jobs);
  const runnable = withImages(measurements).filter(({ subject }) => subject.settings.run);
  const checks = runnable.map((measurement) =>
    limit(async () => {
      const task = invocation.progress.task(subjectName(measurement.subject));
      task.update('checking its behaviour');
      const ok = await attempt(invocation, measurement, async () => {
        const result = await checkBehaviour(invocation.engine, measurement.image, {
          ...serveOptions(invocation, measurement),
          node: hasNode(measurement),
          onCheck: (name) => task.update(`checking: ${BEHAVIOURS[name].means}`),
        });
        measurement.behaviour = result.results;
        responses.set(measurement, result.responses);
      });
      if (ok) task.done('checked');
      else task.fail('not checked');
    }),
  );
  // An interruption ends every check: none may still run when the invocation cleans up.
  await Promise.allSettled(checks);
  await Promise.all(checks);

  for (const [measurement, own] of responses) {
    const reference = referenceOf(measurements, measurement.subject.chapter, ({ subject }) => subject);
    const expected = reference && responses.get(reference);
    const result = compareResponses(measurement, own, expected);
    measurement.behaviour = inOrder([{ name: 'same-responses', ...result }, ...(measurement.behaviour ?? [])]);
  }
}

function compareResponses({ subject, run }: Measurement<Subject>, own: Responses, expected: Responses | undefined) {
  if (subject.settings.anyAnswer) return { ok: null, reason: 'they are meant to differ' };
  if (run?.note) return { ok: null, reason: run.note };
  if (!expected) return { ok: null, reason: 'what it is compared with was not checked' };
  const reason = findDifference(own, expected);
  return { ok: reason === null, reason };
}

function inOrder(results: BehaviourResult[]): BehaviourResult[] {
  const names = Object.keys(BEHAVIOURS) as Behaviour[];
  return results.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
