import { posix } from 'node:path';
import { execForm, type Phrases, toEnv, toShellLine } from '../../lib/dockerfile-text.ts';
import { hasBuildStage, hasDependencyStage, type Plan } from '../plan-model.ts';
import { CHAPTERS, copyManifests, inApp, installWith, runtimeImage } from './instruction-lines.ts';

/** The last stage, which becomes the image. */
export function writeRuntimeStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, app, port, writes } = plan;
  const stage = 'runner';
  const from = `FROM ${runtimeImage(plan)}`;
  const isDistroless = shape === '03';
  const isOnly = !hasBuildStage(plan) && !hasDependencyStage(plan);
  const entrypoint = ['/tini', '--', ...(isDistroless ? ['/nodejs/bin/node'] : [])];
  return [
    isOnly ? from : phrases(stage, 'FROM', `${from} AS ${stage}`),
    phrases(stage, 'ENV NODE_ENV'),
    toEnv(plan.env),
    isDistroless ? '' : 'WORKDIR /app',
    ...(shape === '02' && plan.modules === 'install' ? writeInstallation(plan, phrases) : []),
    writeCopies(plan, phrases),
    isDistroless || app !== '' ? `WORKDIR ${inApp(app)}` : '',
    writes.length > 0 ? writeVolumes(plan) : '',
    // The comment says that the app cannot change its code.
    phrases(stage, 'USER').replace(writes.length > plan.volumes.length ? /^# The files belong.*\n/m : '', ''),
    `${port < 1024 ? '# Docker 20.10 and later let every user listen on a port below 1024.\n' : ''}EXPOSE ${port}`,
    writeHealthCheck(plan, phrases(stage, 'HEALTHCHECK')),
    plan.init ? `COPY --from=init /usr/bin/tini-static /tini\nENTRYPOINT ${execForm(entrypoint)}` : '',
    writeCommand(plan, phrases(stage, 'CMD')),
    shape === '04' ? writeLabels(plan, phrases) : '',
  ];
}

/** Production dependencies in the image itself, as in chapter 02. */
function writeInstallation(plan: Plan, phrases: Phrases): string[] {
  const install = `${installWith(plan, plan.manager.production)} \\\n  && rm -rf ${plan.manager.leftovers.join(' ')} /tmp/*`;
  const copies = copyManifests(plan);
  return [
    hasBuildStage(plan) ? copies : phrases('builder', 'COPY package.json', copies),
    phrases('runner', 'RUN npm ci', install).replace("npm's cache", plan.manager.note ? 'the caches' : "npm's cache"),
  ];
}

/** What is copied: dependencies first, because they change least. */
function writeCopies(plan: Plan, phrases: Phrases): string {
  const { shape, modules, manifests, copiesContext } = plan;
  const { app } = CHAPTERS[shape];
  const isDistroless = shape === '03';
  const fromStage = modules === 'prune' ? 'builder' : 'deps';
  const packageFiles = manifests.flatMap(({ files, to }) =>
    files.filter((file) => posix.basename(file) === 'package.json').map((file) => ({ file, to: posix.normalize(to) })),
  );
  // The stage of a workspace has all of its package.json files in /app, but for the mounts of chapter 04.
  const isWorkspace = packageFiles.length > 1;
  const isInStage = isWorkspace && (isDistroless || modules === 'prune');
  const copyModules = `COPY --from=${fromStage} ${isWorkspace ? `/app ${app}` : `/app/node_modules ${app}node_modules`}`;
  const copyPackageFiles = (isInStage || copiesContext ? [] : packageFiles).map(({ file, to }) =>
    isDistroless ? `COPY --from=${fromStage} ${inApp(file)} ${posix.join(app, to)}` : `COPY ${file} ${to}`,
  );
  const dependencies = isDistroless ? [...copyPackageFiles, copyModules] : [copyModules, ...copyPackageFiles];
  const areInstalledHere = modules === 'none' || (shape === '02' && modules === 'install');
  // In a workspace with a build, /app has it all.
  const copies = isWorkspace && modules === 'prune' && plan.build.length > 0 ? [] : plan.copies;
  const lines = [
    ...(areInstalledHere ? [] : dependencies),
    ...(copiesContext ? [`COPY . ${app}`] : []),
    ...copies.map(
      ({ from, path, to }) => `COPY ${from === 'build' ? `--from=builder ${inApp(path)}` : path} ${app}${to}`,
    ),
  ].join('\n');
  return lines.replace(/^(?=COPY --from)/m, phrases('runner', 'COPY --from', ''));
}

