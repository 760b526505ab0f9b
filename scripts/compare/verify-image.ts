import { basename } from 'node:path';
import { painter } from '../lib/format.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { buildSubjects } from './build/build-subjects.ts';
import { readGivenValues } from './discover/given-values.ts';
import { findSubjects } from './discover/project.ts';
import { inspectImages } from './inspect/inspect-images.ts';
import { type Invocation, type Measurement, type WithImage, withImages } from './model/measurement.ts';
import type { Report } from './model/report-schema.ts';
import type { Settings } from './model/settings.ts';
import type { Subject } from './model/subject.ts';
import { createReport } from './report/create-report.ts';
import { renderTerminal } from './report/terminal.ts';
import { checkService, type ServiceCheck } from './run/check-service.ts';
import { requestImages } from './run/request-images.ts';

/** The Dockerfile that is verified, and the one that the project had before. Paths are absolute. */
export interface VerificationRequest {
  directory: string;
  dockerfile: string;
  previous: string | null;
  settings: Settings;
  /** The app writes beside its code, and not only to volumes: it cannot run read-only. */
  writesToApp: boolean;
  cacheDirectory: string;
}

/** What was verified. `error` is why the image was not built, did not run or did not respond. */
export interface Verification {
  report: Report;
  checks: ServiceCheck[];
  error: string | null;
  isBuilt: boolean;
}

/** Builds the images of one project, runs them, requests them, and checks the one of `dockerfile` as a service. */
export async function verifyImage(invocation: Invocation, request: VerificationRequest): Promise<Verification> {
  const { directory, dockerfile, previous, settings } = request;
  addHiddenValues(await readGivenValues(settings));
  const dockerfiles = [...(previous ? [previous] : []), dockerfile];
  const subjects = await findSubjects(basename(directory), directory, { dockerfiles }, settings);
  const all: Measurement<Subject>[] = subjects.map((subject) => ({ subject }));
  await buildSubjects(invocation, all, 2);
  await inspectImages(invocation, invocation.engine, all, request);
  await requestImages(invocation, all);
  const measurement = all.at(-1) as Measurement<Subject>;
  const [built] = withImages([measurement]) as WithImage<Measurement<Subject>>[];
  const checks = built ? await checkService(invocation, built, { isReadOnly: !request.writesToApp }) : [];
  return {
    report: createReport(invocation.engine.info, all),
    checks,
    error: measurement.error ?? null,
    isBuilt: measurement.image !== undefined,
  };
}

/** What was verified, as a person reads it: the table of compare, and a line for each check. `colour` adds escape codes. */
export function renderVerification({ report, checks }: Verification, colour: boolean): string {
  const paint = painter(colour);
  const marks = checks.map(({ what, ok, reason }) => {
    if (ok === null) return `n/a   ${what}: ${reason}`;
    return ok ? `${paint('green', 'ok')}    ${what}` : `${paint('red', 'MISS')}  ${what}: ${reason}`;
  });
  return [renderTerminal(report, colour), marks.join('\n')].filter(Boolean).join('\n\n');
}
