// The program of the package compare-dockerfiles: compare for any project, without the chapters of this repository.
import { PACKAGE, readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { startProgram } from './lib/program.ts';

await startProgram((signal) => {
  const options = readOptions(process.argv.slice(2), PACKAGE);
  // npm runs a project's scripts in the directory of its package.json: their arguments are relative to that.
  return compare(options, { root: null, current: process.cwd() }, signal);
});
