// `npm run sync`: updates the files of this repository that are copies of something else.
import { join } from 'node:path';
import { Command } from 'commander';
import { EXIT } from './lib/errors.ts';
import { throwUsageErrors } from './lib/options.ts';
import { print } from './lib/print.ts';
import { startProgram } from './lib/program.ts';
import { syncRepository } from './sync/sync-repository.ts';

const DESCRIPTION =
  'Updates the app and the lockfile of each chapter, adds the first budgets of new variants, and writes the JSON Schemas.';
const EXIT_CODES = '\nExit codes: 0 everything is in sync, 1 something failed, 2 wrong use';

await startProgram(async (signal) => {
  const command = new Command('npm run sync').description(DESCRIPTION).addHelpText('after', EXIT_CODES);
  throwUsageErrors(command, 'Try: npm run sync -- --help').parse();
  const changed = await syncRepository(join(import.meta.dirname, '..'), signal);
  print(changed.length > 0 ? `Synced:\n  ${changed.join('\n  ')}` : 'Everything is in sync.');
  return EXIT.ok;
});
