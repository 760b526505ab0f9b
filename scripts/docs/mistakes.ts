import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BEHAVIOURS } from '../compare/model/behaviours.ts';
import type { Report } from '../compare/model/report-schema.ts';
import { differs } from '../compare/report/figures.ts';
import { findImage } from '../compare/report/section.ts';
import { bytes, duration } from '../lib/format.ts';
import { spawnText } from '../lib/spawn.ts';
import { copyFiles, listFiles, readerEnvironment } from './documents.ts';
import { imageOf, type Reports } from './reports.ts';

/** The one that costs time only, so that its builds are timed. */
export const TIMED_MISTAKE = '01-first-dockerfile/mistakes/copy-before-install';

/** The first line of each Dockerfile of a mistake. */
const DEMONSTRATION = '# A demonstration, not a template.\n';

/** A project with two Dockerfiles, and the comment that each begins with. */
export interface Mistake {
  /** Relative to the repository, such as `01-first-dockerfile/mistakes/no-dockerignore`. */
  directory: string;
  mistake: string;
  fixed: string;
}

/** @throws when a Dockerfile does not say in its first line that it is a demonstration. */
export async function findMistakes(root: string): Promise<Mistake[]> {
  const files = await listFiles(root, '0*/mistakes/*/Dockerfile.mistake');
  const findMistake = async (file: string): Promise<Mistake> => ({
    directory: dirname(file),
    mistake: await readComment(root, file),
    fixed: await readComment(root, join(dirname(file), 'Dockerfile.fixed')),
  });
  return Promise.all(files.map(findMistake));
}

async function readComment(root: string, file: string): Promise<string> {
  const text = await readFile(join(root, file), 'utf8');
  if (!text.startsWith(DEMONSTRATION)) throw new Error(`${file} has to begin with: ${DEMONSTRATION}`);
  const [comment = ''] = /^(?:#.*\n)+/.exec(text.slice(DEMONSTRATION.length)) ?? [];
  return comment.replace(/^#/gm, '').replace(/\s+/g, ' ').trim();
}

/** A copy of the chapters in which chapter 01 has what a missing .dockerignore lets through: node_modules and an .env. */
export async function copyWithMistakes(root: string): Promise<string> {
  const copy = await copyFiles(root, '0*');
  // A project's configuration may name only what is in its own Git repository.
  await spawnText('git', ['init', '--quiet'], { cwd: copy });
  const cwd = join(copy, '01-first-dockerfile');
  await writeFile(join(cwd, '.env'), 'API_KEY=made-up-key\n');
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await spawnText('npm', args, { cwd, env: readerEnvironment() });
  return copy;
}

/** What a mistake costs, compared with its fixed Dockerfile. @throws when it costs nothing, or was not measured. */
export function costsOf({ directory }: Mistake, reports: Reports): string[] {
  const name = basename(directory);
  const [mistake, fixed] = [imageOf(reports.mistakes, name, 'mistake'), imageOf(reports.mistakes, name, 'fixed')];
  const isStopped = mistake.size !== null && mistake.run === null;
  const failed = [fixed, ...(isStopped ? [] : [mistake])].find(({ ok }) => !ok);
  if (failed) throw new Error(`${directory}, ${failed.variant}: ${failed.error}`);
  if (!mistake.ok) return [`does not start: ${lastWords(mistake.error ?? '')}`];
  const worksFixed = fixed.behaviour?.filter(({ ok }) => ok).map((one) => one.name);
  const missed = mistake.behaviour?.filter((one) => one.ok === false && worksFixed?.includes(one.name)) ?? [];
  const costs = [
    ...sizeCost('unpacked', mistake.size?.unpackedBytes, fixed.size?.unpackedBytes),
    ...sizeCost('download', mistake.size?.pullBytes, fixed.size?.pullBytes),
    ...sizeCost('build context', mistake.context?.bytes, fixed.context?.bytes),
    ...timeCost(reports['mistake-times'], name),
    ...(mistake.findings ?? [])
      .filter(({ code }) => !fixed.findings?.some((finding) => finding.code === code))
      .map(({ level, code }) => `${level} ${code}`),
    ...missed.map(({ name: missing, reason }) => `failed check ${BEHAVIOURS[missing].head}: ${reason}`),
  ];
  if (costs.length === 0) throw new Error(`${directory} costs nothing: its Dockerfiles do not show a mistake.`);
  return costs;
}

/** What happened, and the line of the container's output that gives the reason. */
function lastWords(error: string): string {
  const [what = '', ...lines] = error.split('\n').map((line) => line.replace(/^ +\| +/, ''));
  return `${what} ${lines.findLast((line) => /^\w*Error\b.*: /.test(line)) ?? lines.at(-1) ?? ''}`;
}

/** A hundredth is not a cost: the same files in other layers make a larger difference. */
function sizeCost(name: string, mistake = 0, fixed = 0): string[] {
  return mistake > 1.01 * fixed ? [`${name} +${bytes(mistake - fixed)}`] : [];
}

function timeCost(report: Report, name: string): string[] {
  const [mistake, fixed] = ['mistake', 'fixed'].map(
    (variant) => findImage(report.images, name, variant)?.bench?.buildAfterEditMs,
  );
  if (!mistake || !fixed || differs('buildAfterEditMs', mistake, fixed) !== 'more') return [];
  return [`a build after an edit takes ${duration(mistake.median ?? 0)} instead of ${duration(fixed.median ?? 0)}`];
}
