import { posix } from 'node:path';
import { lt } from 'semver';
import { isCompiledNeedlessly } from '../project/native-packages.ts';
import { findBuild } from './look/build-command.ts';
import { MissingFact } from './look/missing-fact.ts';
import type { Member } from './look/workspace.ts';
import type { Given, Look } from './look-at-project.ts';
import { commandsOf, startManager } from './manager-commands.ts';
import { isPlain, plain, toShellLine } from './plain-text.ts';
import type { CopiedPath, HealthCheck, Plan, Shape } from './plan-model.ts';

/** More paths than this, and the whole build context is copied: the file stays readable. */
const COPIES_LIMIT = 8;

/** Decides what the Dockerfile says. @throws {ToolError} with the code `usage` when the port is not known. */
export function makePlan(look: Look, shape: Shape, given: Given): Plan {
  const { project, workspace, manager, needs, framework, start, sigterm } = look;
  const { app, manifest } = project;
  const port = given.port ?? look.port?.value;
  if (port === undefined) {
    throw new MissingFact('port', 'No file of the project says which port the app listens on.', {
      hint: `The app starts with ${start.argv.join(' ')} (${start.source}). Pass its port: --port 3000; or name the file that listens: --entry server.js`,
    });
  }
  const isCompiled = needs.compiled !== null;
  const setsPort = look.readsPort && Number(start.env.PORT ?? look.defaultPort) !== port;
  const modules = chooseModules(look);
  const isHarmful = needs.ownScripts !== null || look.packages.some(isCompiledNeedlessly);
  const isIgnoring = needs.scripts === 'ignore' && (isHarmful || shape === '04');
  const secretTarget = needs.secretFile?.value.endsWith('.yarnrc.yml') ? '/app/.yarnrc.yml' : '/root/.npmrc';
  const { copies, copiesContext } = findCopies(look);
  return {
    shape,
    name: (manifest.name ?? posix.basename(project.directory)).replace(/^@.*\//, '').replace(/[^\w.-]+/g, '-'),
    node: look.node.major,
    isDebian: isCompiled || needs.glibcOnly !== null,
    compiles: isCompiled,
    manager: commandsOf(manager.value, {
      isIgnoring,
      keeps: keepsDevDependencies(look),
      added: findAddedPackages(look),
    }),
    manifests: findManifests(look),
    secretTarget: needs.secretFile || given.secrets.includes('npmrc') ? secretTarget : null,
    modules,
    needsSetuptools:
      isCompiled && look.packages.some(({ name, version }) => name === 'node-gyp' && lt(version, '10.0.0')),
    buildArgs: given.buildArgs,
    build: findBuildCommands(look),
    copies,
    copiesContext,
    app,
    env: { ...look.hostVariable, ...start.env, ...framework?.env, ...(setsPort && { PORT: String(port) }) },
    writes: findWrittenDirectories(look),
    port,
    readsPort: look.readsPort,
    health: chooseHealthCheck(look, given),
    init: sigterm === null,
    before: start.before.map((words) =>
      toShellLine([...(needsNode(look, words) ? ['node'] : []), ...withBinaries(look, words)]),
    ),
    command: withBinaries(look, start.argv),
    isProgram: !needsNode(look, start.argv),
    hasTests: workspace === null && /^(?!.*no test specified)./.test(manifest.scripts.test ?? ''),
    dev: workspace === null ? findDevCommand(look) : null,
  };
}

/** The development dependencies that the app imports, with their locked versions. */
function findAddedPackages({ misplaced, packages }: Look): string[] {
  return misplaced.flatMap(({ value }) => {
    const locked = packages.find(({ name }) => name === value);
    return locked ? [plain(`${value}@${locked.version}`)] : [];
  });
}

/** Whether npm would keep a development dependency: `devOptional` in the lockfile. */
function keepsDevDependencies({ project: { manifest }, packages }: Look): boolean {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  return packages.some(
    ({ name, isProduction }) =>
      isProduction && name in devDependencies && !(name in dependencies) && !(name in optionalDependencies),
  );
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
  const isFile = (path: string) => project.has(path);
  const atRoot = needs.inputs.filter((path) => isFile(path) && !path.includes('/'));
  const others = needs.inputs.filter((path) => !atRoot.includes(path));
  return [
    { files: ['package.json', manager.value.lockfile, ...atRoot], to: './' },
    ...(workspace?.needed ?? [])
      .filter(({ path }) => path !== '')
      .map(({ path }) => ({ files: [`${path}/package.json`], to: `${path}/` })),
    ...others.map((path) => ({ files: [path], to: isFile(path) ? `${posix.dirname(path)}/` : `./${path}` })),
  ];
}

/** The commands that build: of a workspace, those of each package that the app needs. */
function findBuildCommands({ project, workspace, manager, build }: Look): string[] {
  const { name } = manager.value;
  const start = startManager(manager.value);
  if (!workspace) {
    if (!build) return [];
    // A script that calls the package manager finds it only where npx has installed it.
    const callsManager = Object.values(project.manifest.scripts).some((line) => /\b(pnpm|yarn)\b/.test(line));
    return [build.command ?? `${callsManager ? start : 'npm'} run ${build.script}`];
  }
  const last = workspace.needed.at(-1);
  if (workspace.usesTurbo && last) {
    // turbo looks for the package manager on the PATH.
    const turbo = {
      npm: 'npx turbo',
      pnpm: `${start} exec turbo`,
      yarn: `${start} turbo`,
      'yarn-berry': `${start} turbo`,
    };
    return [`${turbo[name]} run ${build?.script ?? 'build'} --filter=${plain(last.name)}`];
  }
  return workspace.needed.flatMap((member) => {
    const path = plain(member.path);
    const built = path === project.app ? build : findBuild({ ...project, app: path, manifest: member.manifest }, null);
    if (!built) return [];
    if (built.command !== null) return [`(cd ./${path} && ${built.command})`];
    if (path === '') return [`npm run ${built.script}`];
    if (name === 'npm') return [`npm run ${built.script} --workspace ${path}`];
    const of = name === 'pnpm' ? '--filter' : 'workspace';
    return [`${start} ${of} ${plain(member.name)} run ${built.script}`];
  });
}

/** The other packages of the workspace that the app needs when it runs. */
function findProductionMembers({ workspace, project }: Look): Member[] {
  const needed = workspace?.needed ?? [];
  const found = new Set(needed.filter(({ path }) => path === project.app));
  for (const { manifest } of found) {
    const names = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
    for (const member of needed) if (member.name in names) found.add(member);
  }
  return [...found].filter(({ path }) => path !== project.app && path !== '');
}

/** What is copied to the image, beside dependencies. */
function findCopies(look: Look): { copies: CopiedPath[]; copiesContext: boolean } {
  const { project, framework, build, start, files, scan } = look;
  const inContext = (path: string) => project.has(path) || project.files.some((file) => file.startsWith(`${path}/`));
  const below = (path: string) => posix.join(project.app, path).replace(/^\.$/, '');
  const fromBuild = (path: string): CopiedPath => ({ from: 'build', path, to: path });
  const fromContext = (path: string): CopiedPath => ({ from: 'context', path, to: path });
  const members = findProductionMembers(look).flatMap(({ path, manifest }) => {
    const built = findBuild({ ...project, app: path, manifest }, null);
    return built ? built.outputs.map((output) => fromBuild(posix.join(path, output))) : [fromContext(path)];
  });
  if (framework?.copies && framework.command) {
    const copies = framework.copies.map(
      ({ from, to }): CopiedPath => ({ from: 'build', path: below(from), to: below(to) }),
    );
    // A directory that is copied to /app itself has a package.json of its own.
    const manifest = copies.some(({ to }) => to === project.app) ? [] : [fromContext(below('package.json'))];
    return {
      copies: framework.needsModules ? [...members, ...copies] : [...manifest, ...copies],
      copiesContext: false,
    };
  }
  const entry = start.entry === null ? null : below(start.entry);
  const isBuilt = entry !== null && !inContext(entry);
  const made = (build?.outputs ?? []).map(below);
  const isIn = (path: string, directory: string) => `${path}/`.startsWith(`${directory}/`);
  // A tool may make another directory than its default. The one that the command runs counts, and those that the app names.
  const isNamed = (name: string) => scan.files.some((file) => project.read(file)?.includes(name));
  const isUsed = (output: string) => entry === null || isIn(entry, output) || isNamed(posix.basename(output));
  const outputs = isBuilt && !framework?.copies ? made.filter(isUsed) : made;
  if (isBuilt && !outputs.some((output) => isIn(entry, output))) {
    outputs.push(entry.includes('/') ? below((start.entry ?? '').split('/')[0] ?? '') : entry);
  }
  const sources = isBuilt ? [] : scan.files.map((file) => topOf(file, project.app));
  const named = [...files.reads.map(({ value }) => value), ...start.argv.filter((word) => word !== start.entry)];
  const reads = named.map(below).filter(inContext);
  // Dependencies come with it. Without them, it still says what the files are: "type", "imports".
  const isHere = (path: string) => path === 'package.json' && chooseModules(look) !== 'none';
  const all = [...sources, ...reads, 'package.json'];
  const kept = withoutNested(all.filter((path) => !isHere(path) && !outputs.includes(path)));
  // What a migration reads is not known, nor what a server of the app's own reads of a framework.
  const isUncertain =
    entry === null ||
    start.before.length > 0 ||
    framework?.copies != null ||
    (!isBuilt && files.isUncertain) ||
    kept.length > COPIES_LIMIT ||
    !kept.every(isPlain);
  const isInMembers = (path: string) => members.some((member) => `${path}/`.startsWith(`${member.path}/`));
  const copies = [
    ...members,
    ...(build ? outputs.map(fromBuild) : []),
    ...(isUncertain ? [] : kept.filter((path) => !isInMembers(path)).map(fromContext)),
  ];
  return { copies, copiesContext: isUncertain };
}

/** Where the app writes, relative to /app or absolute. With its own directory, what is below it is left out. */
function findWrittenDirectories({ project: { app }, files }: Look): string[] {
  // The app may name its own directory as it is in an image: /app/data.
  const inImage = (path: string) => (posix.isAbsolute(path) ? path.replace(/^\/app\//, '') : posix.join(app, path));
  const all = files.writes.map(({ value }) => inImage(value));
  return all.includes('.') ? ['.'] : withoutNested(all.filter(isPlain));
}

/** The first directory below the app that a file is in, or the file. A file elsewhere is itself. */
function topOf(file: string, app: string): string {
  const path = posix.relative(app, file);
  if (path.startsWith('..')) return file;
  return posix.join(app, path.split('/')[0] ?? '');
}

const withoutNested = (paths: string[]) =>
  [...new Set(paths)].filter((path) => !paths.some((other) => path.startsWith(`${other}/`))).sort();

function chooseHealthCheck({ health }: Look, { path }: Given): HealthCheck {
  if (path === undefined) return health ? { kind: 'route', path: health.value } : { kind: 'connection' };
  return { kind: health?.value === path ? 'route' : 'any-response', path };
}

/** The programs of packages are where the workspace's dependencies are. */
function withBinaries({ workspace, manager, project }: Look, words: string[]): string[] {
  const isHoisted = workspace !== null && manager.value.name !== 'pnpm';
  const up = isHoisted ? posix.relative(project.app, '') : '';
  return words.map((word) => (word.startsWith('node_modules/.bin/') ? posix.join(up, word) : word));
}

/** Whether Node starts a command. pnpm makes shell scripts of the programs of packages. */
const needsNode = ({ manager }: Look, [first = '']: string[]) =>
  manager.value.name !== 'pnpm' || !first.startsWith('node_modules/.bin/');

/** The command of the script `dev`, if it is one program that is a development dependency. */
function findDevCommand({ project: { manifest } }: Look): string[] | null {
  const words = (manifest.scripts.dev ?? '').split(' ');
  const [program = ''] = words;
  if (!/^(tsx|nodemon|ts-node-dev)$/.test(program) || !words.every((word) => /^[\w./@=-]+$/.test(word))) return null;
  return [`node_modules/.bin/${program}`, ...words.slice(1)];
}
