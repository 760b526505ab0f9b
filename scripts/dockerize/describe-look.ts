import type { Look } from './look-at-project.ts';
import { isPlain } from './plain-text.ts';
import type { Plan } from './plan-model.ts';

const NO_PLUG_AND_PLAY = "Yarn's Plug'n'Play is left out: the image has node_modules, with the same versions";

/** What was found, and where: a line each. What follows from it is in the Dockerfile. */
export function describeLook(look: Look, plan: Plan): string[] {
  const { workspace, manager, node, needs, framework, build, start, port, files, health, sigterm, misplaced } = look;
  const version = manager.value.version === null ? '' : ` ${manager.value.version}`;
  const lines: [what: string, source: string][] = [
    ...(workspace
      ? [[`workspace: ${workspace.needed.map(({ name }) => name).join(', ')}`, workspace.source] as const]
      : []),
    [`${manager.value.name}${version}`, manager.source],
    [
      `Node.js ${node.major}`,
      node.facts.map(({ value, source }) => `${value} in ${source}`).join(', ') || 'the newest LTS',
    ],
    ...(framework ? [[framework.name, framework.source] as const] : []),
    ...(build
      ? [[`build: ${build.command ?? `the script ${build.script}`}`, build.source] as const]
      : [['no build', 'package.json'] as const]),
    [`start: node ${start.argv.join(' ')}`, start.source],
    [`port ${plan.port}`, port?.value === plan.port ? port.source : '--port'],
    health ? [`health: GET ${health.value}`, health.source] : ['health: a TCP connection', 'no route with such a name'],
    sigterm
      ? ['SIGTERM is handled', sigterm.source]
      : ['SIGTERM is not handled: the image gets an init', 'no handler in the source code'],
    ...(needs.compiled
      ? [[`compiled when installed: ${needs.compiled.value.join(', ')}`, needs.compiled.source] as const]
      : []),
    ...(needs.glibcOnly
      ? [[`not for Alpine: ${needs.glibcOnly.value.join(', ')}`, needs.glibcOnly.source] as const]
      : []),
    ...(needs.secretFile ? [[`a secret: ${needs.secretFile.value}`, needs.secretFile.source] as const] : []),
    ...(needs.ownScripts
      ? [[`scripts of the installation: ${needs.ownScripts.value.join(', ')}`, needs.ownScripts.source] as const]
      : []),
    ...files.reads.map(({ value, source }) => [`reads ${value}`, source] as const),
    ...files.writes.map(({ value, source }) => {
      const where = isPlain(value) ? value || 'its own directory' : `${value}, which gets no volume: rename it`;
      return [`writes to ${where}`, source] as const;
    }),
    ...misplaced.map(
      ({ value, source }) => [`imports ${value}, a devDependency: move it to dependencies`, source] as const,
    ),
  ].map(([what, source]) => [what, source]);
  return [
    ...lines.map(([what, source]) => `  ${what} — ${source}`.replaceAll('\n', ' ')),
    ...[...(manager.value.isPlugAndPlay ? [NO_PLUG_AND_PLAY] : []), ...node.notes, ...start.notes].map(
      (note) => `  Note: ${note}`,
    ),
  ];
}
