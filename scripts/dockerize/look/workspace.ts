import { posix } from 'node:path';
import { parse } from 'yaml';
import { compilePattern } from '../../lib/compile-pattern.ts';
import { usageError } from '../../lib/errors.ts';
import { findBuild } from './build-command.ts';
import { findFramework } from './frameworks.ts';
import { type Manifest, type Project, readManifest, withApp } from './read-project.ts';
import { readScript } from './script-commands.ts';
import { findStart, readDockerfile } from './start-command.ts';

/** A package of a workspace. The root has an empty path. */
export interface Member {
  path: string;
  name: string;
  manifest: Manifest;
}

export interface Workspace {
  kind: 'npm' | 'pnpm' | 'yarn';
  members: Member[];
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
 * @throws {ToolError} with the code `usage` when several members can be started, or none is the one that is given.
 */
export function findWorkspace(
  project: Project,
  given: string | undefined,
): { project: Project; workspace: Workspace | null } {
  const { rootManifest } = project;
  const isPnpm = project.has('pnpm-workspace.yaml');
  const members = findMembers(project, isPnpm ? readPnpmPackages(project) : rootManifest.workspaces);
  if (members.length === 0 && given === undefined) return { project, workspace: null };
  const root: Member = { path: '', name: rootManifest.name ?? '', manifest: rootManifest };
  const app = given === undefined ? chooseApp(project, root, members) : findMember([...members, root], given);
  if (!app)
    throw usageError(
      `${given} is not in the workspace.`,
      members.length === 0
        ? `${project.directory} is not a workspace.`
        : `--workspace is one of: ${members.map(({ path }) => path).join(', ')}`,
    );
  const needed = app === root ? [...members, root] : addNeeded(members, app, new Set());
  const others = members.filter((member) => !needed.includes(member)).map(({ path }) => path);
  const usesTurbo =
    project.has('turbo.json') && 'turbo' in { ...rootManifest.devDependencies, ...rootManifest.dependencies };
  const kind = project.has('yarn.lock') ? 'yarn' : 'npm';
  const source = isPnpm ? 'pnpm-workspace.yaml' : 'workspaces in package.json';
  const workspace: Workspace = { kind: isPnpm ? 'pnpm' : kind, members, needed, others, usesTurbo, source };
  return { project: withApp(project, app.path, app.manifest), workspace };
}

function readPnpmPackages(project: Project): unknown {
  try {
    return parse(project.read('pnpm-workspace.yaml')?.slice(0, 100_000) ?? '', { maxAliasCount: 10 }).packages;
  } catch {
    return null;
  }
}

function findMembers(project: Project, patterns: unknown): Member[] {
  const list: unknown[] = [Array.isArray(patterns) ? patterns : Object(patterns).packages].flat();
  const rules = list.flatMap((each) => {
    const [, not = '', pattern = ''] = typeof each === 'string' ? (/^(!?)(?:\.\/)?(.+?)\/?$/.exec(each) ?? []) : [];
    return pattern === '' ? [] : [{ isExcluded: not !== '', matches: compilePattern(pattern) }];
  });
  const paths = project.files.filter((file) => file.endsWith('/package.json')).map((file) => posix.dirname(file));
  return paths.flatMap((path): Member[] => {
    const matching = rules.filter((rule) => rule.matches(path));
    const manifest =
      matching.length > 0 && !matching.some((rule) => rule.isExcluded) ? readManifest(project, path) : null;
    return manifest ? [{ path, name: manifest.name ?? path, manifest }] : [];
  });
}

const findMember = (members: Member[], given: string) =>
  members.find(({ path, name }) => name === given || path === posix.join(given, '.').replace(/^\.$|\/$/g, ''));

/** The member that the root starts, by its scripts or its Dockerfile; else the root; else the only one that has a server. */
function chooseApp(project: Project, root: Member, members: Member[]): Member {
  const scripts = ['start:prod', 'start', 'prod', 'serve', 'server'].flatMap((name) => readScript(project, name));
  for (const {
    argv: [program = '', ...args],
    directory,
  } of [...scripts, ...readDockerfile(project).commands]) {
    const names = /^(npm|pnpm|yarn)$/.test(program) ? args.map((word) => word.replace(/^--?\w+=/, '')) : [];
    const named = [directory, ...names]
      .map((name) => (name ? findMember(members, name) : null))
      .find((member) => member);
    if (named) return named;
  }
  const candidates = [root, ...members].filter((member) => isServer(withApp(project, member.path, member.manifest)));
  const [first] = candidates;
  if (first && (first === root || candidates.length === 1)) return first;
  const paths = (first ? candidates : members).map(({ path }) => path);
  throw usageError(
    first
      ? `Several members of the workspace can be started: ${paths.join(', ')}.`
      : 'No member of the workspace says how it is started.',
    `Choose one: --workspace ${paths.slice(0, 12).join(', --workspace ')}`,
  );
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
