import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { summarizeError, ToolError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { redact } from '../../lib/redact.ts';
import type { Behaviour } from '../model/behaviours.ts';
import type { BehaviourResult } from '../model/report-schema.ts';
import { type Responses, readResponses } from './compare-responses.ts';
import { requestDuringShutdown } from './request-during-shutdown.ts';
import { type ContainerOptions, type RunningContainer, runContainer, waitForExit } from './run-container.ts';
import { sendRequest } from './send-request.ts';

/** How long a HEALTHCHECK may be starting, and healthy when the app hangs: two checks that time out take 6 s. */
const HEALTH_LIMITS_MS = { starting: 40_000, healthy: 20_000 };
const HEALTH_POLL_MS = 200;
/**
 * A user ID that no image knows, in the group of root, as OpenShift assigns it. OpenShift's are larger, but a rootless engine
 * has only 65,536.
 */
const ARBITRARY_USER = '54321:0';
/** Large enough that the heap limit which V8 chooses by itself is lower: `npm run bench:memory -w scripts` shows it. */
const MEMORY_LIMIT_BYTES = 512 * 1024 * 1024;

type Outcome = Omit<BehaviourResult, 'name'>;

/** Null for what does not apply or cannot be measured. An outcome that is ok has no reason. */
function createOutcome(ok: boolean | null, reason = ''): Outcome {
  // A reason may repeat what the container printed.
  return { ok, reason: ok ? null : redact(reason) };
}

/** What is checked in a container that has responded. For behaviours that are not listed, the response is enough. */
const CHECKS: Partial<Record<Behaviour, (container: RunningContainer) => Promise<Outcome>>> = {
  async 'pid-1'({ engine, id, options }) {
    if (!options.hasNode) return createOutcome(null, 'the image has no Node');
    const { processId } = await engine.container(id);
    // The engine asks `ps` on its own machine, which may have none: that says nothing about the image.
    const processes = await engine.processes(id).catch(summarizeError);
    if (typeof processes === 'string') return createOutcome(null, `the engine cannot list the processes: ${processes}`);
    const command = processes.find((process) => process.processId === processId)?.command;
    if (command === undefined) return createOutcome(null, 'the engine does not list PID 1');
    return createOutcome(/^(?:\S*\/)?node(?:\s|$)/.test(command), `PID 1 is: ${shorten(command, 80)}`);
  },
  async 'in-flight'({ engine, id, address, options }) {
    const reason = await requestDuringShutdown(address, () => engine.kill(id, 'SIGTERM'), options.signal);
    return createOutcome(reason === null, reason ?? '');
  },
  async 'exit-code'(container) {
    const code = await waitForExit(container);
    return createOutcome(code === 0, typeof code === 'string' ? code : `it ends with exit code ${code}`);
  },
  async logs({ engine, id }) {
    const output = await engine.output(id).catch(summarizeError);
    if (typeof output === 'string') return createOutcome(null, `its log cannot be read: ${output}`);
    const { stdout, stderr } = output;
    if (stderr[0]) return createOutcome(false, `it writes to standard error: ${shorten(stderr[0].text, 80)}`);
    if (stdout.length === 0) return createOutcome(false, 'it writes nothing to standard output');
    // An indented line continues the line before it. A log collector takes them for two entries.
    const continued = stdout.find(({ text }) => text === '' || /^\s/.test(text));
    return createOutcome(
      !continued,
      `a log entry has more than one line: ${shorten(continued?.text.trim() ?? '', 80)}`,
    );
  },
  // `/info` of the chapters' app reports what the process itself sees, which cannot be read from outside.
  async 'memory-limit'({ engine, address, options }) {
    if (!engine.info.limitsMemory) return createOutcome(null, 'it serves; the engine cannot limit memory');
    if (!options.hasNode) return createOutcome(null, 'it serves; the image has no Node');
    const result = await sendRequest(address, '/info', { signal: options.signal });
    if ('failure' in result) return createOutcome(false, `GET /info gets no complete response: ${result.failure}`);
    const limit = Number(/"heapLimitBytes":\s*(\d+)/.exec(result.body)?.[1]);
    if (Number.isNaN(limit))
      return createOutcome(null, `it serves, but GET /info (status ${result.status}) has no heapLimitBytes`);
    const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
    const reason = `its heap may grow to ${megabytes(limit)}, with a limit of ${megabytes(MEMORY_LIMIT_BYTES)}`;
    return createOutcome(limit < MEMORY_LIMIT_BYTES, reason);
  },
  async healthy(container) {
    const { status, output } = await waitForHealth(container, 'starting');
    const lastLine = output?.trim().split('\n').at(-1);
    return createOutcome(status === 'healthy', `it is ${status}${lastLine ? `: ${lastLine}` : ''}`);
  },
  async unhealthy(container) {
    const { engine, id } = container;
    if ((await engine.container(id)).health?.status !== 'healthy') return createOutcome(null, 'it was not healthy');
    // A stopped process still has its port open, but does not respond any more: it hangs.
    await engine.kill(id, 'SIGSTOP');
    try {
      const { status } = await waitForHealth(container, 'healthy');
      return createOutcome(status === 'unhealthy', `the app hangs, and its health status is still ${status}`);
    } catch (error) {
      if (error instanceof ToolError && error.code === 'timed-out') return createOutcome(null, error.message);
      throw error;
    }
  },
};

/** The container's health once its status is not `from` any more, or the time is over. */
async function waitForHealth({ engine, id, options }: RunningContainer, from: keyof typeof HEALTH_LIMITS_MS) {
  const end = performance.now() + HEALTH_LIMITS_MS[from];
  while (true) {
    const health = (await engine.health(id)) ?? { status: 'none', output: null };
    if (health.status !== from || performance.now() > end) return health;
    await sleep(HEALTH_POLL_MS, undefined, { signal: options.signal });
  }
}

/** The containers, each with its options and the behaviours that are checked in it, in order. */
const CONTAINERS: { args: string[]; names: Behaviour[] }[] = [
  // SIGTERM, which 'in-flight' sends, comes before the exit code and the end of the logs.
  { args: [], names: ['pid-1', 'in-flight', 'exit-code', 'logs'] },
  { args: ['--read-only'], names: ['read-only'] },
  { args: ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'], names: ['no-privileges'] },
  { args: ['--user', ARBITRARY_USER], names: ['any-user'] },
  { args: ['--memory', String(MEMORY_LIMIT_BYTES)], names: ['memory-limit'] },
  { args: ['--health-interval=1s', '--health-timeout=2s', '--health-retries=2'], names: ['healthy', 'unhealthy'] },
];

/** Checks what a service in a container should do. Returns the results, and the responses of the first container. */
export async function checkBehaviour(
  engine: Engine,
  image: ImageFacts,
  { onCheck, ...options }: ContainerOptions & { onCheck(name: Behaviour): void },
): Promise<{ results: BehaviourResult[]; responses: Responses }> {
  const results = new Map<Behaviour, BehaviourResult>();
  let responses: Responses | undefined;
  for (const { args, names } of CONTAINERS) {
    options.signal.throwIfAborted();
    if (names[0]) onCheck(names[0]);
    try {
      if (names.includes('healthy') && !image.healthcheck) throw new ToolError('its Dockerfile has no HEALTHCHECK');
      const allArgs = [...options.args, ...args];
      await runContainer(engine, image.id, { ...options, args: allArgs }, async (container) => {
        responses ??= await readResponses(container);
        for (const name of names) {
          onCheck(name);
          results.set(name, { name, ...((await CHECKS[name]?.(container)) ?? createOutcome(true)) });
        }
      });
    } catch (error) {
      options.signal.throwIfAborted();
      const miss = createOutcome(false, summarizeError(error));
      const isOther = error instanceof ToolError && error.code === 'wrong-responder';
      for (const name of names) if (!results.has(name) || isOther) results.set(name, { name, ...miss });
    }
  }
  return { results: [...results.values()], responses: responses ?? new Map() };
}
