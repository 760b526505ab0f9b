import { posix } from 'node:path';
import { isPlain } from '../lib/dockerfile-text.ts';
import type { Fact } from '../project/fact.ts';
import type { Look } from './look-at-project.ts';
import type { Plan } from './plan-model.ts';

const NO_PLUG_AND_PLAY = "Yarn's Plug'n'Play is not used: the image has node_modules with the same versions";

/** What was found, and where: a line each. What follows from it is in the Dockerfile. */
export function describeLook(look: Look, plan: Plan): string[] {
  const { project, workspace, node, needs, build, start, files } = look;
  const { name, version, isPlugAndPlay } = look.manager.value;
  const asked = node.facts.map(({ value, source }) => `${source}: ${value}`).join(', ');
  const lines: string[] = [];
  const add = (what: string, source: string) => lines.push(`  ${what} — ${source}`.replaceAll('\n', ' '));
  const addList = (what: string, found: Fact<string[]> | null) =>
    found && add(what + found.value.join(', '), found.source);
  if (workspace)
    add(`workspace: ${workspace.needed.map((one) => one.name || 'the root').join(', ')}`, workspace.source);
  add(version === null ? name : `${name.replace('-berry', '')} ${version}`, look.manager.source);
  add(`Node.js ${node.major}`, asked || 'the newest LTS, because no file names a version');
  if (look.framework) add(look.framework.name, look.framework.source);
  if (build) add(`build: ${build.command ?? `the script ${build.script}`}`, build.source);
  else add('no build', 'package.json has no build script');
  add(`start: ${plan.isProgram ? '' : 'node '}${start.argv.join(' ')}`, start.source);
  for (const line of plan.before) add(`runs before: ${line}`, start.source);
  add(`port ${plan.port}`, look.port?.value === plan.port ? look.port.source : '--port');
  if (look.host) add(`listens on all addresses: ${look.host.value}=0.0.0.0`, look.host.source);
  if (look.health) add(`health check: GET ${look.health.value}`, look.health.source);
  else add('health check: a TCP connection', 'no route such as /healthz was found');
  if (look.sigterm) add('SIGTERM is handled', look.sigterm.source);
  else add('SIGTERM is not handled, so the image gets an init', 'no handler in the source code');
  addList('native addons, downloaded or compiled: ', needs.compiled);
  addList('Debian, not Alpine, for ', needs.glibcOnly);
  if (needs.secretFile) add(`${needs.secretFile.value} is passed as a secret`, needs.secretFile.source);
  addList('scripts that an installation runs: ', needs.ownScripts);
  for (const { value, source } of files.reads) add(`reads ${value}`, source);
  for (const { value, source } of files.writes) {
    const isVolume = isPlain(value.replace(/^(\.\.\/)+/, ''));
    add(
      `writes to ${isVolume ? value || 'its own directory' : `${value}, which gets no volume. To get one, rename it`}`,
      source,
    );
  }
  for (const { value, source } of look.misplaced)
    add(`imports ${value}, a devDependency: move it to dependencies`, source);
  const notes = [...(isPlugAndPlay ? [NO_PLUG_AND_PLAY] : []), ...node.notes, ...start.notes];
  if (start.source === '--entry' && !project.has(posix.join(project.app, start.entry ?? '')))
    notes.unshift(`${start.entry} is not in the project: the build has to create it`);
  return [...lines, ...notes.map((note) => `  Note: ${note}`)];
}
