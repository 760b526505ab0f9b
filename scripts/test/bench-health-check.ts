import { markdownTable } from 'markdown-table';
import { median } from '../compare/model/samples.ts';
import {
  ALPINE,
  type AppContainer,
  type Bench,
  DISTROLESS,
  NODE,
  type RunRequest,
  requireApp,
  toMib,
  waitForApp,
  withApp,
} from './memory-container.ts';

const ROUNDS = 9;
/** The container's memory while checks are measured: more than at the start of the app, so that its peak is that of a check. */
const KEEP = 60;
const SMALL_LIMIT = 128;
/** The app's memory beside Node's own, in steps of this many MiB. */
const STEP = 10;

const HEALTH_URL = "'http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz'";
const EMPTY = ['-e', '0'];
const FETCH = ['-e', `fetch(${HEALTH_URL}).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`];
const HTTP = [
  '-e',
  `http.get(${HEALTH_URL}, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))`,
];

interface Check {
  image: keyof typeof NODE;
  command: string[];
  env: Record<string, string>;
}

const node = (image: keyof typeof NODE, args: string[]): Check => ({ image, command: [NODE[image], ...args], env: {} });
const CHECKS: Record<string, Check> = {
  'Alpine: nothing (`true`)': { image: ALPINE, command: ['true'], env: {} },
  'Alpine: wget': {
    image: ALPINE,
    command: ['wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:3000/healthz'],
    env: {},
  },
  'Alpine: node -e 0': node(ALPINE, EMPTY),
  'Alpine: node:http': node(ALPINE, HTTP),
  'Alpine: fetch': node(ALPINE, FETCH),
  'Alpine: fetch, 75 % in NODE_OPTIONS': {
    ...node(ALPINE, FETCH),
    env: { NODE_OPTIONS: '--max-old-space-size-percentage=75' },
  },
  'distroless: node:http': node(DISTROLESS, HTTP),
  'distroless: fetch': node(DISTROLESS, FETCH),
};

/** How long a check takes, the CPU time in the container, in milliseconds, and its memory beside the app's, in bytes. */
async function measureCheck(bench: Bench, { image, env, command }: Check) {
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  const request: RunRequest = { image, limit: 512, env: { LOAD: 'buffers', KEEP, ...env } };
  const memory = await withApp(bench, request, async (container) => {
    await requireApp(bench, container);
    const before = await container.request('/');
    for (let round = 0; round < ROUNDS; round += 1) {
      const { cpuMs: startMs } = await container.request('/');
      const begin = performance.now();
      await container.exec(command);
      wallMs.push(performance.now() - begin);
      cpuMs.push((await container.request('/')).cpuMs - startMs);
    }
    return (await container.request('/')).peak - before.memory;
  });
  return { wallMs, cpuMs, memory };
}

/**
 * The most memory, in bytes, that the app of a small container may have when a check runs. One step more, and the kernel kills
 * the app or the check.
 */
async function findRoom(bench: Bench, { image, env, command }: Check) {
  let room: number | null = null;
  for (let keep = 3 * STEP; ; keep += STEP) {
    const request: RunRequest = { image, limit: SMALL_LIMIT, env: { LOAD: 'buffers', KEEP: keep, ...env } };
    const next = await withApp(bench, request, (container) => survive(bench, container, command));
    if (typeof next === 'string') return { room, killed: next };
    room = next;
  }
}

/** The app's memory in bytes before the check, if both outlive it; otherwise which of them the kernel killed. */
async function survive(bench: Bench, container: AppContainer, command: string[]): Promise<number | string> {
  const before = await waitForApp(bench, container);
  if (!before) return 'app, without a check';
  const passes = await container.exec(command).then(
    () => true,
    () => false,
  );
  bench.signal.throwIfAborted();
  if (!(await bench.engine.container(container.id)).running) return 'app';
  return passes ? before.memory : 'check';
}

/** What a health check costs, as a Markdown table. */
export async function measureHealthChecks(bench: Bench): Promise<string> {
  const rows: string[][] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const { wallMs, cpuMs, memory } = await measureCheck(bench, check);
    const { room, killed } = await findRoom(bench, check);
    const range = (values: number[]) =>
      `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;
    const perMinute = (seconds: number) => `${((median(cpuMs) * 60) / seconds / 1000).toFixed(2)} s`;
    const mostMemory = room === null ? 'none' : `${toMib(room)} MiB, then the ${killed}`;
    const row = [name, range(wallMs), range(cpuMs), perMinute(10), perMinute(30), `${toMib(memory)} MiB`, mostMemory];
    bench.note(row.join(', '));
    rows.push(row);
  }
  const head = [
    'check',
    'time',
    'CPU time',
    'CPU a minute, every 10 s',
    'every 30 s',
    'memory',
    `most app memory at a limit of ${SMALL_LIMIT} MiB; what is killed above it`,
  ];
  return markdownTable([head, ...rows]);
}
