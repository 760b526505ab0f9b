import { BEHAVIOURS } from '../model/behaviours.ts';
import { BEHAVIOUR_NAMES, type BehaviourResult, type ImageReport, type Report } from '../model/report-schema.ts';
import { referenceOf } from '../model/subject.ts';
import { type Column, imageLabel, imageTable, listReferences, type Section, VARIANT } from './section.ts';

/** What --behaviour found, and why an image misses something. Empty when the report has no behaviour. */
export function behaviourSection(report: Report): Section[] {
  const images = report.images.filter(({ behaviour }) => behaviour !== null);
  const columns = BEHAVIOUR_NAMES.map((name): Column => {
    return [BEHAVIOURS[name].head, ({ behaviour }) => verdict(behaviour?.find((one) => one.name === name))];
  });
  const references = images.flatMap((image) => {
    const reference = referenceOf(report.images, image.chapter, (one) => one);
    return reference && reference.variant !== image.variant ? [reference] : [];
  });
  const meanings = BEHAVIOUR_NAMES.map((name) => {
    const { head, means } = BEHAVIOURS[name];
    const isNamed = name === 'same-responses' && references.length > 0;
    return `${head}: ${isNamed ? `the same status, headers and body as ${listReferences(references)}` : means}.`;
  });
  const section = {
    title: 'Behaviour',
    ...imageTable(report, images, [VARIANT, ...columns]),
    notes: [...meanings, ...images.flatMap(missNotes)],
  };
  return images.length === 0 ? [] : [section];
}

function verdict(result?: BehaviourResult): string {
  if (result?.ok == null) return 'n/a';
  return result.ok ? 'ok' : 'MISS';
}

/** Why an image misses something, each reason once. */
function missNotes(image: ImageReport): string[] {
  const missed = (image.behaviour ?? []).filter(({ ok }) => ok !== true);
  return missed.flatMap((result) => {
    const alike = missed.filter(({ ok, reason }) => ok === result.ok && reason === result.reason);
    const heads = alike.map(({ name }) => BEHAVIOURS[name].head).join(', ');
    return alike[0] === result ? [`${verdict(result)}: ${imageLabel(image)}, ${heads}: ${result.reason}`] : [];
  });
}
