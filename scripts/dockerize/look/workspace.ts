import { usageError } from '../../lib/errors.ts';
import { readImageCommand } from '../../project/docker-files.ts';
import { findFramework } from '../../project/frameworks.ts';
import { MissingFact } from '../../project/missing-fact.ts';
import { type Project, withApp } from '../../project/read-project.ts';
import { readLine, tidy } from '../../project/script-commands.ts';
import { addUsed, findMembers, type Member } from '../../project/workspace-members.ts';
import { findBuild } from './build-command.ts';
import { findStart } from './start-command.ts';

/** Finds the workspace, its app, and what the app uses of it. `given` is a directory or a name. @throws {MissingFact} */
export function findWorkspace(project: Project, given: string | undefined) {
  const { rootManifest } = project;
  const { members, source } = findMembers(project);
  if (members.length === 0 && given === undefined) return { project, workspace: null };
  const root: Member = { path: '', name: rootManifest.name ?? '', manifest: rootManifest };
  const app = given === undefined ? chooseApp(project, root, members) : findMember([...members, root], given);
  if (!app && !members[0]) throw usageError(`${project.directory} is not a workspace: leave out --workspace.`);
  if (!app) throw missingApp(`${given} is not in the workspace.`, [root, ...members]);
  const needed = app === root ? [...members, root] : addUsed(members, app);
  const others = members.filter((member) => !needed.includes(member)).map(({ path }) => path);
  const tools = { ...rootManifest.devDependencies, ...rootManifest.dependencies };
  const usesTurbo = project.has('turbo.json') && 'turbo' in tools;
  return { project: withApp(project, app.path, app.manifest), workspace: { needed, others, usesTurbo, source } };
}

const findMember = (members: Member[], given: string) =>
  members.find(({ path, name }) => name === given || path === tidy(given));

function missingApp(message: string, members: Member[]) {
  const choices = members.map(({ path }) => path || '.');
  const hint = `Choose one: --workspace ${choices.slice(0, 12).join(', --workspace ')}`;
  return new MissingFact('workspace', message, { hint, choices });
}

/** The member that the root starts, by its scripts or its Dockerfile; else the root; else the only one that has a server. */
function chooseApp(project: Project, root: Member, members: Member[]): Member {
  const lines = ['start:prod', 'start', 'prod', 'serve', 'server'].map((name) => `npm run ${name}`);
  const commands = [...lines, readImageCommand(project)].flatMap((line) => readLine(project, line));
  const words = commands.flatMap(({ argv, directory }) => [directory, ...argv]);
  const named = words.flatMap((word) => findMember(members, word.replace(/^--?\w+=/, '')) ?? []);
  if (named[0]) return named[0];
  const candidates = [root, ...members].filter((member) => isServer(withApp(project, member.path, member.manifest)));
  const [first] = candidates;
  if (!first) throw missingApp('No member of the workspace says how it is started.', members);
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
