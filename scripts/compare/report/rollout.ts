import { bytes, duration } from '../../lib/format.ts';
import type { Report } from '../model/report-schema.ts';
import type { Section } from './sections.ts';
import { firstColumn, nameCells } from './size-table.ts';

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

/** The rollouts as a table, where they were reckoned. */
export function rolloutSection(report: Report): Section[] {
  const rolled = report.images.flatMap((image) =>
    image.rollout && image.size ? [{ ...image, ...image.rollout, size: image.size }] : [],
  );
  const [first] = rolled;
  if (!first) return [];
  const { pulls, linkBitsPerSecond: link } = first;
  return [
    {
      title: 'A rollout, reckoned from the pull sizes',
      header: [
        firstColumn(report),
        'variant',
        'pull',
        `${pulls.toLocaleString('en')} pulls`,
        ...(link === null ? [] : [`a node waits, at ${bandwidth(link)}`]),
      ],
      rows: rolled.map((image) => [
        ...nameCells(image),
        bytes(image.size.pullBytes),
        bytes(image.bytes),
        ...(image.waitMs === null ? [] : [duration(image.waitMs)]),
      ]),
      notes: [
        'Arithmetic on the measured sizes, not a measurement: no layer is there yet, nothing else uses the link, and what it',
        `takes to unpack is not in it.${link === null ? ' How long a node waits: --link 100Mbps' : ''}`,
      ],
    },
  ];
}

/** Bits per second as a person writes them. */
function bandwidth(bitsPerSecond: number): string {
  const [unit, name] = bitsPerSecond >= 1e9 ? [1e9, 'Gbps'] : bitsPerSecond >= 1e6 ? [1e6, 'Mbps'] : [1e3, 'kbps'];
  return `${Number((bitsPerSecond / unit).toFixed(2))} ${name}`;
}
