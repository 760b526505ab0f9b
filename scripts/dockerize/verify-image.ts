import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { buildSubjects } from '../compare/build/build-subjects.ts';
import { readGivenValues } from '../compare/discover/given-values.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { inspectImages } from '../compare/inspect/inspect-images.ts';
import { type Invocation, type Measurement, type WithImage, withImages } from '../compare/model/measurement.ts';
import type { Report } from '../compare/model/report-schema.ts';
import type { Settings } from '../compare/model/settings.ts';
import type { Subject } from '../compare/model/subject.ts';
import { createReport } from '../compare/report/create-report.ts';
import { checkService, type ServiceCheck } from '../compare/run/check-service.ts';
import { requestImages } from '../compare/run/request-images.ts';
import { readDockerfile } from '../lib/dockerfile.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { provideBaseImages } from '../setup/base-images.ts';
import { confirmStandIns } from '../setup/confirm-stand-ins.ts';

/** What is verified: the Dockerfile that was written, and the one that the project had. Absolute paths. */
export interface VerificationRequest {
  directory: string;
  dockerfile: string;
  previous: string | null;
  settings: Settings;
  /** The app writes beside its code, so that it cannot run read-only. */
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

/** Builds the images, runs them, requests them, and checks the one whose Dockerfile was written. */
export async function verifyImage(invocation: Invocation, request: VerificationRequest): Promise<Verification> {
  const { directory, dockerfile, previous, settings } = request;
  addHiddenValues(await readGivenValues(settings));
  const dockerfiles = [...(previous ? [previous] : []), dockerfile];
  const subjects = await findSubjects(basename(directory), directory, { dockerfiles }, settings);
  const all: Measurement<Subject>[] = subjects.map((subject) => ({ subject }));
  await provideMissing(invocation, dockerfile);
  await buildSubjects(invocation, all, 2);
  await inspectImages(invocation, all, request.cacheDirectory);
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

/** Provides the base images that the engine lacks, as setup does. Docker would only pull them. */
async function provideMissing({ engine, progress, signal }: Invocation, dockerfile: string): Promise<void> {
  const { bases } = readDockerfile(await readFile(dockerfile, 'utf8'), basename(dockerfile));
  const present = await Promise.all(bases.map((name) => engine.image(name)));
  const missing = bases.filter((_, index) => !present[index]);
  const confirm = (names: string[]) => confirmStandIns(names, signal);
  if (missing.length > 0) await provideBaseImages(engine, missing, progress, { requested: false, confirm, signal });
}
