import { printable } from '../../lib/format.ts';
import { BEHAVIOURS, type Behaviour } from '../model/behaviours.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import type { Section } from './sections.ts';
import { firstColumn, imageLabel, nameCells } from './size-table.ts';

/** What --behaviour found, and why something is missed. */
export function behaviourSection(report: Report): Section[] {
  const tried = report.images.flatMap((image) => (image.behaviour ? [{ ...image, behaviour: image.behaviour }] : []));
  if (tried.length === 0) return [];
  const names = Object.keys(BEHAVIOURS) as Behaviour[];
  const rows = tried.map((image) => [
    ...nameCells(image),
    ...names.map((name) => {
      const ok = image.behaviour.find((one) => one.name === name)?.ok ?? null;
      return ok === null ? 'n/a' : ok ? 'ok' : 'MISS';
    }),
  ]);
  return [
    {
      title: 'Behaviour',
      header: [firstColumn(report), 'variant', ...names.map((name) => BEHAVIOURS[name].head)],
      rows,
      notes: [...names.map((name) => `${BEHAVIOURS[name].head}: ${BEHAVIOURS[name].means}.`), ...tried.flatMap(misses)],
    },
  ];
}

/** Why an image misses something, the same reason once. */
function misses(image: ImageReport & { behaviour: NonNullable<ImageReport['behaviour']> }): string[] {
  const label = printable(imageLabel(image));
  return byReason(image.behaviour).map(
    ({ ok, heads, reason }) => `${ok === null ? 'n/a' : 'MISS'}: ${label}, ${heads}: ${reason}`,
  );
}

/** What is not as it should be, the same reason once with all that it is given for. */
export function byReason(behaviour: NonNullable<ImageReport['behaviour']>) {
  const found = new Map<string, { ok: boolean | null; heads: string; reason: string }>();
  for (const { name, ok, reason } of behaviour) {
    if (ok === true) continue;
    const { head } = BEHAVIOURS[name];
    const known = found.get(`${ok}${reason}`);
    if (known) known.heads += `, ${head}`;
    else found.set(`${ok}${reason}`, { ok, heads: head, reason: printable(String(reason)) });
  }
  return [...found.values()];
}
