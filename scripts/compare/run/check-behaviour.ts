import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { redact } from '../../lib/redact.ts';
import type { Behaviour } from '../model/behaviours.ts';
import type { BehaviourResult } from '../model/report-schema.ts';
import { answersUnderWay } from './in-flight.ts';
import {
  type Address,
  exitCodeInTime,
  type Response,
  request,
  type ServeOptions,
  type Server,
  STILL_RUNS,
  serve,
} from './serve.ts';

type Outcome = Omit<BehaviourResult, 'name'>;

/** What is requested of every variant: a page, the same without its body, the health check, nothing, and nonsense. */
const requestsOf = (path: string) =>
  [
    ['GET', path],
    ['HEAD', path],
    ['GET', '/healthz'],
    ['GET', '/no-such-page'],
    ['GET', '/%E0%A4%A'],
  ] as const;

/** How long an answer may take once the app serves, in milliseconds. */
const ANSWER_LIMIT_MS = 5_000;

/** Headers that differ from answer to answer. */
const VOLATILE = new Set(['date', 'age', 'connection', 'keep-alive']);

/** How long a health check may take to change its mind, in milliseconds. */
const HEALTH_LIMIT_MS = 40_000;
/** How often the health status is read, in milliseconds. */
const POLL_MS = 200;
/** A user id as OpenShift gives it: one that no image knows, in the group of root. */
const ANY_USER = '1000680000:0';
const MEMORY_LIMIT_BYTES = 256 * 1024 * 1024;

/** What a container answered, by request. */
export type Responses = Map<string, Response>;

const good: Outcome = { ok: true, reason: null };
// A reason may repeat what the container printed.
const miss = (reason: string): Outcome => ({ ok: false, reason: redact(reason) });
const notApplicable = (reason: string): Outcome => ({ ok: null, reason: redact(reason) });
const NO_NODE = 'the image has no Node';
const NO_HEALTHCHECK = 'its Dockerfile has no HEALTHCHECK';

export interface CheckOptions extends ServeOptions {
  /** Whether the app is one for Node. */
  node: boolean;
  onCheck(name: Behaviour): void;
}

/**
 * Tries what a service in a container should do, each in a container of its own where it needs one, and returns the
 * outcomes and what was answered.
 */
export async function checkBehaviour(
  engine: Engine,
  image: ImageFacts,
  options: CheckOptions,
): Promise<{ results: BehaviourResult[]; responses: Responses }> {
  const results: BehaviourResult[] = [];
  /** Starts a container with these options and tries something in it. That it does not serve is a miss. */
  const inContainer = async (args: string[], names: Behaviour[], work: (server: Server) => Promise<Outcome[]>) => {
    options.signal.throwIfAborted();
    for (const name of names.slice(0, 1)) options.onCheck(name);
    const outcomes = await withServer(
      engine,
      image,
      { ...options, args: [...(options.args ?? []), ...args] },
      work,
    ).catch((error: unknown) => {
      options.signal.throwIfAborted();
      return names.map(() => miss(inOneLine(error)));
    });
    results.push(...names.map((name, index) => ({ name, ...(outcomes[index] ?? notApplicable('not tried')) })));
  };
  const serves = async () => [good];

  const responses: Responses = new Map();
  await inContainer([], ['pid-1', 'in-flight', 'exit-code', 'logs'], async ({ id, address }) => {
    for (const [method, path] of requestsOf(options.path ?? '/'))
      responses.set(`${method} ${path}`, await askOrSay(address, path, method));
    const first = options.node ? await processOne(engine, id) : notApplicable(NO_NODE);
    const underWay = await answersUnderWay(address, () => engine.kill(id, 'SIGTERM'));
    const code = await exitCode(engine, id);
    return [first, underWay === null ? good : miss(underWay), code, await logs(engine, id)];
  });
  await inContainer(['--read-only'], ['read-only'], serves);
  await inContainer(['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'], ['no-privileges'], serves);
  await inContainer(['--user', ANY_USER], ['any-user'], serves);
  await inContainer(['--memory', String(MEMORY_LIMIT_BYTES)], ['memory-limit'], async ({ address }) => [
    options.node ? fittedHeap(await request(address, '/info')) : notApplicable(`it serves; ${NO_NODE}`),
  ]);
  if (image.healthcheck) {
    const quick = ['--health-timeout', '2s', '--health-retries', '2'];
    await inContainer([...quick, '--health-interval', '1s'], ['healthy', 'unhealthy'], ({ id }) =>
      health(engine, id, options.signal),
    );
  } else {
    results.push({ name: 'healthy', ...miss(NO_HEALTHCHECK) }, { name: 'unhealthy', ...miss(NO_HEALTHCHECK) });
  }
  return { results, responses };
}

