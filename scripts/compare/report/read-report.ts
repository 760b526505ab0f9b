import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { ToolError } from '../../lib/errors.ts';
import { type Report, reportSchema } from '../model/report-schema.ts';
import { upgradeReport } from '../model/report-v1.ts';

const PROBLEMS: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };

/**
 * Reads a report that `--json` wrote. `-` is standard input.
 *
 * @throws {ToolError} with exit code 2 when there is none, or it is something else.
 */
export async function readReport(path: string, folder: string): Promise<Report> {
  const fail = (problem: string) =>
    new ToolError(`Cannot read the report ${path}: ${problem}`, {
      code: 'usage',
      hint: 'A report is what npm run compare -- --json FILE writes.',
    });
  const content = await (path === '-' ? text(process.stdin) : readFile(resolve(folder, path), 'utf8')).catch(
    (error) => {
      throw fail(PROBLEMS[error.code as string] ?? (error as Error).message);
    },
  );
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    throw fail('it is not JSON');
  }
  const parsed = reportSchema.safeParse(upgradeReport(json));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fail(
      `it is not a report of this version: ${[...(issue?.path ?? []).slice(0, 9), issue?.message].join(': ')}`,
    );
  }
  return parsed.data;
}
