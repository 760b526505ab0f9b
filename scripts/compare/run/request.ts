import { type ImageFacts, RUN_LABEL } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import type { Settings } from '../model/settings.ts';
import { referenceOf, type Subject, subjectName } from '../model/subject.ts';
import type { Measurement } from '../report/create-report.ts';
import { attempt, good, type Run } from '../steps.ts';
import { type Answer, type RunOptions, runAndRequest } from './serve.ts';

/** The port to ask where nothing says which: what the chapters' app listens on, and many others. */
const DEFAULT_PORT = 3000;

/** What the app is run with, and what is asked of it. */
export function runOptions({ id, signal }: Run, { image, subject }: Measurement<Subject>): RunOptions {
  const { env, envFile, platform, path } = subject.settings;
  const args = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  if (envFile !== undefined) args.push('--env-file', envFile);
  if (platform !== undefined) args.push('--platform', platform);
  const { ports: exposed } = image as ImageFacts;
  const port = portOf(image as ImageFacts, subject.settings);
  return { port, exposed, path, args, labels: { [RUN_LABEL]: id }, signal };
}

/** The port to ask: what the user says, what the app reads from its environment, or what the image exposes. */
function portOf({ ports, environment }: ImageFacts, { port, env }: Settings): number {
  const fromImage = environment.find((one) => one.startsWith('PORT='))?.slice('PORT='.length);
  const fromEnvironment = [env.PORT, fromImage].map(Number).find((one) => Number.isInteger(one) && one > 0);
  return port ?? fromEnvironment ?? ports[0] ?? DEFAULT_PORT;
}

/** Whether the image has Node in it: what is only Node's is not looked for elsewhere. */
export const hasNode = ({ contents }: Measurement) => (contents?.groups.node ?? 0) > 0;

/** One after the other, because what is timed must not share the machine. */
export async function requestAll(run: Run, measurements: Measurement<Subject>[]): Promise<void> {
  for (const measurement of good(measurements)) {
    if (!measurement.subject.settings.run) continue;
    const task = run.progress.task(subjectName(measurement.subject));
    task.update('running');
    const ok = await attempt(run, measurement, async () => {
      measurement.request = runOptions(run, measurement);
      measurement.answer = await request(run, measurement);
      checkStatus(measurement);
      const reference = referenceOf(measurements, measurement.subject.chapter, ({ subject }) => subject);
      if (reference) await checkSame(run, measurement, reference);
    });
    if (ok) task.done('answered');
    else task.fail('did not answer as it should');
  }
}

async function request(run: Run, { image, request: options }: Measurement): Promise<Answer> {
  return runAndRequest(run.engine, (image as ImageFacts).id, options as RunOptions);
}

function checkStatus({ subject, answer }: Measurement<Subject>): void {
  const { path, expectStatus } = subject.settings;
  if (answer?.status !== expectStatus) {
    throw new ToolError(`GET ${path} was answered with status ${answer?.status}, not ${expectStatus}.`, {
      lines: answer?.body
        .split('\n')
        .slice(0, 3)
        .map((line) => line.slice(0, 200)),
      hint: 'Another path: --path /healthz. If this status is what it should be: --expect-status.',
    });
  }
  if (answer.body === '' && expectStatus === 200) {
    throw new ToolError(`GET ${path} was answered with an empty body.`, { hint: 'Another path: --path /healthz.' });
  }
}

/**
 * A smaller image that answers differently has lost. What the reference itself answers differently from one container to
 * the next, such as a host name or the time, cannot be compared.
 */
async function checkSame(run: Run, measurement: Measurement<Subject>, reference: Measurement<Subject>): Promise<void> {
  const { subject, answer } = measurement;
  const [ours, theirs] = [answer?.body, reference.answer?.body];
  if (subject.settings.anyAnswer || theirs === undefined || ours === theirs) return;
  const again = await request(run, reference);
  const { path } = subject.settings;
  if (again.body !== theirs) {
    measurement.answerNote = `GET ${path} is answered differently by each container, so the answers were not compared`;
    return;
  }
  const name = reference.subject.variant;
  throw new ToolError(`GET ${path} is answered differently from ${name}.`, {
    lines: [`${name}: ${theirs.slice(0, 200)}`, `${subject.variant}: ${String(ours).slice(0, 200)}`],
    hint: 'If they are meant to: --any-answer.',
  });
}
