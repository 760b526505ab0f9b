import { isPlain } from '../lib/dockerfile-text.ts';
import type { Look } from './look-at-project.ts';
import type { Plan } from './plan-model.ts';

const NO_PLUG_AND_PLAY = "Yarn's Plug'n'Play is left out: the image has node_modules, with the same versions";

/** What was found, and where: a line each. What follows from it is in the Dockerfile. */
export function describeLook(look: Look, plan: Plan): string[] {
  const { workspace, manager, node, needs, framework, build, start, port, files, health, sigterm, misplaced } = look;
  const version = manager.value.version === null ? '' : ` ${manager.value.version}`;
  const lines: [what: string, source: string][] = [
    ...(workspace
      ? [[`workspace: ${workspace.needed.map(({ name }) => name || 'the root').join(', ')}`, workspace.source] as const]
      : []),
    [`${manager.value.name}${version}`, manager.source],
    [
      `Node.js ${node.major}`,
      node.facts.map(({ value, source }) => `${source} asks for ${value}`).join(', ') ||
        'the newest LTS: nothing names a version',
    ],
    ...(framework ? [[framework.name, framework.source] as const] : []),
    ...(build
      ? [[`build: ${build.command ?? `the script ${build.script}`}`, build.source] as const]
      : [['no build', 'package.json has no script that builds'] as const]),
    [`start: node ${start.argv.join(' ')}`, start.source],
    [`port ${plan.port}`, port?.value === plan.port ? port.source : '--port'],
    health
      ? [`health check: GET ${health.value}`, health.source]
      : ['health check: a TCP connection', 'no route in the source code has a name like /healthz'],
    sigterm
      ? ['SIGTERM is handled', sigterm.source]
      : ['SIGTERM is not handled: the image gets an init', 'no handler in the source code'],
    ...(needs.compiled
      ? [[`compiled during the installation: ${needs.compiled.value.join(', ')}`, needs.compiled.source] as const]
      : []),
    ...(needs.glibcOnly
      ? [[`Debian, not Alpine, for ${needs.glibcOnly.value.join(', ')}`, needs.glibcOnly.source] as const]
      : []),
    ...(needs.secretFile ? [[`${needs.secretFile.value} is given as a secret`, needs.secretFile.source] as const] : []),
    ...(needs.ownScripts
      ? [[`scripts that an installation runs: ${needs.ownScripts.value.join(', ')}`, needs.ownScripts.source] as const]
      : []),
    ...files.reads.map(({ value, source }) => [`reads ${value}`, source] as const),
    ...files.writes.map(({ value, source }) => {
      const where = isPlain(value.replace(/^(\.\.\/)+/, ''))
        ? value || 'its own directory'
        : `${value}, which gets no volume: rename it`;
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
