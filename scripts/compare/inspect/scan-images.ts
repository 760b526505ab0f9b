import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import which from 'which';
import type { Engine } from '../../engine/engine.ts';
import { summarizeError, ToolError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { redact } from '../../lib/redact.ts';
import { spawnLimited } from '../../lib/spawn.ts';
import { createWorkDirectory } from '../../lib/work-directory.ts';
import { type Measurement, type Surroundings, type WithImage, withImages } from '../model/measurement.ts';
import type { Scan, ScannerName } from '../model/scan-schema.ts';
import { subjectName } from '../model/subject.ts';
import { grype } from './grype.ts';
import { provideArchive } from './scan-archive.ts';
import { countFindings, type Scanner, type ScannerVersion } from './scanner.ts';
import type { StoredImage } from './stored-image.ts';
import { trivy } from './trivy.ts';

const SCANNERS: Record<ScannerName, Scanner> = { trivy, grype };

/** How long a scanner may take for one image, in milliseconds. The first time, it downloads its database. */
const SCAN_LIMIT_MS = 600_000;
/** How long it may take to say its version. */
const VERSION_LIMIT_MS = 20_000;
/** The report of an image with thousands of findings has some ten megabytes. */
const MAX_REPORT_BYTES = 128e6;
const MAX_VERSION_BYTES = 1e6;
/** Of the end of what a scanner says, in characters: what is read, and what is repeated. */
const MAX_MESSAGES = 1 << 16;
const MAX_REASON = 400;
const MAX_VERSION = 60;

interface ScanOptions {
  /** The images that are stored outside of an engine. */
  stored: Map<Measurement, StoredImage>;
  /** The directory of the user: the scanner finds its settings there. */
  current: string;
  /** For one image, in milliseconds. */
  limitMs?: number;
}

/** What the scans of one invocation share. */
interface Setting {
  scanner: Scanner;
  program: string;
  spawnOptions: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal };
  limitMs: number;
}

/**
 * Has a scanner that the user has installed count the vulnerabilities in each image, one image after the other. Whatever it
 * does, it is no error of an image: what it did not count has a reason.
 *
 * @param engine null where all images are stored outside of one.
 */
export async function scanImages(
  surroundings: Surroundings,
  engine: Engine | null,
  measurements: Measurement[],
  name: ScannerName,
  { stored, current, limitMs = SCAN_LIMIT_MS }: ScanOptions,
): Promise<void> {
  const images = withImages(measurements);
  if (images.length === 0) return;
  const { signal, progress } = surroundings;
  const task = progress.task(name);
  const scanner = SCANNERS[name];
  const noResult: Scan = { scanner: name, version: null, database: null, counts: null, fixable: null, reason: null };
  const refuse = (reason: string) => {
    for (const measurement of images) measurement.scan = { ...noResult, reason };
    task.fail(`not scanned: ${reason}`);
  };
  const program = await which(name, { nothrow: true });
  if (program === null) return refuse(`There is no ${name} on the PATH. To install it: ${scanner.url}`);
  const directory = await createWorkDirectory().catch((error: ToolError) => error);
  if (typeof directory !== 'string') return refuse(describeReason(directory));
  try {
    // The scanner's temporary files as well: one that is killed leaves them.
    const temporary = { TMPDIR: directory, TMP: directory, TEMP: directory };
    const env = { ...process.env, ...scanner.environment, ...temporary };
    const setting: Setting = { scanner, program, spawnOptions: { cwd: current, env, signal }, limitMs };
    let timedOut: string | undefined;
    for (const [index, measurement] of images.entries()) {
      const report = (what: string) =>
        task.update(`${what} ${subjectName(measurement.subject)} (${index + 1} of ${images.length})`);
      const scan = async () => {
        if (timedOut !== undefined) throw new ToolError(timedOut);
        const source = { engine, id: measurement.image.id, stored: stored.get(measurement) };
        return scanImage(setting, source, measurement, { directory: join(directory, String(index)), report });
      };
      measurement.scan = await scan().catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof ToolError && error.code === 'timed-out') timedOut = `Not tried: ${error.message}`;
        return { ...noResult, reason: describeReason(error, directory) };
      });
    }
    await addVersion(setting, images);
  } finally {
    const note = (error: Error) => progress.note(`Not removed: ${error.message}`);
    await rm(directory, { recursive: true, force: true }).catch(note);
  }
  const failures = images.filter(({ scan }) => scan?.counts == null).length;
  if (failures === 0) task.done('scanned');
  else task.fail(failures === images.length ? 'not scanned' : `not scanned: ${failures} of ${images.length}`);
}

