import { posix } from 'node:path';
import { compilePattern } from '../../lib/compile-pattern.ts';
import { usageError } from '../../lib/errors.ts';
import { MissingFact } from '../../project/missing-fact.ts';
import { readYaml } from '../../project/read-data.ts';
import { type Manifest, type Project, readManifest, withApp } from '../../project/read-project.ts';
import { readScript, tidy } from '../../project/script-commands.ts';
import { findBuild } from './build-command.ts';
import { findFramework } from './frameworks.ts';
import { findStart, readDockerfile } from './start-command.ts';

/** A package of a workspace. The root has an empty path. */
export interface Member {
  path: string;
  name: string;
  manifest: Manifest;
}

export interface Workspace {
  /** The app and what it uses of the workspace, dependencies first, the app last. */
  needed: Member[];
  /** The directories of the other members. */
  others: string[];
  usesTurbo: boolean;
  source: string;
}

/**
 * Finds the workspace, its app, and what the app uses of it. `given` is a directory or a package's name.
 *
 * @throws {MissingFact} when several members can be started, or none is the one that is given.
 */
export function findWorkspace(project: Project, given: string | undefined) {
  const { rootManifest } = project;
  const isPnpm = project.has('pnpm-workspace.yaml');
  const pnpm = isPnpm ? readYaml(project.read('pnpm-workspace.yaml')) : null;
  const members = findMembers(project, pnpm ? pnpm.packages : rootManifest.workspaces);
  if (members.length === 0 && given === undefined) return { project, workspace: null };
  const root: Member = { path: '', name: rootManifest.name ?? '', manifest: rootManifest };
  const app = given === undefined ? chooseApp(project, root, members) : findMember([...members, root], given);
  if (!app && members.length === 0) throw usageError(`${project.directory} is not a workspace: it has no ${given}.`);
  if (!app) throw missingApp(`${given} is not in the workspace.`, members);
  const needed = app === root ? [...members, root] : addNeeded(members, app, new Set());
  const tools = { ...rootManifest.devDependencies, ...rootManifest.dependencies };
  const workspace: Workspace = {
    needed,
    others: members.filter((member) => !needed.includes(member)).map(({ path }) => path),
    usesTurbo: project.has('turbo.json') && 'turbo' in tools,
    source: isPnpm ? 'pnpm-workspace.yaml' : 'workspaces in package.json',
  };
  return { project: withApp(project, app.path, app.manifest), workspace };
}

function findMembers(project: Project, patterns: unknown): Member[] {
  const list: unknown[] = [Array.isArray(patterns) ? patterns : Object(patterns).packages].flat();
  const texts = list.filter((each) => typeof each === 'string');
  const compile = (text: string) => compilePattern(tidy(text));
  const included = texts.filter((each) => !each.startsWith('!')).map(compile);
  const excluded = texts.filter((each) => each.startsWith('!')).map((each) => compile(each.slice(1)));
  const paths = project.files.filter((file) => file.endsWith('/package.json')).map((file) => posix.dirname(file));
  const isMember = (path: string) =>
    included.some((matches) => matches(path)) && !excluded.some((matches) => matches(path));
  return paths.filter(isMember).flatMap((path) => {
    const manifest = readManifest(project, path);
    return manifest ? [{ path, name: manifest.name ?? path, manifest }] : [];
  });
}

const findMember = (members: Member[], given: string) =>
  members.find(({ path, name }) => name === given || path === tidy(given));

const missingApp = (message: string, members: Member[]) => {
  const choices = members.map(({ path }) => path);
  const hint = `Choose one: --workspace ${choices.slice(0, 12).join(', --workspace ')}`;
  return new MissingFact('workspace', message, { hint, choices });
};

/** The member that the root starts, by its scripts or its Dockerfile; else the root; else the only one that has a server. */
function chooseApp(project: Project, root: Member, members: Member[]): Member {
  const scripts = ['start:prod', 'start', 'prod', 'serve', 'server'].flatMap((name) => readScript(project, name));
  for (const { argv, directory } of [...scripts, ...readDockerfile(project)]) {
    const words = /^(npm|pnpm|yarn)$/.test(argv[0] ?? '') ? argv.map((word) => word.replace(/^--?\w+=/, '')) : [];
    const named = [directory, ...words].flatMap((word) => (word ? (findMember(members, word) ?? []) : []));
    if (named[0]) return named[0];
  }
  const candidates = [root, ...members].filter((member) => isServer(withApp(project, member.path, member.manifest)));
  const [first] = candidates;
  if (first === undefined) throw missingApp('No member of the workspace says how it is started.', members);
  if (first === root || candidates.length === 1) return first;
  const paths = candidates.map(({ path }) => path).join(', ');
  throw missingApp(`Several members of the workspace can be started: ${paths}.`, candidates);
}

/** Whether a package says that it is an app: by a script, a Dockerfile, or, below the root, by a framework. */
function isServer(project: Project): boolean {
  try {
    const framework = findFramework(project);
    const { source } = findStart(project, findBuild(project, framework), framework, {});
    return /^(start|serve|prod|server|web in|CMD)/.test(source) || (project.app !== '' && framework?.command != null);
  } catch {
    return false;
  }
}

/** Adds what a member uses of the workspace, also to build, each after what it uses itself. */
function addNeeded(members: Member[], member: Member, seen: Set<Member>): Member[] {
  seen.add(member);
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = member.manifest;
  const used = { ...peerDependencies, ...devDependencies, ...optionalDependencies, ...dependencies };
  const others = members.filter(({ name }) => name in used);
  return [...others.flatMap((other) => (seen.has(other) ? [] : addNeeded(members, other, seen))), member];
}
