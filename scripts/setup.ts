// `npm run setup`: installs what this machine lacks for `npm run compare`.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, exitCodeOf, usageError } from './lib/errors.ts';
import { runProgram } from './lib/program.ts';
import { setUp } from './setup/set-up.ts';

const HELP = `Usage: npm run setup [-- directory...]

Shows what this machine has, and installs what is missing:
  1. the repository's dependencies (npm ci)
  2. a container engine that answers; on Debian and Ubuntu, as root or with sudo, Docker is installed and started
  3. the base images of the chapters, and of the Dockerfiles in the directories that you name, such as scripts/shapes:
     pulled, or built as stand-ins where no image registry can be reached

Exit codes: 0 everything is there, 1 a step failed, 2 wrong use, 3 no container engine that this user may use, with what to
do; ended by a signal: 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM`;

const ROOT = join(import.meta.dirname, '..');

await runProgram(async (signal) => {
  const { help, directories } = readOptions(process.argv.slice(2));
  if (help) {
    console.log(HELP);
    return EXIT.ok;
  }
  // The child processes end with this one. Steps that are not finished are repeated by the next setup.
  signal.addEventListener('abort', () => process.exit(exitCodeOf(signal.reason)));
  // npm changes to the directory of package.json. Paths are relative to the directory where the user runs it.
  const current = process.env.INIT_CWD ?? process.cwd();
  const paths = directories.map((path) => resolve(current, path));
  await setUp(ROOT, paths);
  return EXIT.ok;
});

function readOptions(args: string[]): { help: boolean; directories: string[] } {
  try {
    const options = { help: { type: 'boolean', short: 'h', default: false } } as const;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { ...values, directories: positionals };
  } catch (error) {
    throw usageError((error as Error).message, 'Try: npm run setup -- --help');
  }
}
