import type { Plan } from '../plan-model.ts';
import type { Phrases } from './chapter-phrases.ts';
import {
  buildImage,
  copyManifests,
  execForm,
  hasBuildStage,
  inApp,
  installWith,
  STAGES,
  withHeaders,
} from './instruction-lines.ts';

/** The stage that installs production dependencies, in chapters 03 and 04. */
export function writeDependencyStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, manager } = plan;
  const install = installWith(plan, manager.production);
  const start = [phrases('deps', 'FROM', `FROM ${buildImage(plan)} AS deps`), phrases('deps', 'WORKDIR')];
  if (shape === '03') {
    const directories = hasBuildStage(plan) ? '' : makeDirectories(plan);
    return [...start, `${phrases('deps', 'COPY package.json', copyManifests(plan))}\n${install}`, directories];
  }
  const paragraph = phrases('deps', 'RUN', install);
  const isIgnoring = manager.production.includes('--ignore-scripts');
  return [...start, isIgnoring ? paragraph : paragraph.replace(/^# --ignore-scripts.*\n/m, '')];
}

const SETUPTOOLS = `# node-gyp before version 10 needs distutils, which Python 3.12 no longer has.
RUN apt-get update && apt-get install -y --no-install-recommends python3-setuptools`;

/** The directories that the app writes to: distroless has no shell to make them. */
const makeDirectories = ({ writes }: Plan) => (writes.length > 0 ? `RUN mkdir -p ${writes.map(inApp).join(' ')}` : '');

/** The stage that builds, or that only installs what is compiled. */
export function writeBuildStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, manager, build, buildArgs, modules, compiles } = plan;
  const [stage] = STAGES[shape];
  const isAsInChapter = modules === 'install' && !compiles;
  // Native code is made for the architecture that the image is for.
  const platform = shape === '04' && isAsInChapter ? '--platform=$BUILDPLATFORM ' : '';
  const from = `FROM ${platform}${buildImage(plan)} AS ${stage}`;
  const prune = `# Removes what only development needs.\nRUN ${withHeaders(plan, manager.prune)}`;
  return [
    isAsInChapter ? phrases(stage, 'FROM', from) : from,
    phrases(stage, 'WORKDIR'),
    plan.needsSetuptools ? SETUPTOOLS : '',
    ...writeFullInstallation(plan, phrases),
    build.length > 0
      ? ['COPY . .', ...buildArgs.map((name) => `ARG ${name}`), `RUN ${build.join(' \\\n  && ')}`].join('\n')
      : '',
    modules === 'prune' ? prune : '',
    shape === '03' ? makeDirectories(plan) : '',
  ];
}

/** The installation of everything that the build takes. Its comment stands where dependencies are first installed. */
function writeFullInstallation(plan: Plan, phrases: Phrases): string[] {
  const { shape, manager, modules } = plan;
  const [copies, install] = [copyManifests(plan), installWith(plan, manager.install)];
  if (shape === '02') return [phrases('build', 'COPY package.json', copies), phrases('build', 'RUN npm ci', install)];
  if (shape === '04') return [install];
  const both = `${copies}\n${install}`;
  return [modules === 'install' ? both : phrases('deps', 'COPY package.json', both)];
}

/** The stages `test` and `dev` of chapter 04, which a plain build skips. */
export function writeTestAndDev({ hasTests, dev, port }: Plan, phrases: Phrases): string[] {
  const test = hasTests ? [phrases('test', 'FROM'), phrases('test', 'RUN')] : [];
  if (!dev) return test;
  const command = phrases('dev', 'CMD', `CMD ${execForm(dev)}`);
  return [...test, phrases('dev', 'FROM'), phrases('dev', 'USER'), `EXPOSE ${port}`, command];
}
