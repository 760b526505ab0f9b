import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { printable, shorten } from '../lib/format.ts';
import { bundlePrograms } from './bundle-programs.ts';
import { APPS } from './faults/apps.ts';
import { DOCKERFILES } from './faults/dockerfiles.ts';
import { DOCKERIZE } from './faults/dockerize-rows.ts';
import { ENGINES } from './faults/engines.ts';
import { HARM } from './faults/harm.ts';
import { INTERRUPTIONS } from './faults/interruptions.ts';
import { findEngineSocket, listEngineObjects, removeEngineObjects } from './faults/leftovers.ts';
import { OUTPUTS } from './faults/outputs.ts';
import { SCANNERS } from './faults/scanners.ts';
import { SECRETS } from './faults/secrets.ts';
import { SETUP } from './faults/setup-rows.ts';
import { SOURCES } from './faults/sources.ts';
import { type Row, Trial, type TrialPaths } from './faults/trial.ts';
import { WRONG_USE } from './faults/wrong-use.ts';

// Tries the faults that a user can meet, on the real engine, and prints what came of each:
//   npm run test:faults [-- text…]    tries all, or those whose name has one of the texts
//   npm run test:faults -- --list     lists them

const TOPICS = {
  app: APPS,
  dockerfile: DOCKERFILES,
  use: WRONG_USE,
  output: OUTPUTS,
  engine: ENGINES,
  harm: HARM,
  secret: SECRETS,
  source: SOURCES,
  scan: SCANNERS,
  signal: INTERRUPTIONS,
  setup: SETUP,
  dockerize: DOCKERIZE,
};
const ROWS = Object.entries(TOPICS).flatMap(([topic, rows]) =>
  rows.map((row) => ({ ...row, name: `${topic}: ${row.name}` })),
);
const ROOT = join(import.meta.dirname, '../..');
/** How many rows run at a time: their commands mostly wait for the engine. */
const JOBS = availableParallelism() + 2;
/** How many rows that only wait run in addition. */
const WAITING_JOBS = 8;
/** How many of a command's last lines are shown where it is not as expected. */
const LAST_LINES = 12;

/** The trials that have begun and not ended. */
const running = new Set<Trial>();

interface Result {
  name: string;
  code: number;
  seconds: number;
  left: string;
  problems: string[];
  lines: string[];
}

const NOT_TRIED = { code: -1, seconds: 0, left: 'unknown', lines: [] };

/** Tries a row, and removes what it leaves. */
async function tryRow(row: Row, places: TrialPaths, directory: string): Promise<Result> {
  const trial = new Trial(row, places, directory);
  running.add(trial);
  try {
    const { code, seconds, problems, output, processes } = await trial.run();
    const objects = (await listEngineObjects(places.engineSocket)).filter(({ owner }) =>
      owner?.includes(trial.temporary),
    );
    await removeEngineObjects(places.engineSocket, objects);
    const found = [
      ...objects.map(({ kind, name }) => `${kind} ${name}`),
      ...processes.map(({ command }) => `process ${command.slice(0, 60)}`),
      ...(await trial.temporaryFiles()).map((name) => `file ${name}`),
    ];
    const left = found.join(', ') || 'nothing';
    if (!(row.leaves ?? /^nothing$/).test(left)) problems.push(`it left ${left}`);
    return { name: row.name, code, seconds, left, problems, lines: output.trimEnd().split('\n').slice(-LAST_LINES) };
  } finally {
    running.delete(trial);
    await trial.close();
  }
}

