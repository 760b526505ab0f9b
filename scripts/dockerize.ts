// `npm run dockerize`: writes a Dockerfile for a project, and tries it.
import { join } from 'node:path';
import { Command } from 'commander';
import { parse } from 'shell-quote';
import { z } from 'zod';
import { nameOf, settingsShape, wholeNumber } from './compare/model/settings.ts';
import { type DockerizeOptions, dockerize } from './dockerize/dockerize.ts';
import { SHAPES } from './dockerize/plan-model.ts';
import { usageError } from './lib/errors.ts';
import { addOptions, option, readOptionValues, refuseSwallowedOptions, throwUsageErrors } from './lib/options.ts';
import { startProgram, userDirectory } from './lib/program.ts';

const ROOT = join(import.meta.dirname, '..');

const flag = (name: string, help: string) => option(name, help, z.boolean().default(false));

/** What dockerize does. */
const programShape = {
  like: option(
    '--like <chapter>',
    'chapter that the Dockerfile follows: 02, 03 or 04 (default: 02)',
    z.enum(SHAPES, 'expects 02, 03 or 04').default('02'),
  ),
  verify: option('--no-verify', 'only write the files: do not build and run the image', z.boolean().default(true)),
  dryRun: flag('--dry-run', 'write nothing: print the Dockerfile'),
  force: flag('--force', 'replace an existing Dockerfile, and keep it as Dockerfile.bak'),
};

/** What may not be known from the files of a project. */
const factsShape = {
  workspace: option(
    '--workspace <name>',
    'the app in a workspace: its directory or its name',
    nameOf('a package').optional(),
  ),
  node: option(
    '--node <major>',
    'major version of Node.js (default: the newest LTS that the project allows)',
    wholeNumber(18, 99).optional(),
  ),
  entry: option(
    '--entry <file>',
    'file that Node runs, relative to the app (default: what its scripts start)',
    nameOf('a file').optional(),
  ),
  args: option('--args <arguments>', 'arguments of the app', z.string().optional()),
};

const { env, envFile, secrets, buildArgs } = settingsShape;
const port = option(
  '--port <port>',
  'port that the app listens on (default: what the project says)',
  settingsShape.port,
);
const path = option('--path <path>', 'path to request (default: the health route, or else /)', settingsShape.path);
const expectStatus = option(
  '--expect-status <code>',
  'HTTP status to expect (default: 200 of a health route, else any below 500)',
  settingsShape.expectStatus,
);
/** How the image is built and requested, as compare does it. */
const verifyShape = { port, path, expectStatus, env, envFile, secrets, buildArgs };

const HELP = `
dockerize reads the project, and prints what it finds and where. It runs the project's code only in containers. Then it writes
a Dockerfile and a .dockerignore, builds and runs the image, requests it, and compares it with the Dockerfile that the project
had. If there is a Dockerfile, it is kept: the new one is Dockerfile.multi. If no file of the project names a fact, such as the
port, dockerize asks for it on a terminal. Elsewhere, an error names the option for it.

Examples:
  npm run dockerize -- ../my-app
  npm run dockerize -- ../my-app --dry-run
  npm run dockerize -- ../my-app --like 03 --port 8080 --env DATABASE_URL=file:/tmp/app.db
  npm run dockerize -- ../my-monorepo --workspace apps/api

Exit codes:
  0  the files are written, and the image passes all checks
  1  the files are written, but the image was not built, did not respond, or fails a check; or something else failed
  2  wrong use, or a fact is missing: the message names the option
  3  there is no container engine
  129, 130, 143  ended by SIGHUP, Ctrl-C or SIGTERM; the containers and images of this invocation are removed
  141  standard error was closed; they are removed as well`;

/** Reads the command line. After --help the program exits with 0. @throws {ToolError} with the code `usage`. */
function readCommandLine(args: string[]): DockerizeOptions {
  const command = new Command('npm run dockerize --')
    .description('Writes a Dockerfile like that of a chapter for a Node.js project, builds it, and tests the image.')
    .argument('<directory>', 'the project: its directory, or that of its workspace')
    .addHelpText('after', HELP);
  throwUsageErrors(command, 'Try: npm run dockerize -- --help');
  addOptions(command, programShape);
  command.optionsGroup('Facts about the project (default: what its files say):');
  addOptions(command, factsShape);
  command.optionsGroup('How the image is built, run and requested:');
  addOptions(command, verifyShape);
  refuseSwallowedOptions(command, 'dockerize');
  command.parse(args, { from: 'user' });
  const { args: appArguments, ...facts } = readOptionValues(command, factsShape);
  return {
    directory: command.args[0] ?? '.',
    ...readOptionValues(command, programShape),
    facts: { ...facts, args: appArguments === undefined ? undefined : splitWords(appArguments) },
    given: readOptionValues(command, verifyShape),
  };
}

/** The words of a text, as a shell splits them. @throws {ToolError} with the code `usage` where a shell does more, as with `>`. */
function splitWords(text: string): string[] {
  const refuse = (): never => {
    throw usageError(
      '--args has a variable, a pattern or an operator. In the image, no shell evaluates it.',
      `To pass it as text, quote it: --args "'*'"`,
    );
  };
  return parse(text, refuse).map((word) => (typeof word === 'string' ? word : refuse()));
}

await startProgram((signal) => {
  const options = readCommandLine(process.argv.slice(2));
  return dockerize(options, { root: ROOT, current: userDirectory() }, signal);
});
