import { join } from 'node:path';
import { usageError } from '../lib/errors.ts';

/** The files in the artifact: action.yml uploads their directory. */
export const FILES = { report: 'report.json', baseline: 'baseline.json', chart: 'chart.svg', sarif: 'findings.sarif' };

/**
 * The input `name`. It is part of paths and of the comment's marker.
 * @throws {ToolError} with the code `usage` for other characters.
 */
export function readName(): string {
  const name = process.env.INPUT_NAME ?? '';
  if (/^\w[\w.-]*$/.test(name) && !name.includes('--')) return name;
  throw usageError(`The input "name" expects letters, digits, dots and single hyphens, not ${JSON.stringify(name)}.`);
}

/** The lines of an input, without empty ones. */
export function readLines(input: string): string[] {
  const lines = (process.env[input] ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

/** Where the files of a name are in the job. action.yml names the same path. */
export const filesDirectory = (name: string) => join(readVariable('RUNNER_TEMP'), name);

/** A variable that GitHub sets. @throws {ToolError} with the code `usage` without it. */
export function readVariable(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw usageError(`The environment variable ${name} is not set.`, 'This program is a step of a GitHub action.');
}
