import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** More lines than this on standard error hide what matters. */
const ERROR_LINES = 40;

/** What no output may have in it. */
const NEVER: [what: string, pattern: RegExp][] = [
  ['a stack trace', /\n {4}at /],
  ['[object Object]', /\[object Object\]/],
  ["a validator's dump", /ZodError|"path": \[|invalid_type/],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is searched for.
  ['a control character', /[\x00-\x09\x0b-\x1f\x7f-\x9f]/],
];

/** How long a command may take where its row does not say it, in seconds. */
export const LIMIT_S = 60;

/** What is expected of a command. */
export interface Expectations {
  /** The files of the project, by their path below its directory. None may be changed. */
  files?: Record<string, string | { link: string }>;
  /** The exit code. That of a signal is 128 plus its number. */
  code: number;
  /** What the output must have in it. */
  says?: (string | RegExp)[];
  /** What neither the output nor a file that the command writes may have in it. */
  hides?: (string | RegExp)[];
  /** How long the command may take, in seconds: from its start, or from the first signal. */
  within?: number;
}

/** How a command ended, and what it printed. */
interface CommandResult {
  code: number;
  seconds: number;
  stdout: string;
  stderr: string;
}

/** What is not as expected, in words. */
export async function findProblems(
  row: Expectations,
  project: string,
  { code, seconds, stdout, stderr }: CommandResult,
) {
  const { says = [], hides = [], files = {}, within = LIMIT_S } = row;
  const output = stdout + stderr;
  const lines = stderr.split('\n').length - 1;
  const problems = [
    ...(code === row.code ? [] : [`the exit code is ${code}, not ${row.code}`]),
    ...(seconds <= within ? [] : [`it took ${seconds.toFixed(1)} s, more than ${within} s`]),
    ...(lines <= ERROR_LINES ? [] : [`it prints ${lines} lines on standard error`]),
    ...says.filter((text) => !contains(output, text)).map((text) => `it does not say ${text}`),
    ...hides.filter((text) => contains(output, text)).map((text) => `it says ${text}`),
    ...NEVER.filter(([, pattern]) => pattern.test(output)).map(([what]) => `it prints ${what}`),
  ];
  for (const [name, content] of Object.entries(files)) {
    if (typeof content !== 'string') continue;
    const text = await readFile(join(project, name), 'utf8').catch(() => null);
    if (text !== content) problems.push(`it changed ${JSON.stringify(name)}`);
  }
  // What the command has written.
  for (const entry of await readdir(project, { withFileTypes: true })) {
    if (entry.name in files || !entry.isFile()) continue;
    const text = await readFile(join(project, entry.name), 'utf8').catch(() => '');
    for (const hidden of hides) if (contains(text, hidden)) problems.push(`${entry.name} has ${hidden} in it`);
  }
  return problems;
}

const contains = (text: string, part: string | RegExp) =>
  typeof part === 'string' ? text.includes(part) : part.test(text);
