import { bytes, printable } from '../../lib/format.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import type { Section } from './sections.ts';
import { firstColumn } from './size-table.ts';

type Context = NonNullable<ImageReport['context']>;

/** Less than this, in bytes, is not worth an ignore file's mention. */
const WORTH_SAYING_BYTES = 100_000;

/** The build contexts, each once with the variants that use it. */
function contextsOf({ images }: Report): { chapter: string; variants: string[]; context: Context }[] {
  const found = new Map<string, { chapter: string; variants: string[]; context: Context }>();
  for (const { chapter, variant, context } of images) {
    if (!context) continue;
    const key = `${chapter}\0${JSON.stringify(context)}`;
    const known = found.get(key);
    if (known) known.variants.push(variant);
    else found.set(key, { chapter, variants: [variant], context });
  }
  return [...found.values()];
}

/** What the builder may be sent, and the largest parts of it. */
export function contextSection(report: Report): Section[] {
  const contexts = contextsOf(report);
  if (contexts.length === 0) return [];
  return [
    {
      title: 'Build context',
      header: [firstColumn(report), 'variants', 'size', 'files', 'ignore file', 'the largest parts'],
      rows: contexts.map(({ chapter, variants, context }) => [
        printable(chapter),
        printable(variants.join(', ')),
        bytes(context.bytes),
        String(context.files),
        printable(context.ignoreFile ?? 'none'),
        context.largest
          .slice(0, 3)
          .map((part) => `${printable(part.path)} ${bytes(part.bytes)}`)
          .join(', '),
      ]),
      left: ['ignore file', 'the largest parts'],
      notes: [
        'size: the files that the ignore file lets through. BuildKit sends those of them that COPY, ADD and bind mounts name,',
        'and of these what has changed since the last build; other builders send all of them each time.',
      ],
    },
  ];
}

/** What an ignore file would save, for each context that has none. */
export function contextHints(report: Report): string[] {
  return contextsOf(report).flatMap(({ chapter, context: { ignorable, ...context } }) => {
    const saved = ignorable.reduce((sum, part) => sum + part.bytes, 0);
    if (context.ignoreFile !== null || saved < WORTH_SAYING_BYTES) return [];
    const parts = ignorable.slice(0, 3).map((part) => `${printable(part.path)} ${bytes(part.bytes)}`);
    return [
      `${printable(chapter)} has no .dockerignore: with a usual one, ${bytes(saved)} of the ${bytes(context.bytes)} in its build context would stay out (${parts.join(', ')}${ignorable.length > 3 ? ', …' : ''}).`,
    ];
  });
}
