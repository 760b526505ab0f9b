import { BEHAVIOURS, type Behaviour } from '../model/behaviours.ts';
import { type Invocation, type Measurement, measureEach, withRunnableImages } from '../model/measurement.ts';
import { BEHAVIOUR_NAMES, type BehaviourResult } from '../model/report-schema.ts';
import { referenceOf, type Subject } from '../model/subject.ts';
import { checkBehaviour } from './check-behaviour.ts';
import { compareResponses, type Responses } from './compare-responses.ts';
import { containerOptions } from './container-options.ts';

/** Checks the behaviour of `jobs` images at a time, because nothing is timed. */
export async function checkImages(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  jobs: number,
): Promise<void> {
  const checked = new Map<Measurement<Subject>, Awaited<ReturnType<typeof checkBehaviour>>>();
  const progress = { jobs, doing: 'checking its behaviour', done: 'checked', failed: 'not checked' };
  await measureEach(invocation, withRunnableImages(measurements), progress, async (measurement, report) => {
    const onCheck = (name: Behaviour) => report(`checking: ${BEHAVIOURS[name].means}`);
    const containers = { ...containerOptions(invocation, measurement), onCheck };
    checked.set(measurement, await checkBehaviour(invocation.engine, measurement.image, containers));
  });

  for (const [measurement, { results, responses }] of checked) {
    const reference = referenceOf(measurements, measurement.subject.chapter, ({ subject }) => subject);
    const same = checkSameResponses(measurement, responses, reference && checked.get(reference)?.responses);
    measurement.behaviour = [same, ...results].sort(
      (a, b) => BEHAVIOUR_NAMES.indexOf(a.name) - BEHAVIOUR_NAMES.indexOf(b.name),
    );
  }
}

function checkSameResponses(
  { subject, run }: Measurement<Subject>,
  responses: Responses,
  expected: Responses | undefined,
): BehaviourResult {
  const name = 'same-responses';
  if (subject.settings.anyAnswer) return { name, ok: null, reason: 'they are meant to differ' };
  if (run?.note) return { name, ok: null, reason: run.note };
  if (!expected) return { name, ok: null, reason: 'the reference was not checked' };
  const reason = compareResponses(responses, expected);
  return { name, ok: reason === null, reason };
}
