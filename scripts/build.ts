// `npm pack` and `npm publish` run it first: builds the package compare-dockerfiles, which is this directory.
import { EXIT } from './lib/errors.ts';
import { startProgram } from './lib/program.ts';
import { buildPackage } from './package/build-package.ts';

await startProgram(async (signal) => {
  await buildPackage(signal);
  return EXIT.ok;
});
