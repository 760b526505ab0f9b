import { z } from 'zod';
import { findPullRequest, readWorkflowRun } from './find-pull-request.ts';
import { requestGitHub } from './github-api.ts';
import { FILES, filesDirectory, readName } from './inputs.ts';
import { readUntrustedReport } from './read-artifact.ts';
import { markerOf, writeComment } from './write-comment.ts';

/** The account of github.token. No user can have a name with brackets. */
const OUR_LOGIN = 'github-actions[bot]';
const PER_PAGE = 100;
const MAX_PAGES = 100;

const commentSchema = z.object({
  id: z.int(),
  body: z.string().nullish(),
  user: z.object({ login: z.string(), type: z.string() }).nullable(),
});
const writtenSchema = z.object({ html_url: z.string() });

/**
 * Comments on the pull request that a workflow run has measured, or updates the comment of an earlier run.
 *
 * @returns what was done, or why there is no comment, which is not an error.
 * @throws {ToolError} when the artifact has something else than a report, and when GitHub refuses.
 */
export async function commentOnRun(): Promise<string> {
  const name = readName();
  const run = await readWorkflowRun();
  const directory = filesDirectory(name);
  const report = await readUntrustedReport(directory, FILES.report);
  if (!report) return `No comment. The run has no artifact "${name}" with a report: it ended before it measured.`;
  const baseline = await readUntrustedReport(directory, FILES.baseline);
  const pull = await findPullRequest(run);
  if (typeof pull === 'string') return `No comment. ${pull}`;
  const body = writeComment(name, run, report, baseline);
  const id = await findComment(pull, markerOf(name));
  const written = id
    ? await requestGitHub('PATCH', `/issues/comments/${id}`, writtenSchema, { body })
    : await requestGitHub('POST', `/issues/${pull}/comments`, writtenSchema, { body });
  return `${id ? 'Updated' : 'Created'} ${written.html_url}`;
}

/** The number of the comment that an earlier run wrote. Comments of users may have the same marker. */
async function findComment(pull: number, marker: string): Promise<number | undefined> {
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const path = `/issues/${pull}/comments?per_page=${PER_PAGE}&page=${page}`;
    const comments = await requestGitHub('GET', path, z.array(commentSchema));
    const isOurs = ({ body, user }: z.infer<typeof commentSchema>) =>
      user?.login === OUR_LOGIN && user.type === 'Bot' && body?.startsWith(marker);
    const ours = comments.find(isOurs);
    if (ours) return ours.id;
    if (comments.length < PER_PAGE) break;
  }
  return undefined;
}
