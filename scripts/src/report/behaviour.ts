import { BEHAVIOURS, type Behaviour } from '../behaviour/catalog.ts';
import { printable } from './format.ts';
import { firstColumn, imageLabel, nameCells } from './rows.ts';
import type { ImageReport, Report } from './schema.ts';
import type { Section } from './sections.ts';

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
function misses({ behaviour, ...image }: ImageReport & { behaviour: NonNullable<ImageReport['behaviour']> }): string[] {
  const byReason = new Map<string, { ok: boolean | null; heads: string[] }>();
  for (const { name, ok, reason } of behaviour) {
    if (ok === true) continue;
    const known = byReason.get(`${ok}${reason}`);
    if (known) known.heads.push(BEHAVIOURS[name].head);
    else byReason.set(`${ok}${reason}`, { ok, heads: [BEHAVIOURS[name].head] });
  }
  return [...byReason].map(
    ([key, { ok, heads }]) =>
      `${ok === null ? 'n/a' : 'MISS'}: ${printable(imageLabel({ ...image, behaviour }))}, ${heads.join(', ')}: ${printable(key.slice(String(ok).length))}`,
  );
}
