// `npm run docs`: measures what the documents tell, runs every command in them, and writes the numbers, outputs and
// charts anew.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyRepository, findDocuments } from './docs/documents.ts';
import { writeAll } from './docs/render.ts';
import { REPORT_FILES, readReports } from './docs/reports.ts';
import { hasBasesOf, tryDocument, withOutputs } from './docs/try-document.ts';
import { findEngine } from './engine/find-engine.ts';
import { EXIT, ToolError } from './lib/errors.ts';
import { runProgram } from './lib/program.ts';

const HELP = `Usage: npm run docs [-- option [names...]]

Measures all chapters, their mistakes and the public shapes (docs/reports), runs every command of every document, and
writes the numbers, outputs and charts of the documents anew. About forty minutes. Let nothing else run meanwhile.

  --measure [chapters|mistakes|shapes]   only measure, and render
  --run [documents...]                   only run the commands and refresh their outputs, and render
  --render                               only write the numbers and charts, from the reports that are there; needs no engine

Exit codes: 0 all is refreshed; 1 a command failed, or printed something else than numbers that differ; 2 wrong use`;

const ROOT = join(import.meta.dirname, '..');

/** How each report is measured. */
const MEASURE: Record<keyof typeof REPORT_FILES, string[]> = {
  chapters: ['compare', '--bench', '--runs', '3', '--behaviour'],
  mistakes: ['compare', '--mistakes'],
  shapes: ['bench-shapes', '--runs', '1'],
};

async function measure(name: keyof typeof REPORT_FILES, signal: AbortSignal): Promise<void> {
  const file = join(ROOT, REPORT_FILES[name]);
  await mkdir(dirname(file), { recursive: true });
  console.error(`Measuring ${name}`);
  const [program = '', ...args] = MEASURE[name];
  // Its progress is seen, its tables are not: they are in the documents.
  const command = ['--', join(ROOT, 'scripts/start.mjs'), program, ...args, '--json', file];
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'ignore', 'inherit'],
    signal,
    killSignal: 'SIGTERM',
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new ToolError(`${name} was not measured: ${program} ended with exit code ${code}.`);
}

/** Runs the documents and refreshes their outputs. Returns how many problems were told. */
async function runDocuments(files: string[], signal: AbortSignal): Promise<number> {
  const engine = await findEngine();
  const reports = await readReports(ROOT);
  const sameBases = await hasBasesOf(reports.chapters, engine);
  const copy = await copyRepository(ROOT);
  let count = 0;
  try {
    for (const file of files) {
      signal.throwIfAborted();
      const begin = Date.now();
      const { text, ran, problems } = await tryDocument(copy, file, { engine, signal, sameBases });
      await writeFile(join(ROOT, file), withOutputs(text, ran));
      console.error(`${file}: ${ran.length} blocks in ${Math.round((Date.now() - begin) / 1000)} s`);
      for (const { line, text: problem } of problems) console.error(`${file}:${line}: ${problem}\n`);
      count += problems.length;
    }
  } finally {
    await rm(dirname(copy), { recursive: true, force: true });
  }
  return count;
}

await runProgram(async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      measure: { type: 'boolean', default: false },
      run: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return EXIT.ok;
  }
  const all = !values.measure && !values.run && !values.render;
  const documents = await findDocuments(ROOT);
  const names = Object.keys(REPORT_FILES) as (keyof typeof REPORT_FILES)[];
  const known: string[] = values.measure ? names : values.run ? documents : [];
  const unknown = positionals.find((one) => !known.includes(one));
  if (unknown !== undefined) {
    throw new ToolError(`There is no "${unknown}" to measure or to run.`, {
      code: 'usage',
      hint: known.length > 0 ? `There are: ${known.join(', ')}` : 'Names come after --measure or --run.',
    });
  }
  const isWanted = (one: string) => positionals.length === 0 || positionals.includes(one);
  if (all || values.measure) for (const name of names.filter(isWanted)) await measure(name, signal);
  const problems = all || values.run ? await runDocuments(documents.filter(isWanted), signal) : 0;
  const changed = await writeAll(ROOT, await readReports(ROOT));
  console.error(changed.length === 0 ? 'Numbers and charts are as they were.' : `Written:\n  ${changed.join('\n  ')}`);
  return problems === 0 ? EXIT.ok : EXIT.failed;
});
