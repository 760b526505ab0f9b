// `npm run compare`: builds the Dockerfiles of chapters or projects, runs the images, requests them, and compares them.
import { join } from 'node:path';
import { readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { runProgram } from './lib/program.ts';

const ROOT = join(import.meta.dirname, '..');

await runProgram((signal) => {
  const options = readOptions(process.argv.slice(2));
  // npm changes to the directory of package.json. Paths are relative to the directory where the user runs it.
  const directories = { root: ROOT, current: process.env.INIT_CWD ?? process.cwd() };
  return compare(options, directories, signal);
});