/** An answer; what no client understands is one, too, with status 0. */
function askOrSay(address: Address, path: string, method: string): Promise<Response> {
  const say = (error: Error) => ({ status: 0, headers: {}, body: error.message });
  return request(address, path, { method, limitMs: ANSWER_LIMIT_MS }).catch(say);
}

/** How two variants' answers differ, for a person; null when they do not. */
export function findDifference(responses: Responses, reference: Responses): string | null {
  for (const [name, expected] of reference) {
    const answer = responses.get(name);
    if (!answer) return `${name} got no response`;
    if (answer.status !== expected.status) return `${name}: status ${answer.status}, not ${expected.status}`;
    for (const header of new Set([...Object.keys(answer.headers), ...Object.keys(expected.headers)])) {
      if (VOLATILE.has(header)) continue;
      const [ours, theirs] = [answer.headers[header], expected.headers[header]].map((value) => String(value ?? 'none'));
      if (ours !== theirs) return redact(`${name}: header ${header} is ${ours}, not ${theirs}`);
    }
    if (answer.body !== expected.body) return `${name}: another body`;
  }
  return null;
}

async function withServer<T>(
  engine: Engine,
  image: ImageFacts,
  options: ServeOptions,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await serve(engine, image.id, options);
  try {
    return await work(server);
  } finally {
    // How it stops is tried by itself.
    await engine.removeContainer(server.id);
  }
}

function inOneLine(error: unknown): string {
  if (!(error instanceof ToolError)) return error instanceof Error ? error.message : String(error);
  const last = error.lines.at(-1);
  return last === undefined ? error.message : `${error.message} ${last.trim()}`;
}

async function processOne(engine: Engine, id: string): Promise<Outcome> {
  const { processId } = await engine.container(id);
  const command = (await engine.processes(id)).find((process) => process.processId === processId)?.command;
  if (command === undefined) return notApplicable('the engine does not list PID 1');
  return /^(?:\S*\/)?node(?:\s|$)/.test(command) ? good : miss(`PID 1 is: ${command.slice(0, 80)}`);
}

async function exitCode(engine: Engine, id: string): Promise<Outcome> {
  const code = await exitCodeInTime(engine, id);
  if (code === null) return miss(STILL_RUNS);
  return code === 0 ? good : miss(`it ends with exit code ${code}`);
}

async function logs(engine: Engine, id: string): Promise<Outcome> {
  const { stdout, stderr } = await engine.output(id);
  if (stderr[0]) return miss(`it writes to standard error: ${stderr[0].text.slice(0, 80)}`);
  if (stdout.length === 0) return miss('it writes nothing to standard output');
  // A line that is indented continues the one before it, which a log collector takes for two.
  const continued = stdout.find(({ text }) => text === '' || /^\s/.test(text));
  return continued ? miss(`a log entry has more than one line: ${continued.text.trim().slice(0, 80)}`) : good;
}

/** `/info` of the chapters' app says what the process sees itself, which no look from outside can. */
function fittedHeap({ status, body }: Response): Outcome {
  let info: { heapLimitBytes?: unknown; memoryLimitBytes?: unknown };
  try {
    info = JSON.parse(body);
  } catch {
    return notApplicable(`it serves, but GET /info (status ${status}) does not tell its heap limit`);
  }
  if (typeof info.heapLimitBytes !== 'number')
    return notApplicable('it serves, but GET /info does not tell its heap limit');
  return info.heapLimitBytes < MEMORY_LIMIT_BYTES
    ? good
    : miss(`its heap may grow to ${megabytes(info.heapLimitBytes)}, with a limit of ${megabytes(MEMORY_LIMIT_BYTES)}`);
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

async function health(engine: Engine, id: string, signal: AbortSignal): Promise<Outcome[]> {
  const statusAfter = async (status: string) => {
    let now = status;
    await poll(HEALTH_LIMIT_MS, signal, async () => {
      now = (await engine.container(id)).health?.status ?? 'none';
      return now !== status;
    });
    return now;
  };
  const first = await statusAfter('starting');
  if (first !== 'healthy') {
    const said = (await engine.container(id)).health?.checks.at(-1)?.output.trim().split('\n').at(-1);
    return [miss(`it is ${first}${said ? `: ${said}` : ''}`), notApplicable('it was not healthy')];
  }
  // A stopped process still has its port open, but answers no more: it hangs.
  await engine.kill(id, 'SIGSTOP');
  const hung = await statusAfter('healthy');
  return [good, hung === 'unhealthy' ? good : miss(`the app hangs, and it is still called ${hung}`)];
}

async function poll(limitMs: number, signal: AbortSignal, done: () => Promise<boolean>): Promise<boolean> {
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    signal.throwIfAborted();
    if (await done()) return true;
    await sleep(POLL_MS, undefined, { signal });
  }
  return false;
}
