import type { Report } from '../compare/model/report-schema.ts';
import { findChanges } from '../compare/report/changes.ts';
import { markdownBlocks } from '../compare/report/markdown.ts';
import { markdownText } from '../lib/format.ts';
import type { WorkflowRun } from './find-pull-request.ts';

/** GitHub refuses a longer one: "body is too long (maximum is 65536 characters)". */
const MAX_COMMENT = 65_536;

/** The invisible beginning of a comment, by which a later run finds the comment. */
export const markerOf = (name: string) => `<!-- compare-dockerfiles: ${name} -->`;

/** The comment about a run: first what changed, then the sizes. Whole parts that do not fit are left out. */
export function writeComment(name: string, run: WorkflowRun, report: Report, baseline: Report | undefined): string {
  const { conclusion, head_sha: commit, html_url: address } = run;
  const changes = baseline && findChanges(report, baseline);
  const isFailed = conclusion !== 'success';
  const begin = [
    markerOf(name),
    `## ${markdownText(name)}`,
    `[This run](${address}) measured ${commit}.`,
    ...(isFailed ? ['**The run did not succeed.** Its summary says why, such as an exceeded budget.'] : []),
    ...(baseline ? [] : ['There is no earlier report to compare with: all images are new.']),
  ];
  return joinWhatFits(
    begin,
    markdownBlocks(report, { changes }),
    `The rest is in the summary of [the run](${address}).`,
  );
}

function joinWhatFits(begin: string[], blocks: string[], more: string): string {
  const join = (parts: string[]) => parts.join('\n\n');
  const whole = join([...begin, ...blocks]);
  if (whole.length <= MAX_COMMENT) return whole;
  const parts = [...begin];
  let rest = MAX_COMMENT - join([...begin, more]).length - 2;
  for (const block of blocks) {
    rest -= block.length + 2;
    if (rest < 0) break;
    parts.push(block);
  }
  // Without the title of what did not fit.
  if (parts.at(-1)?.startsWith('### ')) parts.pop();
  return join([...parts, more]);
}
