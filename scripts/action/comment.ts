// The step of comment/action.yml, which a workflow uses that runs after the one that measures.
import { print } from '../lib/print.ts';
import { startProgram } from '../lib/program.ts';
import { commentOnRun } from './comment-on-run.ts';

await startProgram(async () => {
  print(await commentOnRun());
  return 0;
});
