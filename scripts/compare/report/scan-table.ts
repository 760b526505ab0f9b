import type { Report } from '../model/report-schema.ts';
import { type Scan, SEVERITIES } from '../model/scan-schema.ts';
import { type Column, imageLabel, imageTable, type Section, VARIANT } from './section.ts';

const NOT_SCANNED = 'n/a';

const show = (count: number | null | undefined) => String(count ?? NOT_SCANNED);

/** What a scanner counted in each image. Empty when the report has no scan. */
export function scanSection(report: Report): Section[] {
  const images = report.images.flatMap((image) => (image.scan ? [{ image, scan: image.scan }] : []));
  const scans = images.map(({ scan }) => scan);
  const [first] = scans;
  if (!first) return [];
  const counted = scans.filter(({ counts }) => counts !== null);
  // A severity that no scan has is not a column of n/a.
  const severities = SEVERITIES.filter(
    (name) => counted.length === 0 || counted.some(({ counts }) => counts?.[name] != null),
  );
  const columns: Column[] = [
    VARIANT,
    ...severities.map((name): Column => [name, ({ scan }) => show(scan?.counts?.[name])]),
    ['with a fix', ({ scan }) => show(scan?.fixable)],
  ];
  return [
    {
      title: `Known vulnerabilities, counted by ${first.scanner}`,
      ...imageTable(
        report,
        images.map(({ image }) => image),
        columns,
      ),
      notes: [...new Set(scans.map(describeScanner)), ...(counted.length > 0 ? MEANINGS : []), ...reasons(images)],
    },
  ];
}

const MEANINGS = [
  "All figures are the scanner's own, with your settings of it: one for each vulnerability in each package.",
  'with a fix: how many of them a later version of the package fixes.',
  'Fewer can mean that the scanner saw less: one that reads package lists does not see a Node binary that was copied in without any.',
];

/** Such as `scanner: trivy 0.74.0, with its database of 2026-11-20 06:13 UTC.` */
function describeScanner({ scanner, version, database, counts }: Scan): string {
  const name = `scanner: ${scanner}${version === null ? '' : ` ${version}`}`;
  if (counts === null) return `${name}.`;
  if (database === null) return `${name}, which does not give the date of its database.`;
  return `${name}, with its database of ${formatMinute(database)}.`;
}

/** An ISO time to the minute. */
const formatMinute = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

/** Why images were not scanned, each reason once. */
function reasons(images: { image: Report['images'][number]; scan: Scan }[]): string[] {
  const labels = new Map<string, string[]>();
  for (const { image, scan } of images) {
    if (scan.reason === null) continue;
    labels.set(scan.reason, [...(labels.get(scan.reason) ?? []), imageLabel(image)]);
  }
  return [...labels].map(([reason, names]) => `${NOT_SCANNED}: ${names.join(', ')}: ${reason}`);
}
