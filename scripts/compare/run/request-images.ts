import type { ImageFacts } from '../../engine/engine.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import { attempt, type Invocation, type Measurement, type WithImage, withImages } from '../model/measurement.ts';
import type { Settings } from '../model/settings.ts';
import { referenceOf, type Subject, subjectName } from '../model/subject.ts';
import { type FirstResponse, runAndRequest, type ServeOptions } from './serve.ts';

/** The port to request where nothing says which: the chapters' app listens on it, and so do many others. */
const DEFAULT_PORT = 3000;

/** How a subject's image is run and requested. */
export function serveOptions(
  { id, signal }: Invocation,
  { image, subject }: WithImage<Measurement<Subject>>,
): ServeOptions {
  const { env, envFile, platform, path } = subject.settings;
  const args = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  if (envFile !== undefined) args.push('--env-file', envFile);
  if (platform !== undefined) args.push('--platform', platform);
  const port = portOf(image, subject.settings);
  return { port, exposed: image.ports, path, args, labels: { [INVOCATION_LABEL]: id }, signal };
}

/** The port to request: the user's, the one that the app reads from its environment, or the one that the image exposes. */
function portOf({ ports, environment }: ImageFacts, { port, env }: Settings): number {
  const fromImage = environment.find((one) => one.startsWith('PORT='))?.slice('PORT='.length);
  const fromEnvironment = [env.PORT, fromImage].map(Number).find((one) => Number.isInteger(one) && one > 0);
  return port ?? fromEnvironment ?? ports[0] ?? DEFAULT_PORT;
}

/**
 * Runs every image and requests it, one after the other, because what is timed must not share the machine. A response
 * with another status, or other than that of the reference, is an error.
 */
export async function requestImages(invocation: Invocation, measurements: Measurement<Subject>[]): Promise<void> {
  const responses = new Map<Measurement, Response>();
  for (const measurement of withImages(measurements)) {
    const { subject } = measurement;
    if (!subject.settings.run) continue;
    const task = invocation.progress.task(subjectName(subject));
    task.update('running');
    const ok = await attempt(invocation, measurement, async () => {
      const options = serveOptions(invocation, measurement);
      const request = () => runAndRequest(invocation.engine, measurement.image.id, options);
      const first = await request();
      responses.set(measurement, { variant: subject.variant, first, request });
      const { port, path = '/' } = options;
      const firstResponseMs = Math.round(first.firstResponseMs);
      measurement.run = { firstResponseMs, status: first.status, port, path, note: null };
      checkStatus(subject.settings, first);
      const reference = referenceOf(measurements, subject.chapter, (one) => one.subject);
      const expected = reference && responses.get(reference);
      if (expected) measurement.run.note = await checkSame(subject, first, expected);
    });
    if (ok) task.done('responded');
    else task.fail('did not respond as expected');
  }
}

/** The first response of a variant, and how to request another container of it. */
interface Response {
  variant: string;
  first: FirstResponse;
  request(): Promise<FirstResponse>;
}

function checkStatus({ path, expectStatus }: Settings, { status, body }: FirstResponse): void {
  if (status !== expectStatus) {
    throw new ToolError(`GET ${path} responded with status ${status}, not ${expectStatus}.`, {
      lines: body
        .split('\n')
        .slice(0, 3)
        .map((line) => line.slice(0, 200)),
      hint: 'Another path: --path /healthz. If this status is correct: --expect-status.',
    });
  }
  if (body === '' && expectStatus === 200) {
    throw new ToolError(`GET ${path} responded with an empty body.`, { hint: 'Another path: --path /healthz.' });
  }
}

/**
 * A smaller image that responds differently has lost. What differs between two containers of the reference itself, such
 * as a host name or the time, cannot be compared: the text that is returned says so.
 */
async function checkSame(
  { settings: { anyAnswer, path }, variant }: Subject,
  { body }: FirstResponse,
  reference: Response,
): Promise<string | null> {
  const expected = reference.first.body;
  if (anyAnswer || body === expected) return null;
  if ((await reference.request()).body !== expected) {
    return `GET ${path} responds differently in each container, so the responses were not compared`;
  }
  throw new ToolError(`GET ${path} responds differently from ${reference.variant}.`, {
    lines: [`${reference.variant}: ${expected.slice(0, 200)}`, `${variant}: ${body.slice(0, 200)}`],
    hint: 'If they are meant to: --any-answer.',
  });
}
