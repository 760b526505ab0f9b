import { posix } from 'node:path';
import { toShellLine } from '../plain-text.ts';
import type { Plan } from '../plan-model.ts';
import type { Phrases } from './chapter-phrases.ts';
import {
  copyManifests,
  execForm,
  hasBuildStage,
  hasDependencyStage,
  inApp,
  installWith,
  runtimeImage,
  STAGES,
} from './instruction-lines.ts';

/** The user that the app runs as: `node` of the official images, `nonroot` of distroless. */
const USERS = { '02': 1000, '03': 65532, '04': 1000 };

/** The last stage, which becomes the image. */
export function writeRuntimeStage(plan: Plan, phrases: Phrases): string[] {
  const { shape, app, env, port, init } = plan;
  const [, stage] = STAGES[shape];
  const from = `FROM ${runtimeImage(plan)}`;
  const isOnly = !hasBuildStage(plan) && !hasDependencyStage(plan);
  const isDistroless = shape === '03';
  const entrypoint = ['/tini', '--', ...(isDistroless ? ['/nodejs/bin/node'] : [])];
  return [
    isOnly ? from : phrases(stage, 'FROM', `${from} AS ${stage}`),
    phrases(stage, 'ENV NODE_ENV'),
    Object.entries(env)
      .map(
        ([name, value]) =>
          `ENV ${name}=${/^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value).replaceAll('$', '\\$')}`,
      )
      .join('\n'),
    isDistroless ? '' : 'WORKDIR /app',
    ...(shape === '02' && plan.modules === 'install' ? writeInstallation(plan, phrases) : []),
    writeCopies(plan, phrases),
    isDistroless || app !== '' ? `WORKDIR ${inApp(app)}` : '',
    plan.writes.length > 0 ? writeVolumes(plan) : '',
    phrases(stage, 'USER'),
    port < 1024 ? `# Docker 20.10 and later let any user listen on it.\nEXPOSE ${port}` : `EXPOSE ${port}`,
    writeHealthCheck(plan, phrases(stage, 'HEALTHCHECK')),
    init ? `COPY --from=init /usr/bin/tini-static /tini\nENTRYPOINT ${execForm(entrypoint)}` : '',
    writeCommand(plan, phrases(stage, 'CMD')),
    shape === '04' ? writeLabels(plan, phrases) : '',
  ];
}

/** Production dependencies in the image itself, as in chapter 02. */
function writeInstallation(plan: Plan, phrases: Phrases): string[] {
  const { production, leftovers } = plan.manager;
  const install = `${installWith(plan, production)} \\\n  && rm -rf ${leftovers.join(' ')} /tmp/*`;
  const copies = copyManifests(plan);
  return [
    hasBuildStage(plan) ? copies : phrases('build', 'COPY package.json', copies),
    phrases('runtime', 'RUN npm ci', install),
  ];
}

/** What is copied: dependencies first, because they change least. */
function writeCopies(plan: Plan, phrases: Phrases): string {
  const { shape, modules, manifests, copies, copiesContext } = plan;
  const [buildStage] = STAGES[shape];
  const source = modules === 'prune' ? buildStage : 'deps';
  // Distroless has its WORKDIR below.
  const to = (path: string) => (shape === '03' ? inApp(path) : `./${path}`);
  const into = (directory: string) =>
    shape === '03' ? posix.join(inApp(directory), '/') : posix.join('./', directory, '/');
  const packageFiles = manifests.flatMap(({ files, to: directory }) =>
    files.filter((file) => posix.basename(file) === 'package.json').map((file) => ({ file, directory })),
  );
  const isWorkspace = packageFiles.length > 1;
  // The stage of a workspace has them in its /app, but for the mounts of chapter 04.
  const copyPackageFiles = (isWorkspace && (shape === '03' || modules === 'prune') ? [] : packageFiles).map(
    ({ file, directory }) =>
      shape === '03' ? `COPY --from=${source} ${inApp(file)} ${into(directory)}` : `COPY ${file} ${directory}`,
  );
  const copyModules = isWorkspace
    ? [`COPY --from=${source} /app ${into('')}`]
    : [`COPY --from=${source} /app/node_modules ${to('node_modules')}`];
  const isHere = shape === '02' && modules === 'install';
  const dependencies = shape === '03' ? [...copyPackageFiles, ...copyModules] : [...copyModules, ...copyPackageFiles];
  const lines = [
    ...(isHere || modules === 'none' ? [] : dependencies),
    ...(copiesContext ? [`COPY . ${into('')}`] : []),
    // In a workspace with a build, /app has it all.
    ...(isWorkspace && modules === 'prune' && plan.build.length > 0 ? [] : copies).map(({ from, path, to: target }) =>
      from === 'build'
        ? `COPY --from=${buildStage} ${inApp(path)} ${target === '' ? into('') : to(target)}`
        : `COPY ${path} ${to(target)}`,
    ),
  ];
  const [, stage] = STAGES[shape];
  const isFromStage = lines.some((line) => line.includes('--from'));
  return isFromStage ? phrases(stage, 'COPY --from', lines.join('\n')) : lines.join('\n');
}

