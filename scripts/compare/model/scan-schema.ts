import { z } from 'zod';
import { count } from './units.ts';

/** The scanners that --scan knows. */
export const SCANNERS = ['trivy', 'grype'] as const;
export type ScannerName = (typeof SCANNERS)[number];

/** The worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a scanner that the user has installed counted in an image. All figures are the scanner's own. */
export const scan = z.object({
  scanner: z.enum(SCANNERS),
  version: z.string().nullable().describe('As the scanner gives it; null when it gives none'),
  database: z.iso.datetime().nullable().describe("The date of the scanner's database; null when it gives none"),
  counts: z
    .object({
      critical: count,
      high: count,
      medium: count,
      low: count,
      negligible: count.nullable().describe('Null for a scanner without this severity'),
      unknown: count,
    })
    .nullable()
    .describe('One for each vulnerability in each package, by severity; null when the image was not scanned'),
  fixable: count.nullable().describe('How many of them a later version of the package fixes, by the database'),
  reason: z.string().nullable().describe('Why the image was not scanned'),
});

export type Scan = z.infer<typeof scan>;
