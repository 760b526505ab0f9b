// The package compare-dockerfiles and the GitHub action: compare for any project, without the chapters of this repository.
import { PACKAGE, readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { startProgram } from './lib/program.ts';

await startProgram((signal) => {
  const options = readOptions(process.argv.slice(2), PACKAGE);
  // Not where npm was started: a project's npm script may name directories relative to its package.json.
  return compare(options, { root: null, current: process.cwd() }, signal);
});
