import { bytes } from '../../lib/format.ts';
import type { BuildContext, ContextPart, Report } from '../model/report-schema.ts';
import { imageTable, type Section } from './section.ts';

/** An ignore file that saves less than this, in bytes, is not worth a hint. */
const WORTH_A_HINT_BYTES = 100_000;
const SHOWN_PARTS = 3;

/** What each builder does with the files of a build context. */
const SENDING: Record<string, string[]> = {
  buildkit: [
    'BuildKit sends only the files that COPY, ADD and bind mounts name and that changed since the last build.',
    'The legacy builder sends all of them each time.',
  ],
  buildah: ['Podman reads the files in place. To an engine on another machine, it sends all of them each time.'],
};

/** Each build context once, with the variants that use it. */
function contextsOf({ images }: Report) {
  const contexts = new Map<string, { chapter: string; variants: string[]; context: BuildContext }>();
  for (const { chapter, variant, context } of images) {
    const key = JSON.stringify([chapter, context]);
    const variants = [...(contexts.get(key)?.variants ?? []), variant];
    if (context) contexts.set(key, { chapter, variants, context });
  }
  return [...contexts.values()];
}

const listParts = (parts: ContextPart[]) =>
  parts.slice(0, SHOWN_PARTS).map((part) => `${part.path} ${bytes(part.bytes)}`);

/** How much the builder may be sent, and the largest parts of it. Empty when no build context was measured. */
export function contextSection(report: Report): Section[] {
  const contexts = contextsOf(report);
  const section = {
    title: 'Build context',
    ...imageTable(report, contexts, [
      ['variants', ({ variants }) => variants.join(', ')],
      ['size', ({ context }) => bytes(context.bytes)],
      ['files', ({ context }) => String(context.files)],
      ['ignore file', ({ context }) => context.ignoreFile ?? 'none'],
      ['largest parts', ({ context }) => listParts(context.largest).join(', ')],
    ]),
    alignment: 'llrrl',
    notes: ['size: all files that the ignore file lets through.', ...(SENDING[report.engine?.builder ?? ''] ?? [])],
  };
  return contexts.length === 0 ? [] : [section];
}

/** What an ignore file would save, for each context that has none. */
export function contextHints(report: Report): string[] {
  return contextsOf(report).flatMap(({ chapter, context: { ignorable, ...context } }) => {
    const saved = ignorable.reduce((sum, part) => sum + part.bytes, 0);
    if (context.ignoreFile !== null || saved < WORTH_A_HINT_BYTES) return [];
    const parts = [...listParts(ignorable), ...(ignorable.length > SHOWN_PARTS ? ['…'] : [])].join(', ');
    return [
      `${chapter} has no .dockerignore: a usual one would keep ${bytes(saved)} of the ${bytes(context.bytes)} out of its build context (${parts}).`,
    ];
  });
}