/** Directories that the app writes to. There is no shell in distroless: the stage before makes them. */
function writeVolumes(plan: Plan): string {
  const { shape, writes, app } = plan;
  const source = hasBuildStage(plan) ? 'build' : 'deps';
  const user = USERS[shape];
  const paths = writes.map(inApp);
  const volumes = paths.filter((path) => path !== inApp(app));
  const comment = `# The app writes here. ${volumes.length > 0 ? 'A volume keeps the files when the container is replaced.' : 'Mount a volume to keep the files.'}`;
  const owned =
    shape === '03'
      ? paths.map((path) => `COPY --from=${source} --chown=${user}:${user} ${path} ${path}`)
      : [
          `RUN mkdir -p ${paths.join(' ')} && chown ${volumes.length > 0 ? '-R ' : ''}${user}:${user} ${paths.join(' ')}`,
        ];
  return [comment, ...owned, ...(volumes.length > 0 ? [`VOLUME ${execForm(volumes)}`] : [])].join('\n');
}

/** The check of the chapter, with the port and the path of this app. */
function writeHealthCheck({ health, port, readsPort }: Plan, paragraph: string): string {
  const number = readsPort ? `process.env.PORT || ${port}` : String(port);
  if (health.kind === 'connection') return connectionCheck(paragraph, number);
  const url = readsPort
    ? `'http://127.0.0.1:' + (${number}) + '${health.path}'`
    : `'http://127.0.0.1:${port}${health.path}'`;
  const check = paragraph.replace("'http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz'", () => url);
  if (health.kind === 'route') return check;
  const anyResponse = check.replace('(r) => process.exit(r.statusCode === 200 ? 0 : 1)', '() => process.exit(0)');
  return `# No route of the app reports its health: any response will do.\n${anyResponse.replace(/^#.*\n/gm, '')}`;
}

function connectionCheck(paragraph: string, port: string): string {
  const code = `net.connect(${port}, '127.0.0.1', () => process.exit(0)).on('error', () => process.exit(1))`;
  const check = paragraph.replace(/^#.*\n/gm, '').replace(/"http\.get.*"/, () => JSON.stringify(code));
  return `# No route of the app reports its health: the check only connects.\n${check}`;
}

/** CMD in exec form. Commands that come first need a shell, which the app then replaces. */
function writeCommand({ shape, before, command, isProgram }: Plan, paragraph: string): string {
  const node = shape === '03' || isProgram ? [] : ['node'];
  const words = [...node, ...command];
  const first = before.map((line) => `${line} && `).join('');
  const exec = before.length === 0 ? words : ['sh', '-c', `${first}exec ${toShellLine(words)}`];
  return paragraph.replace(/^CMD .*$/m, () => `CMD ${execForm(exec)}`);
}

/** The labels of chapter 04. */
function writeLabels({ name }: Plan, phrases: Phrases): string {
  const instructions = ['ARG VERSION', 'ARG REVISION', 'ARG SOURCE', 'LABEL'].map((start) => phrases('runner', start));
  // The number of a chapter is not part of its title.
  return instructions.join('\n').replace('"three-stage"', () => JSON.stringify(name.replace(/^\d+-/, '')));
}
