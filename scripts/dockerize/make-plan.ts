import { posix } from 'node:path';
import { lt } from 'semver';
import { isPlain, plain, toShellLine } from '../lib/dockerfile-text.ts';
import { commandsOf, type ManagerCommands, startManager } from '../project/manager-commands.ts';
import { MissingFact } from '../project/missing-fact.ts';
import { isCompiledNeedlessly } from '../project/native-packages.ts';
import { findDevCommand } from '../project/npm-scripts.ts';
import { isIn } from '../project/read-project.ts';
import { findProductionMembers } from '../project/workspace-members.ts';
import { findBuild } from './look/build-command.ts';
import type { Given, Look } from './look-at-project.ts';
import type { CopiedPath, HealthCheck, Plan, Shape } from './plan-model.ts';

/** More paths than this, and the whole build context is copied: the file stays readable. */
const COPIES_LIMIT = 8;

/** Decides what the Dockerfile says. @throws {ToolError} with the code `usage` when the port is not known. */
export function makePlan(look: Look, shape: Shape, given: Given): Plan {
  const { project, workspace, needs, framework, start, packages } = look;
  const { app, manifest } = project;
  const port = given.port ?? look.port?.value;
  if (port === undefined) {
    throw new MissingFact('port', 'No file of the project says which port the app listens on.', {
      hint: `The app starts with ${start.argv.join(' ')} (${start.source}). Pass its port: --port 3000; or name the file that listens: --entry server.js`,
    });
  }
  const compiles = needs.compiled !== null;
  const isOldGyp = packages.some(({ name, version }) => name === 'node-gyp' && lt(version, '10.0.0'));
  // A port among the arguments cannot be changed by PORT.
  const readsPort = look.readsPort && !start.argv.some((word) => new RegExp(`(^|\\D)${port}$`).test(word));
  const setsPort = readsPort && Number(start.env.PORT ?? look.defaultPort?.value) !== port;
  const writes = findWrittenDirectories(look);
  const secretTarget = needs.secretFile?.value.endsWith('.yarnrc.yml') ? '/app/.yarnrc.yml' : '/root/.npmrc';
  return {
    shape,
    name: (manifest.name ?? posix.basename(project.directory)).replace(/^@.*\//, '').replace(/[^\w.-]+/g, '-'),
    node: look.node.major,
    isDebian: compiles || needs.glibcOnly !== null,
    compiles,
    manager: findCommands(look, shape),
    manifests: findManifests(look),
    secretTarget: needs.secretFile || given.secrets.includes('npmrc') ? secretTarget : null,
    modules: chooseModules(look),
    needsSetuptools: compiles && isOldGyp,
    buildArgs: given.buildArgs,
    build: findBuildCommands(look),
    ...findCopies(look),
    app,
    env: {
      ...(look.host && { [look.host.value]: '0.0.0.0' }),
      ...start.env,
      ...framework?.env,
      ...(setsPort && { PORT: String(port) }),
    },
    writes,
    volumes: writes.filter((path) => !holdsFiles(look, path)),
    port,
    readsPort,
    health: chooseHealthCheck(look, given),
    init: look.sigterm === null,
    before: start.before.map((words) => toShellLine(toCommand(look, words, ['node']))),
    command: toCommand(look, start.argv),
    isProgram: !needsNode(look, start.argv),
    hasTests: workspace === null && /^(?!.*no test specified)./.test(manifest.scripts.test ?? ''),
    dev: workspace === null ? findDevCommand(manifest.scripts) : null,
  };
}

/** The commands of the package manager, and what they have to do for this project. */
function findCommands({ project, manager, needs, packages, misplaced }: Look, shape: Shape): ManagerCommands {
  const { dependencies, devDependencies, optionalDependencies } = project.manifest;
  const isHarmful = needs.ownScripts !== null || packages.some(isCompiledNeedlessly);
  const production = { ...dependencies, ...optionalDependencies };
  const locked = misplaced.map(({ value }) => packages.find(({ name }) => name === value));
  return commandsOf(manager.value, {
    isIgnoring: needs.scripts === 'ignore' && (isHarmful || shape === '04'),
    keeps: packages.some((one) => one.isProduction && one.name in devDependencies && !(one.name in production)),
    added: locked.flatMap((one) => (one ? plain(`${one.name}@${one.version}`) : [])),
  });
}

/** Where production dependencies come from. */
function chooseModules({ project, workspace, needs, framework }: Look): Plan['modules'] {
  const { dependencies, optionalDependencies } = project.manifest;
  const hasDependencies = Object.keys({ ...dependencies, ...optionalDependencies }).length > 0;
  if (framework?.needsModules === false || (!hasDependencies && !workspace)) return 'none';
  return needs.compiled !== null || needs.scripts === 'prune' ? 'prune' : 'install';
}

/** The files that the installation reads, by the directory that they are copied to. */
function findManifests({ project, workspace, manager, needs }: Look): Plan['manifests'] {
  const atRoot = needs.inputs.filter((path) => project.has(path) && !path.includes('/'));
  const others = needs.inputs.filter((path) => !atRoot.includes(path));
  const members = (workspace?.needed ?? []).filter(({ path }) => path !== '');
  return [
    { files: [...new Set(['package.json', manager.value.lockfile, ...atRoot])], to: './' },
    ...members.map(({ path }) => ({ files: [`${path}/package.json`], to: `${path}/` })),
    ...others.map((path) => ({ files: [path], to: project.has(path) ? `${posix.dirname(path)}/` : `./${path}` })),
  ];
}

/** The commands that build: of a workspace, those of each package that the app needs. */
function findBuildCommands({ project, workspace, manager, build }: Look): string[] {
  const { name } = manager.value;
  const start = startManager(manager.value);
  if (!workspace) {
    // A script that calls the package manager finds it only where npx has installed it.
    const callsManager = Object.values(project.manifest.scripts).some((line) => /\b(pnpm|yarn)\b/.test(line));
    return build ? [build.command ?? `${callsManager ? start : 'npm'} run ${build.script}`] : [];
  }
  const last = workspace.needed.at(-1);
  if (workspace.usesTurbo && last) {
    // turbo looks for the package manager on the PATH.
    const turbo = name === 'npm' ? 'npx turbo' : `${start} ${name === 'pnpm' ? 'exec ' : ''}turbo`;
    return [`${turbo} run ${build?.script ?? 'build'} --filter=${plain(last.name)}`];
  }
  return workspace.needed.flatMap((member) => {
    const path = plain(member.path);
    const built = path === project.app ? build : findBuild({ ...project, app: path, manifest: member.manifest }, null);
    if (!built) return [];
    if (built.command !== null) return [`(cd ./${path} && ${built.command})`];
    if (path === '') return [`npm run ${built.script}`];
    if (name === 'npm') return [`npm run ${built.script} --workspace ${path}`];
    return [`${start} ${name === 'pnpm' ? '--filter' : 'workspace'} ${plain(member.name)} run ${built.script}`];
  });
}

const fromBuild = (path: string, to = path): CopiedPath => ({ from: 'build', path, to });
const fromContext = (path: string): CopiedPath => ({ from: 'context', path, to: path });

/** What is copied to the image, beside dependencies. */
function findCopies(look: Look): Pick<Plan, 'copies' | 'copiesContext'> {
  const { project, framework, build, start, files, scan } = look;
  const inContext = (path: string) => project.has(path) || project.files.some((file) => file.startsWith(`${path}/`));
  const below = (path: string) => posix.join(project.app, path).replace(/^\.$/, '');
  const needed = findProductionMembers(look.workspace?.needed ?? [], project.app);
  const members = needed.flatMap(({ path, manifest }) => {
    const built = findBuild({ ...project, app: path, manifest }, null);
    return built ? built.outputs.map((output) => fromBuild(posix.join(path, output))) : [fromContext(path)];
  });
  if (framework?.copies && framework.command) {
    const copies = framework.copies.map(({ from, to }) => fromBuild(below(from), below(to)));
    // A directory that is copied to /app itself has a package.json of its own.
    const manifest = copies.some(({ to }) => to === project.app) ? [] : [fromContext(below('package.json'))];
    return { copies: [...(framework.needsModules ? members : manifest), ...copies], copiesContext: false };
  }
  const entry = start.entry === null ? null : below(start.entry);
  const outputs = findOutputs(look, entry !== null && !inContext(entry) ? entry : null).map(below);
  const isBuilt = entry !== null && !inContext(entry);
  const sources = isBuilt ? [] : scan.files.map((file) => topOf(file, project.app));
  const named = [...files.reads.map(({ value }) => value), ...start.argv.filter((word) => word !== start.entry)];
  const wanted = [...sources, ...named.map(below).filter(inContext), 'package.json'];
  // Dependencies come with package.json. Without them, it still says what the files are: "type", "imports".
  const isHere = (path: string) => path === 'package.json' && chooseModules(look) !== 'none';
  const kept = withoutNested(wanted.filter((path) => !isHere(path) && !outputs.includes(path)));
  // What a migration reads is not known, nor what a server of the app's own reads of a framework.
  const isUnknown = entry === null || framework?.copies != null || start.before.length > 0;
  const copiesContext =
    isUnknown || (!isBuilt && files.isUncertain) || kept.length > COPIES_LIMIT || !kept.every(isPlain);
  const rest = kept.filter((path) => !members.some((member) => isIn(path, member.path)));
  const copies = [...members, ...(build ? outputs.map((path) => fromBuild(path)) : [])];
  return { copies: copiesContext ? copies : [...copies, ...rest.map(fromContext)], copiesContext };
}

/** The directories that the build makes and the app needs, relative to the app. `entry`: the file that it makes and Node runs. */
function findOutputs({ project, framework, build, scan }: Look, entry: string | null): string[] {
  const all = build?.outputs ?? [];
  if (entry === null) return all;
  const file = posix.relative(project.app, entry);
  // A tool may make another directory than its default. The one that the command runs counts, and those that the app names.
  const isNamed = (name: string) => scan.files.some((one) => project.read(one)?.includes(name));
  const used = framework?.copies ? all : all.filter((path) => isIn(file, path) || isNamed(posix.basename(path)));
  return used.some((path) => isIn(file, path)) ? used : [...used, file.split('/')[0] ?? file];
}

/** Where the app writes, relative to /app or absolute. With /app itself, what is below it is left out. */
function findWrittenDirectories({ project: { app }, files }: Look): string[] {
  // The app may name its own directory as it is in an image: /app/data.
  const inImage = (path: string) => (posix.isAbsolute(path) ? path.replace(/^\/app\//, '') : posix.join(app, path));
  const all = files.writes.map(({ value }) => inImage(value));
  return all.includes('.') ? ['.'] : withoutNested(all.filter(isPlain));
}

/** Whether a directory has files of the image: a volume would hide those of a newer image. */
const holdsFiles = ({ project: { files } }: Look, path: string) =>
  path === '.' || files.some((file) => isIn(file, path) && !/\/\.\w*(keep|ignore)$/.test(file));

/** The first directory below the app that a file is in, or the file. A file elsewhere is itself. */
function topOf(file: string, app: string): string {
  const path = posix.relative(app, file);
  return path.startsWith('..') ? file : posix.join(app, path.split('/')[0] ?? '');
}

const withoutNested = (paths: string[]) =>
  [...new Set(paths)].filter((path) => !paths.some((other) => path.startsWith(`${other}/`))).sort();

function chooseHealthCheck({ health }: Look, { path }: Given): HealthCheck {
  if (path === undefined) return health ? { kind: 'route', path: health.value } : { kind: 'connection' };
  return { kind: health?.value === path ? 'route' : 'any-response', path };
}

/** The words of a command. The programs of packages are where the workspace's dependencies are. */
function toCommand(look: Look, words: string[], node: string[] = []): string[] {
  const { workspace, manager, project } = look;
  const up = workspace !== null && manager.value.name !== 'pnpm' ? posix.relative(project.app, '') : '';
  const all = words.map((word) => (word.startsWith('node_modules/.bin/') ? posix.join(up, word) : word));
  return needsNode(look, words) ? [...node, ...all] : all;
}

/** Whether Node starts a command. pnpm makes shell scripts of the programs of packages. */
const needsNode = ({ manager }: Look, [first = '']: string[]) =>
  manager.value.name !== 'pnpm' || !first.startsWith('node_modules/.bin/');
