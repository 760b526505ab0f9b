import { join } from 'node:path';
import { print, trivyReport, writeScanner } from '../scanner-program.ts';
import { SMALL } from './row.ts';
import type { Row } from './trial.ts';

/** A row about a scanner that does this. No fault of a scanner changes the exit code. */
const scanner = (name: string, code: string | null, says: Row['says'], others: Partial<Row> = {}): Row => ({
  name,
  files: { Dockerfile: SMALL },
  command: 'compare . --no-run --scan trivy',
  prepare: async (trial) => {
    if (code === null) return;
    const directory = join(trial.directory, 'scanners');
    await writeScanner(directory, 'trivy', code, { Version: '1\u001b[31m\n' });
    trial.env.PATH = `${directory}:${trial.env.PATH}`;
  },
  code: 0,
  says: [/app +Dockerfile .*\d+ B/, ...(says ?? [])],
  within: 40,
  ...others,
});

/** Scanners that are missing, fail, or print what they should not. */
export const SCANNERS: Row[] = [
  scanner('it is not installed', null, ['There is no trivy on the PATH']),
  scanner('it prints 600 MB', 'head -c 600000000 /dev/zero', ['trivy printed more than 128 MB.']),
  scanner('it prints 600 MB of errors', 'head -c 600000000 /dev/zero >&2', ['trivy printed more than 128 MB.']),
  scanner(
    'it prints secrets',
    'echo "FATAL x: GITHUB_TOKEN=open-sesame https://me:sesame1@host" >&2; exit 1',
    ['***'],
    {
      hides: ['sesame'],
    },
  ),
  scanner('it prints escape codes', String.raw`printf 'a\033]0;title\007b\033[31m\n::error::c' >&2; exit 1`, [
    'trivy failed: ::error::c',
  ]),
  scanner('its version has escape codes', print(trivyReport([])), [String.raw`scanner: trivy 1\u001b[31m`]),
  scanner(
    'it leaves a process that ignores signals',
    `(trap '' INT TERM; sleep 50) & ${print(trivyReport([]))}; exit 0`,
    ['scanner: trivy'],
    { within: 15 },
  ),
];