/** Tries rows: a few at a time, more of those that only wait, then those that must be alone, and at the end those that only wait and leave something. */
async function tryRows(rows: Row[], places: TrialPaths, directory: string): Promise<Result[]> {
  const [limit, limitWaiting] = [pLimit(JOBS), pLimit(WAITING_JOBS)];
  const results: Result[] = [];
  const tryAndPrint = async (row: Row) => {
    if (isInterrupted) return;
    const result = await tryRow(row, places, join(directory, String(ROWS.indexOf(row)))).catch(
      (error: Error): Result => ({ ...NOT_TRIED, name: row.name, problems: [`it was not tried: ${error.message}`] }),
    );
    const mark = result.problems.length === 0 ? 'ok ' : 'BAD';
    console.error(`${mark} ${printable(row.name)} (${result.seconds.toFixed(1)} s)`);
    results.push(result);
  };
  const together = rows.filter((row) => !row.alone);
  // The first fills the cache with the sizes of the base image, which the others would all measure at once.
  const [first, ...others] = together;
  if (first) await tryAndPrint(first);
  await Promise.all(others.map((row) => (row.waits ? limitWaiting : limit)(() => tryAndPrint(row))));
  for (const row of rows.filter(({ alone, waits }) => alone && !waits)) await tryAndPrint(row);
  // They leave something only when they end: none finds what another one has left.
  await Promise.all(rows.filter(({ alone, waits }) => alone && waits).map(tryAndPrint));
  return results;
}

function printTable(results: Result[]): void {
  const rows = results.map(({ name, code, seconds, left, problems }) => {
    return [printable(name), String(code), seconds.toFixed(1), left, problems.length === 0 ? 'ok' : 'BAD'];
  });
  const table = [['what was tried', 'exit', 'seconds', 'left behind', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  for (const cells of table) console.log(cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  for (const { name, problems, lines } of results.filter((one) => one.problems.length > 0)) {
    console.log(`\nBAD ${printable(name)}: ${problems.map(printable).join('; ')}`);
    for (const line of lines) console.log(`  | ${shorten(line, 200)}`);
  }
}

/** The programs that a user starts. Others, which setup would use to change this machine, refuse to. */
async function writePrograms(directory: string, bundled: string): Promise<void> {
  await mkdir(directory);
  const write = async (name: string, line: string) => {
    await writeFile(join(directory, name), `#!/bin/sh\n${line}\n`);
    await chmod(join(directory, name), 0o755);
  };
  const start = (name: string) => `exec '${process.execPath}' -- "$ROOT/scripts/start.mjs" ${name} "$@"`;
  await write('setup', start('setup'));
  for (const name of ['compare', 'dockerize']) {
    // A row may have a copy of the repository.
    const bundle = `exec '${process.execPath}' -- '${join(bundled, `scripts/${name}.mjs`)}' "$@"`;
    await write(name, `[ "$ROOT" != '${ROOT}' ] || ${bundle}\n${start(name)}`);
  }
  for (const name of ['apt-get', 'mmdebstrap', 'dockerd', 'service', 'systemctl', 'sudo'])
    await write(name, `echo 'A trial must not use ${name}.' >&2; exit 1`);
}

async function main(args: string[]): Promise<number> {
  if (process.platform !== 'linux') {
    console.log('The faults are tried on Linux only.');
    return 0;
  }
  const texts = args.filter((text) => text !== '--list');
  const rows = ROWS.filter(({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)));
  if (args.includes('--list')) {
    for (const { name } of rows) console.log(printable(name));
    return 0;
  }
  const engineSocket = await findEngineSocket();
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'faults-')));
  const [programs, compiled] = [join(directory, 'programs'), join(directory, 'tsx')];
  try {
    const bundled = join(directory, 'tool');
    await bundlePrograms(bundled);
    await writePrograms(programs, bundled);
    await mkdir(compiled);
    const begin = performance.now();
    const results = await tryRows(rows, { root: ROOT, programs, engineSocket, compiled }, directory);
    const left = (await listEngineObjects(engineSocket)).filter(({ owner }) => owner?.includes(directory));
    await removeEngineObjects(engineSocket, left);
    printTable(results);
    const seconds = Math.round((performance.now() - begin) / 1000);
    const bad = results.filter(({ problems }) => problems.length > 0).length;
    console.log(`\n${results.length} faults tried in ${seconds} s: ${bad} not as expected.`);
    for (const { kind, name } of left) console.log(`Left on the engine by a row that had ended: ${kind} ${name}`);
    return bad > 0 || left.length > 0 || isInterrupted || results.length === 0 ? 1 : 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isInterrupted = true;
    for (const trial of running) trial.signal('SIGTERM');
  });
}
process.exitCode = await main(process.argv.slice(2));
