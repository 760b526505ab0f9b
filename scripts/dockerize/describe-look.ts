import { posix } from 'node:path';
import { isPlain } from '../lib/dockerfile-text.ts';
import type { Fact } from '../project/fact.ts';
import type { Look } from './look-at-project.ts';
import type { Plan } from './plan-model.ts';

const NO_PLUG_AND_PLAY = "Yarn's Plug'n'Play is left out: the image has node_modules, with the same versions";

/** What was found, and where: a line each. What follows from it is in the Dockerfile. */
export function describeLook(look: Look, plan: Plan): string[] {
  const {
    project,
    workspace,
    manager,
    node,
    needs,
    framework,
    build,
    start,
    port,
    host,
    files,
    health,
    sigterm,
    misplaced,
  } = look;
  const { name, version, isPlugAndPlay } = manager.value;
  const asked = node.facts.map(({ value, source }) => `${source}: ${value}`).join(', ');
  const lines: [what: string, source: string][] = [];
  const add = (what: string, source: string) => lines.push([what, source]);
  const addList = (what: string, found: Fact<string[]> | null) =>
    found && add(what + found.value.join(', '), found.source);
  if (workspace)
    add(`workspace: ${workspace.needed.map((one) => one.name || 'the root').join(', ')}`, workspace.source);
  add(version === null ? name : `${name.replace('-berry', '')} ${version}`, manager.source);
  add(`Node.js ${node.major}`, asked || 'the newest LTS: nothing names a version');
  if (framework) add(framework.name, framework.source);
  if (build) add(`build: ${build.command ?? `the script ${build.script}`}`, build.source);
  else add('no build', 'package.json has no script that builds');
  add(`start: ${plan.isProgram ? '' : 'node '}${start.argv.join(' ')}`, start.source);
  for (const line of plan.before) add(`before it: ${line}`, start.source);
  add(`port ${plan.port}`, port?.value === plan.port ? port.source : '--port');
  if (host) add(`listens on all addresses: ${host.value}=0.0.0.0`, host.source);
  if (health) add(`health check: GET ${health.value}`, health.source);
  else add('health check: a TCP connection', 'no route such as /healthz was found');
  if (sigterm) add('SIGTERM is handled', sigterm.source);
  else add('SIGTERM is not handled: the image gets an init', 'no handler in the source code');
  addList('native addons, downloaded or compiled: ', needs.compiled);
  addList('Debian, not Alpine, for ', needs.glibcOnly);
  if (needs.secretFile) add(`${needs.secretFile.value} is given as a secret`, needs.secretFile.source);
  addList('scripts that an installation runs: ', needs.ownScripts);
  for (const { value, source } of files.reads) add(`reads ${value}`, source);
  for (const { value, source } of files.writes) {
    const isVolume = isPlain(value.replace(/^(\.\.\/)+/, ''));
    add(`writes to ${isVolume ? value || 'its own directory' : `${value}, which gets no volume: rename it`}`, source);
  }
  for (const { value, source } of misplaced) add(`imports ${value}, a devDependency: move it to dependencies`, source);
  const { source, entry } = start;
  const isToBeMade = source === '--entry' && !project.has(posix.join(project.app, entry ?? ''));
  const toBeMade = isToBeMade ? [`${entry} is not in the project: the build has to make it`] : [];
  const notes = [...toBeMade, ...(isPlugAndPlay ? [NO_PLUG_AND_PLAY] : []), ...node.notes, ...start.notes];
  const printed = lines.map(([what, source]) => `  ${what} — ${source}`.replaceAll('\n', ' '));
  return [...printed, ...notes.map((note) => `  Note: ${note}`)];
}
