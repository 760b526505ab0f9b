// The step of comment/action.yml: comments on the pull request that another workflow has measured.
import { print } from '../lib/print.ts';
import { startProgram } from '../lib/program.ts';
import { commentOnRun } from './comment-on-run.ts';

await startProgram(async () => {
  print(await commentOnRun());
  return 0;
});
