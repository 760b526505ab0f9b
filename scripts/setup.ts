// `npm run setup`: installs what this machine lacks for `npm run compare`.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { EXIT, usageError } from './lib/errors.ts';
import { throwUsageErrors } from './lib/options.ts';
import { startProgram, userDirectory } from './lib/program.ts';
import { removeAllStandIns, setUp } from './setup/set-up.ts';

const DESCRIPTION = `Shows what this machine has, and installs what is missing:
  1. the repository's dependencies (npm ci)
  2. a running container engine: on Debian and Ubuntu, as root or with sudo,
     setup installs and starts Docker
  3. the base images of the chapters, and of the projects that you name, such
     as scripts/shapes: setup pulls them. Where no registry can be reached, it
     builds stand-ins under the names of the official images; on a terminal, it
     asks first`;

const EXIT_CODES = `
Exit codes:
  0  everything is there
  1  a step failed
  2  wrong use
  3  there is no container engine that this user may use
  129, 130, 143  ended by SIGHUP, Ctrl-C or SIGTERM
  141  standard error was closed`;

const HINT = 'Try: npm run setup -- --help';

await startProgram(async (signal) => {
  const command = new Command('npm run setup --')
    .description(DESCRIPTION)
    .argument('[directories...]', 'projects whose base images setup provides as well')
    .addOption(new Option('--stand-ins', 'build stand-ins without asking a registry'))
    .addOption(new Option('--remove-stand-ins', 'only remove all stand-ins').conflicts('standIns'))
    .addHelpText('after', EXIT_CODES);
  throwUsageErrors(command, HINT).parse();
  const { standIns = false, removeStandIns } = command.opts<{ standIns?: boolean; removeStandIns?: boolean }>();
  const projects = command.args;
  if (removeStandIns && projects.length > 0) throw usageError('--remove-stand-ins expects no directories.', HINT);
  if (removeStandIns) await removeAllStandIns(signal);
  else await setUp({ projects, standIns }, { root: join(import.meta.dirname, '..'), current: userDirectory() }, signal);
  return EXIT.ok;
});
