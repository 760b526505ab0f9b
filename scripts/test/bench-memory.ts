// `npm run bench:memory -w scripts [heap|health]` measures how Node's heap settings behave at a container's memory limit, and
// what a health check costs that starts a second Node. It prints both as Markdown tables, in about five minutes. Where there is
// no memory limit, it uses up to 5.5 GB.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { markdownTable } from 'markdown-table';
import pLimit from 'p-limit';
import { cleanUp } from '../engine/clean-up.ts';
import { findEngine } from '../engine/find-engine.ts';
import { EXIT, ToolError, usageError } from '../lib/errors.ts';
import { startProgram } from '../lib/program.ts';
import { createProgress } from '../lib/progress.ts';
import { measureHealthChecks } from './bench-health-check.ts';
import {
  ALPINE,
  type AppState,
  type Bench,
  DISTROLESS,
  type RunRequest,
  toMib,
  waitForApp,
  withApp,
} from './memory-container.ts';

const PERCENTAGE = '--max-old-space-size-percentage';
const SIZE = '--max-old-space-size';

type Setting = Pick<RunRequest, 'flags' | 'env'>;

interface Row {
  /** In MiB. */
  limit: number | null;
  name: string;
  setting: Setting;
}

const SETTINGS = {
  nothing: {},
  '75 %': { flags: [`${PERCENTAGE}=75`] },
  '75 % in NODE_OPTIONS': { env: { NODE_OPTIONS: `${PERCENTAGE}=75` } },
  '60 %': { flags: [`${PERCENTAGE}=60`] },
  '50 %': { flags: [`${PERCENTAGE}=50`] },
  '192 MiB': { flags: [`${SIZE}=192`] },
} satisfies Record<string, Setting>;

/** What the table shows for each limit in MiB. Without a limit, the settings that differ in nothing but a number are left out. */
const ROWS: Row[] = [
  ...[128, 256, 512].flatMap((limit) =>
    Object.entries<Setting>(SETTINGS).map(([name, setting]) => ({ limit, name, setting })),
  ),
  { limit: null, name: 'nothing', setting: SETTINGS.nothing },
  { limit: null, name: '75 %', setting: SETTINGS['75 %'] },
];

/** Two settings at once, with a limit of 256 MiB. */
const PAIRS: Record<string, Setting> = {
  'flags: 75 %, then 96 MiB': { flags: [`${PERCENTAGE}=75`, `${SIZE}=96`] },
  'flag 75 %, NODE_OPTIONS 96 MiB': { flags: [`${PERCENTAGE}=75`], env: { NODE_OPTIONS: `${SIZE}=96` } },
  'flag 75 %, NODE_OPTIONS 50 %': { flags: [`${PERCENTAGE}=75`], env: { NODE_OPTIONS: `${PERCENTAGE}=50` } },
  'flag 96 MiB, NODE_OPTIONS 75 %': { flags: [`${SIZE}=96`], env: { NODE_OPTIONS: `${PERCENTAGE}=75` } },
};

/** The loads of memory-app.cjs; a leak has no end. */
const LOADS = [
  { load: 'objects', isLeak: true },
  { load: 'buffers', isLeak: true },
  { load: 'garbage', isLeak: false },
  { load: 'working set', isLeak: false },
];
type Load = (typeof LOADS)[number];
/** How much of the limit the working set takes. */
const WORKING_SET = 0.6;
/** How long a load without an end of its own lasts, in milliseconds, and how many requests are open at a time. */
const LOAD_MS = 3000;
const CONCURRENCY = 4;
/** Where no limit ends a leak, the app does, at this many MiB. */
const STOP = 5000;
const STOPPED = 42;

/** The environment that makes the app put a load on itself, for a memory limit in MiB. */
function describeLoad({ load, isLeak }: Load, limit: number | null): RunRequest['env'] {
  if (limit === null) return { LOAD: load, MIB: isLeak ? 16 : 4, STOP };
  if (load === 'garbage') return { LOAD: load, MIB: limit / 64 };
  return { LOAD: load, KEEP: load === 'working set' ? Math.round(limit * WORKING_SET) : 0 };
}

