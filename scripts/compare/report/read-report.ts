import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { usageError } from '../../lib/errors.ts';
import { shorten } from '../../lib/format.ts';
import { type Report, reportSchema } from '../model/report-schema.ts';
import { upgradeReport } from '../model/report-v1.ts';

const PROBLEMS: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a directory' };
const MAX_DETAILS_LENGTH = 300;
const HINT = 'A report is what --json FILE writes.';
const UPDATE_HINT = `${HINT} For one of a later version, update this tool.`;

/**
 * Reads a report that `--json` wrote. `-` is standard input; a relative path is relative to `directory`.
 * @throws {ToolError} with the code `usage` when there is no report that this version of the tool can read.
 */
export async function readReport(path: string, directory: string): Promise<Report> {
  const failure = (problem: string, hint = HINT) => usageError(`Cannot read the report ${path}: ${problem}`, hint);
  const content = path === '-' ? text(process.stdin) : readFile(resolve(directory, path), 'utf8');
  const document: unknown = await content.then(JSON.parse).catch((error: NodeJS.ErrnoException) => {
    const problem = error instanceof SyntaxError ? 'it is not JSON' : PROBLEMS[error.code ?? ''];
    throw failure(problem ?? error.message);
  });
  const parsed = reportSchema.safeParse(upgrade(document, failure));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const details = [...(issue?.path ?? []).slice(0, 9), issue?.message].join(': ');
  throw failure(`it is not a report of this version: ${shorten(details, MAX_DETAILS_LENGTH)}`, UPDATE_HINT);
}

/** Only a document that is nested without end cannot be upgraded: it is no report. */
function upgrade(document: unknown, failure: (problem: string) => Error): unknown {
  try {
    return upgradeReport(document);
  } catch {
    throw failure('it is nested too deeply');
  }
}
