import type { Report } from './schema.ts';

/** How many pulls a rollout has. */
const PULLS = 1000;

/**
 * The report with what a rollout of each image would move, and how long a node would wait for its pull. Arithmetic on the
 * measured pull sizes: no layer is there yet, nobody else uses the link, and unpacking takes no time.
 */
export function withRollout(report: Report, linkBitsPerSecond: number | null): Report {
  const images = report.images.map((image) => ({
    ...image,
    rollout: image.size && {
      pulls: PULLS,
      bytes: image.size.pullBytes * PULLS,
      linkBitsPerSecond,
      waitMs: linkBitsPerSecond === null ? null : Math.round((image.size.pullBytes * 8000) / linkBitsPerSecond),
    },
  }));
  return { ...report, images };
}
