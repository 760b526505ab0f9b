import { ToolError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { type Invocation, type Measurement, measureEach, withRunnableImages } from '../model/measurement.ts';
import type { Settings } from '../model/settings.ts';
import { referenceOf, type Subject } from '../model/subject.ts';
import { containerOptions } from './container-options.ts';
import { readLastLines, runContainer } from './run-container.ts';
import type { Response } from './send-request.ts';

/**
 * Runs every image and requests it, one at a time, because what is timed must not share the machine. An unexpected status
 * is an error with the container's last lines; a body that differs from the reference's is one, too.
 */
export async function requestImages(invocation: Invocation, measurements: Measurement<Subject>[]): Promise<void> {
  const { engine } = invocation;
  const requested = new Map<Measurement, { body: string; request: () => Promise<{ response: Response }> }>();
  const progress = { jobs: 1, doing: 'running', done: 'responded', failed: 'did not respond as expected' };
  await measureEach(invocation, withRunnableImages(measurements), progress, async (measurement) => {
    const { subject, image } = measurement;
    const options = containerOptions(invocation, measurement);
    const request = () =>
      runContainer(engine, image.id, options, async ({ id, response, firstResponseMs }) => {
        const problem = findProblem(subject.settings, response);
        // What the app logged about it, while it still has a container.
        const log = problem ? await readLastLines(engine, id) : [];
        return { response, firstResponseMs, problem, log };
      });
    const { response, firstResponseMs, problem, log } = await request();
    const { status, body } = response;
    const { path, anyAnswer } = subject.settings;
    requested.set(measurement, { body, request });
    measurement.run = { firstResponseMs: Math.round(firstResponseMs), status, port: options.port, path, note: null };
    if (problem) {
      const lines = [...problem.lines, ...(log.length > 0 ? ["The container's last lines:", ...log] : [])];
      throw new ToolError(problem.message, { lines, hint: problem.hint });
    }
    const reference = referenceOf(measurements, subject.chapter, (one) => one.subject);
    const expected = reference && requested.get(reference);
    if (!expected || anyAnswer || body === expected.body) return;
    // What differs between two containers of the reference itself, such as a host name or the time, cannot be compared.
    if ((await expected.request()).response.body !== expected.body) {
      measurement.run.note = `GET ${path} responds differently in each container, so the responses were not compared`;
      return;
    }
    throw new ToolError(`GET ${path} responds differently from ${reference.subject.variant}.`, {
      lines: [reference, measurement]
        .map((one) => `${one.subject.variant}: ${requested.get(one)?.body ?? ''}`)
        .map((line) => shorten(line, 200)),
      hint: 'If they are meant to: --any-answer.',
    });
  });
}

/** What is wrong with a response: the status, with the first lines of the body, or an empty body; null for nothing. */
function findProblem({ path, expectStatus }: Settings, { status, headers, body }: Response) {
  const otherPath = 'Another path: --path /healthz.';
  // An app whose paths are not known: only an error of the server is one.
  const isExpected = expectStatus === null ? status < 500 : status === expectStatus;
  if (!isExpected) {
    const location = headers.location === undefined ? [] : [`Location: ${headers.location}`];
    const lines = [...location, ...body.split('\n', 3)].map((line) => shorten(line, 200)).filter(Boolean);
    const hint = `${otherPath} If this status is correct: --expect-status ${status}.`;
    const expected = expectStatus === null ? '' : `, not ${expectStatus}`;
    return { message: `GET ${path} responded with status ${status}${expected}.`, lines, hint };
  }
  if (body !== '' || expectStatus !== 200) return null;
  return { message: `GET ${path} responded with an empty body.`, lines: [], hint: otherPath };
}