/** Puts a load on the app. Returns how it went, and the last state of the app; null when it never responded. */
async function runLoad(bench: Bench, load: Load, { limit, setting }: Row) {
  const env = { ...setting.env, ...describeLoad(load, limit) };
  return withApp(bench, { limit, ...setting, env }, async (container) => {
    let last = await waitForApp(bench, container);
    const end = performance.now() + (load.isLeak ? Number.POSITIVE_INFINITY : LOAD_MS);
    let isUp = last !== null;
    const request = async () => {
      while (isUp && performance.now() < end) {
        const state: AppState | null = await container.request('/work').catch(() => null);
        if (state) last = state;
        else isUp = false;
      }
    };
    await Promise.all(Array.from({ length: load.isLeak ? 1 : CONCURRENCY }, request));
    bench.signal.throwIfAborted();
    return { last, outcome: isUp ? 'serves' : await describeEnd(bench, container.id) };
  });
}

/** How the container ended: by Node's error, the kernel, or the app's own limit. */
async function describeEnd({ engine, signal }: Bench, id: string): Promise<string> {
  const code = await Promise.race([engine.wait(id), sleep(5000, null, { signal, ref: false })]);
  if (code === null) return 'does not respond';
  if (code === STOPPED) return `not ended at ${STOP} MiB`;
  const hasError = (await engine.logs(id, 100)).some((line) => line.includes('JavaScript heap out of memory'));
  return `${hasError ? "Node's error" : 'killed'} (${code})`;
}

/** How each load ends with each setting and memory limit, as a Markdown table. */
async function measureHeap(bench: Bench): Promise<string> {
  // What counts is memory, not time, so two containers run at once. Those without a limit run alone, at the end.
  const [two, alone] = [pLimit(2), pLimit(1)];
  const measure = async (row: Row) => {
    const limit = row.limit === null ? 'none' : `${row.limit} MiB`;
    const results = LOADS.map((load) =>
      (row.limit === null ? alone : two)(async () => {
        // Without a limit there is no 60 % of it, and no heap setting affects buffers.
        const isLeftOut =
          row.limit === null && (load.load === 'working set' || (load.load === 'buffers' && row.name !== 'nothing'));
        if (isLeftOut) return { text: 'not run', heap: undefined };
        const { last, outcome } = await runLoad(bench, load, row);
        const text = last ? `${outcome}, peak ${toMib(last.peak)} MiB` : `${outcome} before it serves`;
        bench.note(`limit ${limit}, heap ${row.name}, ${load.load}: ${text}`);
        return { text, heap: last?.heapLimit };
      }),
    );
    const cells = await Promise.all(results);
    return [
      limit,
      row.name,
      `${toMib(cells.find(({ heap }) => heap)?.heap ?? Number.NaN)} MiB`,
      ...cells.map(({ text }) => text),
    ];
  };
  const limited = await Promise.all(ROWS.filter(({ limit }) => limit !== null).map(measure));
  const unlimited = await Promise.all(ROWS.filter(({ limit }) => limit === null).map(measure));
  const head = [
    'memory limit',
    'heap setting',
    'heap limit',
    'leak of objects',
    'leak of buffers',
    'garbage',
    'working set of 60 %',
  ];
  return markdownTable([head, ...limited, ...unlimited]);
}

/** Which of two settings Node follows. */
async function measurePairs(bench: Bench): Promise<string> {
  const rows: string[][] = [];
  for (const [name, setting] of Object.entries(PAIRS)) {
    const state = await withApp(bench, { limit: 256, ...setting }, (container) => waitForApp(bench, container));
    rows.push([name, `${toMib(state?.heapLimit ?? Number.NaN)} MiB`]);
  }
  return markdownTable([['two settings, memory limit 256 MiB', 'heap limit'], ...rows]);
}

/** What the command's argument selects; everything without one. */
const PARTS: Record<string, ((bench: Bench) => Promise<string>)[]> = {
  heap: [measureHeap, measurePairs],
  health: [measureHealthChecks],
};

await startProgram(async (signal) => {
  const [name] = process.argv.slice(2);
  const measures = name === undefined ? Object.values(PARTS).flat() : PARTS[name];
  if (!measures) throw usageError('Expected nothing, heap or health, such as: npm run bench:memory -w scripts heap');
  const engine = await findEngine(signal);
  for (const image of [ALPINE, DISTROLESS]) {
    if (!(await engine.image(image)))
      throw new ToolError(`The engine does not have ${image}.`, { hint: 'npm run setup' });
  }
  const progress = createProgress();
  const bench: Bench = { engine, id: randomUUID(), signal, note: (text) => progress.note(text) };
  const tables: string[] = [];
  try {
    for (const measure of measures) tables.push(await measure(bench));
  } finally {
    progress.close();
    await cleanUp(engine, bench.id, []);
  }
  console.log(tables.join('\n\n'));
  return EXIT.ok;
});