/** Directories that the app writes to. There is no shell in distroless: the stage before makes them. */
function writeVolumes(plan: Plan): string {
  const { user } = CHAPTERS[plan.shape];
  const paths = plan.writes.map(inApp);
  const volumes = plan.volumes.map(inApp);
  const hasVolumes = volumes.length > 0;
  const [all, owner] = [paths.join(' '), `${user}:${user}`];
  const copy = `COPY --from=${hasBuildStage(plan) ? 'builder' : 'deps'} --chown=${owner}`;
  return [
    `# The app writes here. ${hasVolumes ? 'The volume keeps the files when you replace the container.' : 'Mount a volume to keep the files.'}`,
    ...(plan.shape === '03'
      ? paths.map((path) => `${copy} ${path} ${path}`)
      : [`RUN mkdir -p ${all} && chown ${paths.includes(inApp(plan.app)) ? '' : '-R '}${owner} ${all}`]),
    ...(hasVolumes ? [`VOLUME ${execForm(volumes)}`] : []),
  ].join('\n');
}

const NO_ROUTE = '# The app has no health route, so the check';

/** The check of the chapter, with the port and the path of this app. */
function writeHealthCheck({ health, port, readsPort }: Plan, paragraph: string): string {
  const number = readsPort ? `process.env.PORT || ${port}` : `${port}`;
  const url = (path: string) =>
    readsPort ? `'http://127.0.0.1:' + (${number}) + '${path}'` : `'http://127.0.0.1:${number}${path}'`;
  const withCode = (call: string, comment?: string) => {
    const code = JSON.stringify(`${call}.on('error', () => process.exit(1))`);
    const check = paragraph.replace(/"http\.get.*"/, () => code);
    return comment ? `${comment}\n${check.replace(/^#.*\n/gm, '')}` : check;
  };
  if (health.kind === 'connection') {
    return withCode(
      `net.connect(${number}, '127.0.0.1', () => process.exit(0))`,
      `${NO_ROUTE} only opens a connection.`,
    );
  }
  if (health.kind === 'route') {
    return withCode(`http.get(${url(health.path)}, (r) => process.exit(r.statusCode === 200 ? 0 : 1))`);
  }
  return withCode(`http.get(${url(health.path)}, () => process.exit(0))`, `${NO_ROUTE} accepts any response.`);
}

const FORWARDS = '# The init is PID 1 and forwards SIGTERM from `docker stop` to Node.';

/** CMD in exec form. Commands that come first need a shell, which the app then replaces. */
function writeCommand({ shape, init, before, command, isProgram }: Plan, paragraph: string): string {
  const words = [...(shape === '03' || isProgram ? [] : ['node']), ...command];
  const line = [...before, `exec ${toShellLine(words)}`].join(' && ');
  const withInit = init ? paragraph.replace(/^# (Exec form|The entry).*/m, FORWARDS) : paragraph;
  return withInit.replace(/^CMD .*$/m, () => `CMD ${execForm(before.length === 0 ? words : ['sh', '-c', line])}`);
}

/** The labels of chapter 04. */
function writeLabels({ name }: Plan, phrases: Phrases): string {
  const instructions = ['ARG VERSION', 'ARG REVISION', 'ARG SOURCE', 'LABEL'].map((start) => phrases('runner', start));
  // The number of a chapter is not part of its title.
  return instructions.join('\n').replace('"three-stage"', () => JSON.stringify(name.replace(/^\d+-/, '')));
}
