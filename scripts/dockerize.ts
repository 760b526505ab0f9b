// `npm run dockerize`: writes a Dockerfile for a project, and tries it.
import { join } from 'node:path';
import { dockerize } from './dockerize/dockerize.ts';
import { readCommandLine } from './dockerize/read-command-line.ts';
import { startProgram, userDirectory } from './lib/program.ts';

const ROOT = join(import.meta.dirname, '..');

await startProgram((signal) => {
  const options = readCommandLine(process.argv.slice(2));
  return dockerize(options, { root: ROOT, current: userDirectory() }, signal);
});
