import { BEHAVIOURS } from '../model/behaviours.ts';
import { BEHAVIOUR_NAMES, type BehaviourResult, type ImageReport, type Report } from '../model/report-schema.ts';
import { type Column, imageLabel, imageTable, type Section, VARIANT } from './section.ts';

/** What --behaviour found, and why an image misses something. Empty when the report has no behaviour. */
export function behaviourSection(report: Report): Section[] {
  const images = report.images.filter(({ behaviour }) => behaviour !== null);
  const columns = BEHAVIOUR_NAMES.map((name): Column => {
    return [BEHAVIOURS[name].head, ({ behaviour }) => verdict(behaviour?.find((one) => one.name === name))];
  });
  const meanings = Object.values(BEHAVIOURS).map(({ head, means }) => `${head}: ${means}.`);
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
