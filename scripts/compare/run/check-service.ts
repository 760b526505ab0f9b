import { setTimeout as sleep } from 'node:timers/promises';
import { summarizeError } from '../../lib/errors.ts';
import { bytes } from '../../lib/format.ts';
import type { Invocation, Measurement, WithImage } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { containerOptions } from './container-options.ts';
import { type RunningContainer, runContainer, waitForExit } from './run-container.ts';

/** How long the container may take to end after SIGTERM, and to become healthy, in milliseconds. */
const STOP_LIMIT_MS = 2000;
const HEALTH_LIMIT_MS = 15_000;

/** A property of the image; `ok` is null for what does not apply. */
export interface ServiceCheck {
  what: string;
  ok: boolean | null;
  reason: string;
}

/**
 * Checks what a service has to do in production: run as a user who is not root, without development dependencies, serve with
 * a read-only root file system (but for /tmp), turn healthy, and stop within two seconds.
 *
 * @param isReadOnly false for an app that writes beside its code: it is not tried with a read-only file system.
 */
export async function checkService(
  invocation: Invocation,
  measurement: WithImage<Measurement<Subject>>,
  { isReadOnly }: { isReadOnly: boolean },
): Promise<ServiceCheck[]> {
  const { image, run, contents, subject } = measurement;
  const user = image.user.split(':')[0] ?? '';
  const devBytes = contents?.groups.devDependencies ?? 0;
  const largest = contents?.packages.filter(({ dev }) => dev).map(({ name }) => name) ?? [];
  const checks: ServiceCheck[] = [
    { what: `GET ${subject.settings.path} responds with status ${run?.status}`, ok: true, reason: '' },
    { what: `runs as user ${user || 'root'}`, ok: !/^(0|root)?$/.test(user), reason: 'it is root' },
    {
      what: 'has no development dependencies',
      ok: devBytes === 0,
      reason: `${bytes(devBytes)}: ${largest.slice(0, 3).join(', ')}`,
    },
  ];
  const options = containerOptions(invocation, measurement);
  const readOnly = isReadOnly ? ['--read-only', '--tmpfs', '/tmp'] : [];
  const withContainer = (args: string[], work: (container: RunningContainer) => Promise<ServiceCheck[]>) =>
    runContainer(invocation.engine, image.id, { ...options, args: [...options.args, ...args] }, work);
  const served = { what: 'serves with a read-only root file system', ok: isReadOnly || null };
  const [health, stop] = await withContainer([...readOnly, '--health-interval=1s'], async (container) => [
    await checkHealth(container),
    await checkStop(container),
  ]).then(
    (results) => {
      checks.push({ ...served, reason: 'it writes to its own directory' });
      return results;
    },
    (error) => {
      invocation.signal.throwIfAborted();
      checks.push({ ...served, ok: false, reason: summarizeError(error) });
      return [];
    },
  );
  if (health) checks.push(health);
  // A busy machine may be late once.
  checks.push(...(stop?.ok ? [stop] : await withContainer([], async (container) => [await checkStop(container)])));
  return checks;
}

async function checkHealth({ engine, id, options }: RunningContainer): Promise<ServiceCheck> {
  const end = performance.now() + HEALTH_LIMIT_MS;
  let health = await engine.health(id);
  while (health?.status === 'starting' && performance.now() < end) {
    await sleep(200, undefined, { signal: options.signal });
    health = await engine.health(id);
  }
  const reason = `it is ${health?.status ?? 'not checked'}: ${health?.output?.trim().split('\n').at(-1) ?? ''}`;
  return { what: 'its HEALTHCHECK turns healthy', ok: health?.status === 'healthy', reason };
}

async function checkStop(container: RunningContainer): Promise<ServiceCheck> {
  const begin = performance.now();
  await container.engine.kill(container.id, 'SIGTERM');
  const code = await waitForExit(container);
  const seconds = (performance.now() - begin) / 1000;
  const ok = typeof code === 'number' && seconds * 1000 <= STOP_LIMIT_MS;
  const reason =
    typeof code === 'number'
      ? `it took ${seconds.toFixed(1)} s: a timer or an open connection may keep the app running`
      : code;
  return { what: `stops ${ok ? `${seconds.toFixed(1)} s` : 'within 2 s'} after SIGTERM`, ok, reason };
}
