import { execForm, type Phrases } from '../../lib/dockerfile-text.ts';
import { hasBuildStage, type Plan } from '../plan-model.ts';
import { buildImage, CHAPTERS, copyManifests, inApp, installWith, withHeaders } from './instruction-lines.ts';

const SETUPTOOLS = `# node-gyp before version 10 needs distutils, which Python 3.12 no longer has.
RUN apt-get update && apt-get install -y --no-install-recommends python3-setuptools`;

/** The stage that installs production dependencies, in chapters 03 and 04. */
export function writeDependencyStage(plan: Plan, phrases: Phrases): string[] {
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
export function writeBuildStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, manager, build, buildArgs, modules, compiles } = plan;
  const { build: stage } = CHAPTERS[shape];
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
    modules === 'prune' ? `# Removes what only development needs.\nRUN ${withHeaders(plan, manager.prune)}` : '',
    makeDirectories(plan),
  ];
}

/** The installation of everything that the build takes. Its comment stands where dependencies are first installed. */
function writeFullInstallation(plan: Plan, phrases: Phrases): string[] {
  const [copies, install] = [copyManifests(plan), installWith(plan, plan.manager.install)];
  if (plan.shape === '04') return [install];
  if (plan.shape === '03' && plan.modules === 'install') return [`${copies}\n${install}`];
  if (plan.shape === '03') return [phrases('deps', 'COPY package.json', `${copies}\n${install}`)];
  return [phrases('build', 'COPY package.json', copies), phrases('build', 'RUN npm ci', install)];
}

/** The stages `test` and `dev` of chapter 04, which a plain build skips. */
export function writeTestAndDev({ hasTests, dev, port }: Plan, phrases: Phrases): string[] {
  const test = hasTests ? [phrases('test', 'FROM'), phrases('test', 'RUN')] : [];
  if (!dev) return test;
  const command = phrases('dev', 'CMD', `CMD ${execForm(dev)}`);
  return [...test, phrases('dev', 'FROM'), phrases('dev', 'USER'), `EXPOSE ${port}`, command];
}