/** Scans one image. Its files are in `directory`, which is then removed. */
async function scanImage(
  setting: Setting,
  source: Parameters<typeof provideArchive>[0],
  { image }: WithImage,
  { directory, report }: { directory: string; report: (what: string) => void },
): Promise<Scan> {
  const { scanner, program, spawnOptions, limitMs } = setting;
  await mkdir(directory);
  try {
    report('saving');
    const { path, form } = await provideArchive(source, scanner, directory, spawnOptions.signal);
    report('scanning');
    const limits = { timeout: limitMs, output: MAX_REPORT_BYTES };
    const printed = await spawnLimited(program, scanner.scanArgs(path, form), limits, spawnOptions);
    // The exit code may say that there are vulnerabilities, where the user has set it so.
    const found = scanner.readReport(parseJson(printed.stdout));
    if (!found) throw explainReport(scanner, printed);
    if (found.diffIds && found.diffIds.join() !== image.diffIds.join()) {
      throw new ToolError(`${scanner.name} has read another image, because there are several at this place.`);
    }
    return { scanner: scanner.name, ...describeVersion(found), ...countFindings(found, scanner), reason: null };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Adds what the reports do not say. The scanner may have updated its database just now. */
async function addVersion({ scanner, program, spawnOptions }: Setting, images: WithImage[]): Promise<void> {
  const { signal } = spawnOptions;
  const limits = { timeout: VERSION_LIMIT_MS, output: MAX_VERSION_BYTES };
  const printed = await spawnLimited(program, scanner.versionArgs, limits, spawnOptions).catch(() => null);
  signal.throwIfAborted();
  const found = describeVersion(scanner.readVersion(parseJson(printed?.stdout ?? '')));
  for (const { scan } of images) {
    if (!scan) continue;
    scan.version ??= found.version;
    if (scan.counts) scan.database ??= found.database;
  }
}

/** A version and a date as a report has them. Both are whatever the scanner printed. */
function describeVersion({ version, database }: ScannerVersion): Pick<Scan, 'version' | 'database'> {
  const date = new Date(database ?? '');
  return {
    version: version ? shorten(redact(version), MAX_VERSION) : null,
    // Go writes the year 1 for no date. A report cannot have a year of more than four digits.
    database: date.getUTCFullYear() > 2000 && date.getUTCFullYear() < 10_000 ? date.toISOString() : null,
  };
}

/** Why there is no report in what a scanner printed. */
function explainReport(
  { name, since }: Scanner,
  { stderr, stdout, exitCode }: { stderr: string; stdout: string; exitCode: number },
): ToolError {
  if (exitCode === 0) {
    return new ToolError(`${name} printed something else than the report of ${name} ${since} and later.`);
  }
  const end = (stderr.trim() || stdout).slice(-MAX_MESSAGES);
  const lines = end.split('\n').map((line) => stripVTControlCharacters(line).trim());
  return new ToolError(`${name} failed: ${findProblem(lines.filter(Boolean)) ?? `it ended with ${exitCode}.`}`);
}

/** What a scanner says at its end: one that refuses an option explains them all, and the last error may be of several lines. */
function findProblem(lines: string[]): string | undefined {
  const fatal = lines.findLastIndex((line) => /\sFATAL\s/.test(line));
  if (fatal >= 0)
    return lines
      .slice(fatal)
      .join(' ')
      .replace(/^.*?\sFATAL\s+/, '');
  return lines.find((line) => line.startsWith('Error: ')) ?? lines.at(-1);
}

function describeReason(error: unknown, directory?: string): string {
  const hint = error instanceof ToolError && error.hint ? ` ${error.hint}` : '';
  const text = `${summarizeError(error)}${hint}`;
  return shorten(redact(directory === undefined ? text : text.replaceAll(directory, '…')), MAX_REASON);
}
