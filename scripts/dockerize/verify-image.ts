import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSubjects } from '../compare/build/build-subjects.ts';
import { readGivenValues } from '../compare/discover/given-values.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { inspectImages } from '../compare/inspect/inspect-images.ts';
import { type Invocation, type Measurement, type WithImage, withImages } from '../compare/model/measurement.ts';
import type { Report } from '../compare/model/report-schema.ts';
import type { Settings } from '../compare/model/settings.ts';
import type { Subject } from '../compare/model/subject.ts';
import { createReport } from '../compare/report/create-report.ts';
import { containerOptions } from '../compare/run/container-options.ts';
import { requestImages } from '../compare/run/request-images.ts';
import { type RunningContainer, runContainer, waitForExit } from '../compare/run/run-container.ts';
import { summarizeError } from '../lib/errors.ts';
import { bytes } from '../lib/format.ts';
import { addHiddenValues } from '../lib/hide.ts';

/** How long the container may take to end after SIGTERM, and to become healthy, in milliseconds. */
const STOP_LIMIT_MS = 2000;
const HEALTH_LIMIT_MS = 15_000;

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

/** A property of the image; `ok` is null for what does not apply. */
export interface Check {
  what: string;
  ok: boolean | null;
  reason: string;
}

/** What was verified. `error` is why the image was not built, did not run or did not respond. */
export interface Verification {
  report: Report;
  checks: Check[];
  error: string | null;
}

/** Builds the images, runs them, requests them, and checks the one whose Dockerfile was written. */
export async function verifyImage(invocation: Invocation, request: VerificationRequest): Promise<Verification> {
  const { directory, dockerfile, previous, settings } = request;
  addHiddenValues(await readGivenValues(settings));
  const dockerfiles = [...(previous ? [previous] : []), dockerfile];
  const subjects = await findSubjects(basename(directory), directory, { dockerfiles }, settings);
  const all: Measurement<Subject>[] = subjects.map((subject) => ({ subject }));
  await buildSubjects(invocation, all, 2);
  await inspectImages(invocation, all, request.cacheDirectory);
  await requestImages(invocation, all);
  const measurement = all.at(-1) as Measurement<Subject>;
  const [built] = withImages([measurement]) as WithImage<Measurement<Subject>>[];
  const checks = built ? await checkService(invocation, built, request) : [];
  return { report: createReport(invocation.engine.info, all), checks, error: measurement.error ?? null };
}

async function checkService(
  invocation: Invocation,
  measurement: WithImage<Measurement<Subject>>,
  { settings, writesToApp }: VerificationRequest,
): Promise<Check[]> {
  const { image, run, contents } = measurement;
  const user = image.user.split(':')[0] ?? '';
  const devBytes = contents?.groups.devDependencies ?? 0;
  const largest = contents?.packages.filter(({ dev }) => dev).map(({ name }) => name) ?? [];
  const checks: Check[] = [
    { what: `GET ${settings.path} responds with status ${run?.status}`, ok: true, reason: '' },
    { what: `runs as user ${user || 'root'}`, ok: !/^(0|root)?$/.test(user), reason: 'it is root' },
    {
      what: 'has no development dependencies',
      ok: devBytes === 0,
      reason: `${bytes(devBytes)}: ${largest.slice(0, 3).join(', ')}`,
    },
  ];
  const options = containerOptions(invocation, measurement);
  const readOnly = writesToApp ? [] : ['--read-only'];
  try {
    const args = [...options.args, ...readOnly, '--health-interval=1s'];
    await runContainer(invocation.engine, image.id, { ...options, args }, async (container) => {
      const ok = writesToApp ? null : true;
      checks.push({ what: 'serves with a read-only root file system', ok, reason: 'it writes to its own directory' });
      checks.push(await checkHealth(container), await checkStop(container));
    });
  } catch (error) {
    invocation.signal.throwIfAborted();
    checks.push({ what: 'serves with a read-only root file system', ok: false, reason: summarizeError(error) });
    await runContainer(invocation.engine, image.id, options, async (container) => {
      checks.push(await checkStop(container));
    });
  }
  return checks;
}

async function checkHealth({ engine, id, options }: RunningContainer): Promise<Check> {
  const end = performance.now() + HEALTH_LIMIT_MS;
  let health = (await engine.container(id)).health;
  while (health?.status === 'starting' && performance.now() < end) {
    await sleep(200, undefined, { signal: options.signal });
    health = (await engine.container(id)).health;
  }
  const reason = `it is ${health?.status ?? 'not checked'}: ${health?.output?.trim().split('\n').at(-1) ?? ''}`;
  return { what: 'its HEALTHCHECK turns healthy', ok: health?.status === 'healthy', reason };
}

async function checkStop(container: RunningContainer): Promise<Check> {
  const begin = performance.now();
  await container.engine.kill(container.id, 'SIGTERM');
  const code = await waitForExit(container);
  const seconds = (performance.now() - begin) / 1000;
  const ok = typeof code === 'number' && seconds * 1000 <= STOP_LIMIT_MS;
  const reason = typeof code === 'number' ? `it took ${seconds.toFixed(1)} s` : code;
  return { what: `stops ${ok ? `${seconds.toFixed(1)} s` : 'within 2 s'} after SIGTERM`, ok, reason };
}
