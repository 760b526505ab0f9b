import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../compare/model/report-schema.ts';
import { readReport } from '../compare/report/read-report.ts';
import { summarizeError, ToolError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';

/** A report of 8 images with all details has 400 kB. */
const MAX_BYTES = 10_000_000;
/** The longest message about a file that is not a report, in characters. */
const MAX_MESSAGE = 300;

/** The longest text and list of a table, in characters and entries: in Markdown, all rows are as wide as the longest cell. */
const MAX_TEXT = 300;
const MAX_ENTRIES = 50;
/** The longest output of a program that failed, in characters. */
const MAX_ERROR = 5000;

/**
 * Reads a report of an artifact, which the code of a fork may have written. Undefined when there is none.
 * @throws {ToolError} when it is not a report.
 */
export async function readUntrustedReport(directory: string, file: string): Promise<Report | undefined> {
  const path = join(directory, file);
  const stats = await lstat(path).catch(() => null);
  if (!stats) return undefined;
  if (!stats.isFile()) throw new ToolError(`The artifact's ${file} is not a file.`);
  if (stats.size > MAX_BYTES) throw new ToolError(`The artifact's ${file} is larger than ${MAX_BYTES / 1e6} MB.`);
  try {
    return limit(await readReport(path, directory));
  } catch (error) {
    // On one line: GitHub obeys a line of a step's output that begins with two colons.
    throw new ToolError(`The artifact's ${file} cannot be read. ${shorten(summarizeError(error), MAX_MESSAGE)}`);
  }
}

/** A report without what is too much for a comment. */
function limit<T>(value: T, key = ''): T {
  if (typeof value === 'string') return cut(value, key === 'error' ? MAX_ERROR : MAX_TEXT) as T;
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((entry) => limit(entry)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, limit(entry, name)])) as T;
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
