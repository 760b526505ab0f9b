import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { type ImageReport, type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { ENGINE_TRIALS, type EngineTrial, readEngineTrials } from '../../docs/engine-trials.ts';
import { EngineMachines, reasonAgainstContainers, VITEST } from './engine-containers.ts';
import type { TestedEngine } from './engine-gaps.ts';
import { ENGINE_CONTAINERS } from './engine-list.ts';
import { compareEngineProject, writeEngineProject } from './engine-project.ts';
import { Bench, ROOT } from './test-engine.ts';

// engine.test.ts on other engines, side by side. compare measures there what it measures on this machine's engine.
//   npm run test:engines -w scripts           on all engines, with --bench; with -- -u it writes the table of what was tried

const OWN_ENGINE = "this machine's engine";
const TEST_FILE = 'test/images/engine.test.ts';
/** Whether this is the slow command, for all engines. */
const all = process.env.TEST_ENGINES === 'all';
const chosen = ENGINE_CONTAINERS.filter(({ inTests }) => all || inTests);
const reason = reasonAgainstContainers();

const bench = new Bench();
const machines = new EngineMachines(bench);
const directory = await mkdtemp(join(tmpdir(), 'other-engines-'));
const trials = new Map<string, EngineTrial>();

/** What this machine's engine measures. */
const expected: Promise<Report> = reason === null ? measureHere() : new Promise(() => {});
expected.catch(() => {}); // It is an error for those who wait for it.

afterAll(async () => {
  if (all && inject('update')) await writeTrials();
  await bench.cleanUp();
  await machines.cleanUp();
  await rm(directory, { recursive: true });
});

async function measureHere(): Promise<Report> {
  if (all) {
    const file = join(directory, 'engine.json');
    const counts = join(directory, 'vitest.json');
    const env = { ...process.env, TEST_ENGINE_RESULTS: file, TEST_ENGINE_TIMES: 'yes', TEST_INVOCATION: '' };
    const { exitCode, all: output } = await execa(
      process.execPath,
      [...VITEST, '--outputFile.json', counts, TEST_FILE],
      { cwd: join(ROOT, 'scripts'), env, all: true, reject: false },
    );
    expect(exitCode, output).toBe(0);
    return record(OWN_ENGINE, await readFile(file, 'utf8'), await readFile(counts, 'utf8'));
  }
  await writeEngineProject(directory);
  return compareEngineProject(directory, ['--behaviour']);
}

/** Writes the table of what was tried. What did not run this time stays as it was. */
async function writeTrials(): Promise<void> {
  await expected;
  const earlier = new Map((await readEngineTrials(ROOT)).map((trial) => [trial.name, trial]));
  const names = [OWN_ENGINE, ...ENGINE_CONTAINERS.map(({ name }) => name)];
  const table = names.flatMap((name) => trials.get(name) ?? earlier.get(name) ?? []);
  await writeFile(join(ROOT, ENGINE_TRIALS), `${JSON.stringify(table, null, 2)}\n`);
}

const vitestCounts = z.object({ numPassedTests: z.int(), numTotalTests: z.int() });

/** Records what engine.test.ts has written, and returns its report. */
function record(name: string, results: string, counts: string): Report {
  const { engine, gaps, report } = JSON.parse(results) as { engine: TestedEngine; gaps: EngineTrial['unavailable'] } & {
    report: unknown;
  };
  const { numPassedTests: passed, numTotalTests: total } = vitestCounts.parse(JSON.parse(counts));
  const { name: program, ...facts } = engine;
  const unavailable = gaps.toSorted((a, b) => (a.figure < b.figure ? -1 : 1));
  const date = new Date().toISOString().slice(0, 10);
  trials.set(name, { name, engine: program, ...facts, tests: { passed, total }, unavailable, date });
  return reportSchema.parse(report);
}

/** What has to be the same on every engine. */
const findingsOf = ({ findings }: ImageReport) => findings?.map(({ code, level, count }) => [code, level, count]);

function compareReports(actual: Report, wanted: Report): void {
  expect(actual.images.length).toBe(wanted.images.length);
  for (const [index, image] of wanted.images.entries()) {
    const other = actual.images[index];
    if (!other?.size || !image.size) throw new Error(`${image.variant} was not measured.`);
    expect(other.size.unpackedBytes).toBe(image.size.unpackedBytes);
    expect(Math.abs(other.size.pullBytes / image.size.pullBytes - 1)).toBeLessThan(0.01);
    expect(findingsOf(other)).toEqual(findingsOf(image));
    // What an engine cannot check is null; engine.test.ts knows which that may be.
    const rows = other.behaviour?.map(({ name, ok, reason }) => ({ name, ok: ok === null && reason ? 'n/a' : ok }));
    const wantedRows = image.behaviour?.map(({ name, ok }, row) => ({
      name,
      ok: rows?.[row]?.ok === 'n/a' ? 'n/a' : ok,
    }));
    expect(rows).toEqual(wantedRows);
  }
}

describe.skipIf(reason !== null)(`other engines${reason === null ? '' : `: ${reason}`}`, () => {
  for (const one of chosen) {
    test.concurrent(one.name, { timeout: 600_000 }, async () => {
      const machine = await machines.start(one);
      const env = {
        TEST_ENGINE_RESULTS: '/tmp/engine.json',
        TEST_ENGINE_TIMES: all ? 'yes' : 'no',
      };
      const { exitCode, output } = await machine.test(TEST_FILE, env);
      expect(exitCode, output).toBe(0);
      const files = ['/tmp/engine.json', '/tmp/vitest.json'];
      const [results = '', counts = ''] = await Promise.all(files.map((file) => machine.run('engine', 'cat', file)));
      compareReports(record(one.name, results, counts), await expected);
      await machine.remove();
    });
  }
});
