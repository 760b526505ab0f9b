import { checkPlan } from '../plain-text.ts';
import type { Plan } from '../plan-model.ts';
import { writeBuildStage, writeDependencyStage, writeTestAndDev } from './build-stages.ts';
import { type Phrases, readPhrases } from './chapter-phrases.ts';
import { hasBuildStage, hasDependencyStage } from './instruction-lines.ts';
import { writeRuntimeStage } from './runtime-stage.ts';

const INIT = `# An init. The app does not handle SIGTERM: as PID 1 it would ignore it, and be killed after 10 seconds.
FROM node:\${NODE_VERSION}-slim AS init
RUN apt-get update && apt-get install -y --no-install-recommends tini`;

/** Writes the Dockerfile of a plan. It has the words of `chapter`, the text of the Dockerfile whose shape it has. @throws {ToolError} see {@link checkPlan}. */
export function writeDockerfile(plan: Plan, chapter: string): string {
  checkPlan(plan);
  const phrases = readPhrases(chapter);
  const paragraphs = [
    writeHeader(plan, phrases),
    plan.init ? INIT : '',
    ...(hasDependencyStage(plan) ? writeDependencyStage(plan, phrases) : []),
    ...(hasBuildStage(plan) ? writeBuildStage(plan, phrases) : []),
    ...(plan.shape === '04' && plan.build.length > 0 ? writeTestAndDev(plan, phrases) : []),
    ...writeRuntimeStage(plan, phrases),
  ];
  return `${paragraphs.filter(Boolean).join('\n\n')}\n`;
}

function writeHeader(plan: Plan, phrases: Phrases): string {
  const argument = `ARG NODE_VERSION=${plan.node}`;
  const isAsInChapter = plan.build.length > 0 && plan.modules === 'install' && (plan.shape === '03' || !plan.isDebian);
  if (isAsInChapter) return phrases('', 'ARG NODE_VERSION', argument);
  if (!hasBuildStage(plan) && !hasDependencyStage(plan)) {
    return `# One stage: nothing is built, so there is nothing to leave behind.\n${argument}`;
  }
  const first = plan.compiles ? 'The first has compilers' : 'The first installs and builds';
  return `# Two stages. ${first}, the last gets what production needs and nothing else.\n${argument}`;
}
