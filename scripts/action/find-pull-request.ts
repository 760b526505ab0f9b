import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { usageError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { requestGitHub } from './github-api.ts';
import { readVariable } from './inputs.ts';

// https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
const eventSchema = z.object({
  workflow_run: z.object({
    event: z.string(),
    conclusion: z.string().nullable(),
    head_branch: z.string().nullable(),
    head_sha: z.string(),
    head_repository: z.object({ full_name: z.string(), owner: z.object({ login: z.string() }) }).nullable(),
    html_url: z.string(),
  }),
});

export type WorkflowRun = z.infer<typeof eventSchema>['workflow_run'];

const pullsSchema = z.array(
  z.object({
    number: z.int(),
    head: z.object({ sha: z.string(), repo: z.object({ full_name: z.string() }).nullable() }),
  }),
);

/** Reads the event: the workflow run that has ended. @throws {ToolError} with the code `usage` for another event. */
export async function readWorkflowRun(): Promise<WorkflowRun> {
  const text = await readFile(readVariable('GITHUB_EVENT_PATH'), 'utf8');
  const parsed = eventSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.workflow_run;
  const hint = 'Copy docs/examples/size-comment.yml. The action that measures belongs in another workflow.';
  throw usageError('The comment requires the event workflow_run.', hint);
}

/**
 * The number of the open pull request that a workflow run has measured, or why there is none. It comes from GitHub's
 * event and never from the artifact, in which a fork could name another pull request.
 */
export async function findPullRequest(run: WorkflowRun): Promise<number | string> {
  const { event, head_branch: branch, head_repository: repository, head_sha: commit } = run;
  if (event !== 'pull_request') return `The run was started by ${event}, not by a pull request.`;
  if (branch === null || repository === null) return 'The branch of the pull request was deleted.';
  // The event does not name pull requests from forks: https://github.com/actions/runner/issues/3444
  const head = encodeURIComponent(`${repository.owner.login}:${branch}`);
  const pulls = await requestGitHub('GET', `/pulls?state=open&per_page=100&head=${head}`, pullsSchema);
  // A newer commit has a run of its own, whose comment must not be replaced with this older report.
  const found = pulls.filter((pull) => pull.head.sha === commit && pull.head.repo?.full_name === repository.full_name);
  const [first] = found;
  if (!first) return `No open pull request has the commit ${commit} as its last one.`;
  if (found.length === 1) return first.number;
  // They have different base branches, and the event does not say with which of them the report was compared.
  return `Several pull requests have this commit: ${found.map(({ number }) => `#${number}`).join(', ')}.`;
}
