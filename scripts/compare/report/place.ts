import { posix } from 'node:path';
import type { Finding, ImageReport } from '../model/report-schema.ts';
import { listPlaces } from './section.ts';

/** A place in a Dockerfile. */
export interface Place {
  /** Relative to the directory of the repository, with forward slashes. */
  file: string;
  line: number;
}

/**
 * Where a finding or a whole image is: the instruction, or else the FROM of the Dockerfile. Null for an image that was given
 * by name, and for a Dockerfile outside of the repository. `below` is the directory that the report's paths are relative to.
 */
export function findPlace({ source }: ImageReport, line: number | null | undefined, below = ''): Place | null {
  if (!source) return null;
  const file = posix.join(below, source.file);
  return /^(\.\.(\/|$)|\/|[A-Za-z]:)/.test(file) ? null : { file, line: line ?? source.line };
}

const SHOWN_PLACES = 3;

/** A finding in a sentence, with the first of its places. */
export function describeFinding(finding: Finding): string {
  const places = listPlaces(finding, SHOWN_PLACES);
  return finding.message.includes(places) ? finding.message : `${finding.message.replace(/\.$/, '')}: ${places}`;
}

/** Whether the base image brings everything that a finding is about. A Dockerfile changes it only by another base image. */
export const isOfBase = ({ evidence }: Finding, { baseLayers }: ImageReport) =>
  evidence.every(({ layer }) => layer !== null && layer < (baseLayers ?? 0));
