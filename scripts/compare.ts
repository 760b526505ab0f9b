// `npm run compare`: builds the Dockerfiles of chapters or projects, runs the images, requests them, and compares them.
import { join } from 'node:path';
import { readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { startProgram, userDirectory } from './lib/program.ts';

const ROOT = join(import.meta.dirname, '..');

await startProgram((signal) => {
  const options = readOptions(process.argv.slice(2));
  return compare(options, { root: ROOT, current: userDirectory() }, signal);
});
