import type { z } from 'zod';
import { type Scan, type ScannerName, SEVERITIES, type Severity } from '../model/scan-schema.ts';
import type { FileForm } from './stored-image.ts';

/** What is known of one scanner, in all the versions that it is used in. All other code knows scanners only through this. */
export interface Scanner {
  name: ScannerName;
  /** Where to get it. */
  url: string;
  /** The first version whose reports have this form. */
  since: string;
  /** What it cannot read, with how to make something of it that the scanner reads. */
  unreadable: Partial<Record<FileForm, string>>;
  /** Whether `negligible` is one of its severities. */
  hasNegligible: boolean;
  /** What is added to the user's environment, or taken out of it where undefined. */
  environment: NodeJS.ProcessEnv;
  /** The arguments that make it print its report as JSON. */
  scanArgs(path: string, form: FileForm): string[];
  /** The arguments that make it print its version as JSON. */
  versionArgs: string[];
  /** What its report says; undefined when it is not such a report. */
  readReport(document: unknown): ScanReport | undefined;
  /** What it says of itself. */
  readVersion(document: unknown): ScannerVersion;
}

export interface ScannerVersion {
  version?: string | null;
  /** The date of its database, as it gives it. */
  database?: string | null;
}

export interface ScanReport extends ScannerVersion {
  /** Of the image that it has read, where it says so. */
  diffIds?: string[] | null;
  findings: Finding[];
}

interface Finding {
  severity?: string | null;
  /** Undefined where the scanner does not say. */
  isFixable?: boolean;
}

/** A value that is used where it is there, and does not matter otherwise. */
export const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null);

/** The counts of a report. A severity that only later versions of a scanner have is unknown. */
export function countFindings({ findings }: ScanReport, { hasNegligible }: Scanner): Pick<Scan, 'counts' | 'fixable'> {
  const countOf = (expected: Severity) => findings.filter(({ severity }) => severityOf(severity) === expected).length;
  const counts = Object.fromEntries(SEVERITIES.map((name) => [name, countOf(name)])) as Record<Severity, number>;
  const saysFixable = findings.every(({ isFixable }) => isFixable !== undefined);
  return {
    counts: hasNegligible ? counts : { ...counts, negligible: null, unknown: counts.unknown + counts.negligible },
    fixable: saysFixable ? findings.filter(({ isFixable }) => isFixable).length : null,
  };
}

const severityOf = (text = '' as string | null) =>
  SEVERITIES.find((name) => name === text?.toLowerCase()) ?? ('unknown' as const);
