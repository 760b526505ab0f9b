import { plain, readPhrases } from '../../lib/dockerfile-text.ts';
import { usageError } from '../../lib/errors.ts';
import { hasBuildStage, hasDependencyStage, type Plan } from '../plan-model.ts';
import { writeBuildStage, writeDependencyStage, writeTestAndDev } from './build-stages.ts';
import { writeRuntimeStage } from './runtime-stage.ts';

const INIT = `# An init. The app does not handle SIGTERM: as PID 1 it would ignore it, and be killed after 10 seconds.
FROM node:\${NODE_VERSION}-slim AS init
RUN apt-get update && apt-get install -y --no-install-recommends tini`;

/** Writes the Dockerfile of a plan. It has the words of `chapter`, the text of the Dockerfile whose shape it has. @throws {ToolError} see {@link checkPlan}. */
export function writeDockerfile(plan: Plan, chapter: string): string {
  checkPlan(plan);
  const phrases = readPhrases(chapter);
  const paragraphs = [
    `${writeTitle(plan) ?? phrases('', 'ARG NODE_VERSION', '').trimEnd()}\nARG NODE_VERSION=${plan.node}`,
    plan.init ? INIT : '',
    ...(hasDependencyStage(plan) ? writeDependencyStage(plan, phrases) : []),
    ...(hasBuildStage(plan) ? writeBuildStage(plan, phrases) : []),
    ...(plan.shape === '04' && plan.build.length > 0 ? writeTestAndDev(plan, phrases) : []),
    ...writeRuntimeStage(plan, phrases),
  ];
  return `${paragraphs.filter(Boolean).join('\n\n')}\n`;
}

/** The first line where it is not the chapter's. */
function writeTitle(plan: Plan): string | null {
  if (!hasBuildStage(plan) && !hasDependencyStage(plan))
    return '# One stage: nothing is built, so there is nothing to leave behind.';
  const isAsInChapter = plan.build.length > 0 && plan.modules === 'install' && (plan.shape === '03' || !plan.isDebian);
  const first = plan.compiles ? 'The first has compilers' : 'The first installs and builds';
  return isAsInChapter ? null : `# Two stages. ${first}, the last gets what production needs and nothing else.`;
}

/** Refuses what would end or change an instruction. @throws {ToolError} with the code `usage`. */
function checkPlan({ app, manifests, copies, health }: Plan): void {
  const inCopies = copies.flatMap(({ path, to }) => [path, to]);
  for (const path of [app, ...inCopies, ...manifests.flatMap(({ files, to }) => [...files, to])]) plain(path);
  if (health.kind !== 'connection' && !/^\/[!#-&(-[\]-~]*$/.test(health.path)) {
    throw usageError(`The path ${JSON.stringify(health.path)} is not one of a URL.`, 'Encode it: --path /a%20b');
  }
}
