import { posix } from 'node:path';
import { parse } from 'yaml';
import { compilePattern } from '../../lib/compile-pattern.ts';
import { usageError } from '../../lib/errors.ts';
import { findBuild } from './build-command.ts';
import { findFramework } from './frameworks.ts';
import { type Manifest, type Project, readManifest, withApp } from './read-project.ts';
import { readScript } from './script-commands.ts';
import { findStart } from './start-command.ts';

/** A package of a workspace. The root's path is empty. */
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
 * Finds the workspace, the app in it, and what the app needs of it. `given` is a directory or a package's name.
 *
 * @throws {ToolError} with the code `usage` when several members can be started, or none is the one that is given.
 */
export function findWorkspace(
  project: Project,
  given: string | undefined,
): { project: Project; workspace: Workspace | null } {
  const { patterns, source } = readPatterns(project);
  const members = findMembers(project, patterns);
  if (members.length === 0) {
    if (given === undefined) return { project, workspace: null };
    throw usageError(
      `${project.directory} is no workspace.`,
      '--workspace needs workspaces in package.json or pnpm-workspace.yaml.',
    );
  }
  const root: Member = { path: '', name: project.rootManifest.name ?? '', manifest: project.rootManifest };
  const app = given === undefined ? chooseApp(project, root, members) : findMember([...members, root], given);
  if (app === null)
    throw usageError(
      `There is no ${given} in the workspace.`,
      `--workspace is one of: ${members.map(({ path }) => path).join(', ')}`,
    );
  const needed = app === root ? [...members, root] : findNeeded(members, app);
  const npmOrYarn = project.has('yarn.lock') ? 'yarn' : 'npm';
  return {
    project: withApp(project, app.path, app.manifest),
    workspace: {
      kind: source.startsWith('pnpm') ? 'pnpm' : npmOrYarn,
      members,
      needed,
      others: members.filter((member) => !needed.includes(member)).map(({ path }) => path),
      usesTurbo:
        project.has('turbo.json') &&
        'turbo' in { ...project.rootManifest.devDependencies, ...project.rootManifest.dependencies },
      source,
    },
  };
}

function readPatterns(project: Project): { patterns: string[]; source: string } {
  const text = project.read('pnpm-workspace.yaml');
  const strings = (value: unknown) => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []);
  if (text !== null) return { patterns: strings(parseYaml(text)), source: 'pnpm-workspace.yaml' };
  const { workspaces } = project.rootManifest;
  const packages =
    workspaces && typeof workspaces === 'object' && 'packages' in workspaces ? workspaces.packages : workspaces;
  return { patterns: strings(packages), source: 'workspaces in package.json' };
}

function parseYaml(text: string): unknown {
  try {
    return Object(parse(text.slice(0, 100_000), { maxAliasCount: 10 })).packages;
  } catch {
    return null;
  }
}

function findMembers(project: Project, patterns: string[]): Member[] {
  const rules = patterns.map((pattern) => ({
    isExcluded: pattern.startsWith('!'),
    matches: compilePattern(pattern.replace(/^!/, '').replace(/^\.\/|\/$/g, '')),
  }));
  const paths = project.files.filter((file) => file.endsWith('/package.json')).map((file) => posix.dirname(file));
  return paths.flatMap((path): Member[] => {
    if (
      !rules.some((rule) => !rule.isExcluded && rule.matches(path)) ||
      rules.some((rule) => rule.isExcluded && rule.matches(path))
    )
      return [];
    const manifest = readManifest(project, path);
    return manifest ? [{ path, name: manifest.name ?? path, manifest }] : [];
  });
}

const findMember = (members: Member[], given: string): Member | null =>
  members.find(({ path, name }) => name === given || path === posix.normalize(given).replace(/^\.$|\/$/g, '')) ?? null;

/** The member that the root's own start script starts, else the only one that has a server. */
function chooseApp(project: Project, root: Member, members: Member[]): Member {
  const commands = ['start:prod', 'start', 'prod', 'serve', 'server'].flatMap((name) => readScript(project, name));
  for (const { argv, directory } of commands) {
    const words = /^(npm|pnpm|yarn|turbo)$/.test(argv[0] ?? '')
      ? argv.slice(1).map((word) => word.replace(/^--?\w+=/, ''))
      : [];
    const started = [directory, ...words]
      .filter((word) => word !== '')
      .map((word) => findMember(members, word))
      .find((member) => member !== null);
    if (started) return started;
  }
  const candidates = [root, ...members].filter((member) => isServer(withApp(project, member.path, member.manifest)));
  const [first] = candidates;
  if (candidates.length === 1 && first) return first;
  const names = (candidates.length === 0 ? members : candidates).map(({ path }) => path || '.');
  throw usageError(
    candidates.length === 0
      ? 'No member of the workspace has a production start.'
      : `Several members of the workspace can be started: ${names.join(', ')}.`,
    `Choose one: --workspace ${names[0]}${names.length > 1 ? ` (or ${names.slice(1, 12).join(', ')})` : ''}`,
  );
}

/** Whether a member says by itself that it is an app: by a start script, a framework, or a Dockerfile. */
function isServer(project: Project): boolean {
  try {
    const framework = findFramework(project);
    const build = findBuild(project, framework);
    const { source } = findStart(project, build, framework, {});
    return framework?.command != null || /^(start|serve|prod|server|web|CMD)/.test(source);
  } catch {
    return false;
  }
}

/** What a member uses of the workspace, also to build, each after what it uses itself. */
function findNeeded(members: Member[], app: Member): Member[] {
  const needed: Member[] = [];
  const seen = new Set<Member>();
  const add = (member: Member) => {
    if (seen.has(member)) return;
    seen.add(member);
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = member.manifest;
    const used = { ...peerDependencies, ...devDependencies, ...optionalDependencies, ...dependencies };
    for (const other of members) if (other.name in used) add(other);
    needed.push(member);
  };
  add(app);
  return needed;
}
