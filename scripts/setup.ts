// `npm run setup`: installs what this machine lacks for `npm run compare`.
import { join } from 'node:path';
import { Command } from 'commander';
import { EXIT, exitCodeOf } from './lib/errors.ts';
import { throwUsageErrors } from './lib/options.ts';
import { startProgram, userDirectory } from './lib/program.ts';
import { setUp } from './setup/set-up.ts';

const DESCRIPTION = `Shows what this machine has, and installs what is missing:
  1. the repository's dependencies (npm ci)
  2. a container engine that answers: on Debian and Ubuntu, as root or with
     sudo, Docker is installed and started
  3. the base images of the chapters, and of the projects that you name, such
     as scripts/shapes: pulled, or built as stand-ins where no image registry
     can be reached`;

const EXIT_CODES = `
Exit codes:
  0  everything is there
  1  a step failed
  2  wrong use
  3  there is no container engine that this user may use
  129, 130, 143  ended by SIGHUP, Ctrl-C or SIGTERM`;

await startProgram(async (signal) => {
  const command = new Command('npm run setup --')
    .description(DESCRIPTION)
    .argument('[directories...]', 'projects whose base images are provided as well')
    .addHelpText('after', EXIT_CODES);
  throwUsageErrors(command, 'Try: npm run setup -- --help').parse();
  // The child processes end with this one. Steps that are not finished are repeated by the next setup.
  signal.addEventListener('abort', () => process.exit(exitCodeOf(signal.reason)));
  await setUp(command.args, { root: join(import.meta.dirname, '..'), current: userDirectory() });
  return EXIT.ok;
});
