import { execForm, type Phrases, plain, readPhrases } from '../../lib/dockerfile-text.ts';
import { usageError } from '../../lib/errors.ts';
import { hasBuildStage, hasDependencyStage, type Plan } from '../plan-model.ts';
import { buildImage, copyManifests, inApp, installWith, withHeaders } from './instruction-lines.ts';
import { writeRuntimeStage } from './runtime-stage.ts';

const INIT = `# The app does not handle SIGTERM, and as PID 1 it would ignore it. An init forwards SIGTERM, so that the app stops at once.
FROM node:\${NODE_VERSION}-slim AS init
RUN apt-get update && apt-get install -y --no-install-recommends tini`;
const SETUPTOOLS = `# node-gyp before version 10 requires distutils, which Python 3.12 does not include.
RUN apt-get update && apt-get install -y --no-install-recommends python3-setuptools`;

/** Writes the Dockerfile of a plan. It has the words of `chapter`, the text of the Dockerfile whose shape it has. @throws {ToolError} see {@link checkPlan}. */
export function writeDockerfile(plan: Plan, chapter: string): string {
  checkPlan(plan);
  const phrases = readPhrases(chapter);
  const paragraphs = [
    `${writeTitle(plan) ?? phrases('', 'ARG NODE_VERSION', '').trimEnd()}\nARG NODE_VERSION=${plan.node}`,
    ...(hasDependencyStage(plan) ? writeDependencyStage(plan, phrases) : []),
    ...(hasBuildStage(plan) ? writeBuildStage(plan, phrases) : []),
    ...(plan.shape === '04' && plan.build.length > 0 ? writeTestAndDev(plan, phrases) : []),
    plan.init ? INIT : '',
    ...writeRuntimeStage(plan, phrases),
  ];
  const text = `${paragraphs.filter(Boolean).join('\n\n')}\n`;
  const { note } = plan.manager;
  const at = note ? text.lastIndexOf('\nRUN ', text.indexOf(note.about)) : -1;
  return at < 0 ? text : `${text.slice(0, at)}\n# ${note?.text}${text.slice(at)}`;
}

/** The first line where it is not the chapter's. */
function writeTitle(plan: Plan): string | null {
  if (!hasBuildStage(plan) && !hasDependencyStage(plan)) return '# One stage, because the project has no build step.';
  const isCounted = plan.shape === '02' && plan.init;
  const isSame = plan.build.length > 0 && plan.modules === 'install' && (plan.shape === '03' || !plan.isDebian);
  const stages = `Two stages${plan.init ? ', and one for the init' : ''}`;
  const first = plan.compiles ? 'The first has compilers' : 'The first installs and builds';
  return isSame && !isCounted ? null : `# ${stages}. ${first}, the last runs the app.`;
}

/** Refuses what would end or change an instruction. @throws {ToolError} with the code `usage`. */
function checkPlan({ app, manifests, copies, health }: Plan): void {
  const inCopies = copies.flatMap(({ path, to }) => [path, to]);
  for (const path of [app, ...inCopies, ...manifests.flatMap(({ files, to }) => [...files, to])]) plain(path);
  if (health.kind !== 'connection' && !/^\/[!#-&(-[\]-~]*$/.test(health.path)) {
    throw usageError(
      `The path ${JSON.stringify(health.path)} is not a valid path of a URL.`,
      'Encode it: --path /a%20b',
    );
  }
}

/** The stage that installs production dependencies, in chapters 03 and 04. */
function writeDependencyStage(plan: Plan, phrases: Phrases): string[] {
  const install = installWith(plan, plan.manager.production);
  const start = [phrases('deps', 'FROM', `FROM ${buildImage(plan)} AS deps`), phrases('deps', 'WORKDIR')];
  if (plan.shape === '04') {
    const paragraph = phrases('deps', 'RUN', install);
    return [
      ...start,
      install.includes('--ignore-scripts') ? paragraph : paragraph.replace(/^# --ignore-scripts.*\n/m, ''),
    ];
  }
  const copies = phrases('deps', 'COPY package.json', copyManifests(plan));
  return [...start, `${copies}\n${install}`, hasBuildStage(plan) ? '' : makeDirectories(plan)];
}

/** The directories that the app writes to: distroless has no shell to make them. */
const makeDirectories = ({ shape, writes }: Plan) =>
  shape === '03' && writes.length > 0 ? `RUN mkdir -p ${writes.map(inApp).join(' ')}` : '';

/** The stage that builds, or that only installs what is compiled. */
function writeBuildStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, manager, build, buildArgs, modules, compiles } = plan;
  const stage = 'builder';
  const isAsInChapter = modules === 'install' && !compiles;
  // Native code is made for the architecture that the image is for.
  const platform = shape === '04' && isAsInChapter ? '--platform=$BUILDPLATFORM ' : '';
  const from = `FROM ${platform}${buildImage(plan)} AS ${stage}`;
  const args = buildArgs.map((name) => `ARG ${name}\n`).join('');
  return [
    isAsInChapter ? phrases(stage, 'FROM', from) : from,
    phrases(stage, 'WORKDIR'),
    plan.needsSetuptools ? SETUPTOOLS : '',
    ...writeFullInstallation(plan, phrases),
    build.length > 0 ? `COPY . .\n${args}RUN ${build.join(' \\\n  && ')}` : '',
    modules === 'prune' ? `# Remove development dependencies.\nRUN ${withHeaders(plan, manager.prune)}` : '',
    makeDirectories(plan),
  ];
}

/** The installation of everything that the build takes. Its comment stands where dependencies are first installed. */
function writeFullInstallation(plan: Plan, phrases: Phrases): string[] {
  const [copies, install] = [copyManifests(plan), installWith(plan, plan.manager.install)];
  if (plan.shape === '04') return [install];
  if (plan.shape === '03' && plan.modules === 'install') return [`${copies}\n${install}`];
  if (plan.shape === '03') return [phrases('deps', 'COPY package.json', `${copies}\n${install}`)];
  return [phrases('builder', 'COPY package.json', copies), phrases('builder', 'RUN npm ci', install)];
}

/** The stages `test` and `dev` of chapter 04, which a plain build skips. */
function writeTestAndDev({ hasTests, dev, port }: Plan, phrases: Phrases): string[] {
  const test = hasTests ? [phrases('test', 'FROM'), phrases('test', 'RUN')] : [];
  if (!dev) return test;
  const command = phrases('dev', 'CMD', `CMD ${execForm(dev)}`);
  return [...test, phrases('dev', 'FROM'), phrases('dev', 'USER'), `EXPOSE ${port}`, command];
}
