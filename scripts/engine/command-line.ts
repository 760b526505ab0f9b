import { ToolError } from '../lib/errors.ts';
import { type SpawnOptions, spawnBeginning, spawnInto, spawnText } from '../lib/spawn.ts';
import { readContainerFacts, readImageFacts } from './docker-inspect.ts';
import { readOutputLines } from './docker-output.ts';
import type { BuildRequest, BuildResult, Engine } from './engine.ts';
import { throwObjectError } from './engine-errors.ts';
import type { PublishedPorts } from './published-ports.ts';

/** How long the engine may take for what it does at once, in milliseconds. Builds, pulls and archives have no limit. */
const ANSWER_LIMIT_MS = 60_000;
/** How long it may take to list and to remove something, in milliseconds: the user may be waiting after Ctrl-C. */
const REMOVAL_LIMIT_MS = 15_000;
/** How much of what a container printed is read, in characters of each stream: some containers print without end. */
const OUTPUT_LIMIT = 1 << 20;

export const splitLines = (text: string) => text.split('\n').filter(Boolean);

/** An engine's command-line client, and how it is spawned. Arguments are passed as a list: no shell sees them. */
export interface CommandLine {
  program: string;
  /** What stands before every command, such as an address. */
  prefix: string[];
  /** Options that the removal of an image and of a container requires. */
  removal?: { image: string[]; container: string[] };
  env: NodeJS.ProcessEnv;
  /** Ends everything but the removal of containers and images. */
  signal?: AbortSignal;
}

/** What Docker and Podman do by the same commands. */
type SharedCommands = Pick<
  Engine,
  | ('image' | 'history' | 'tag' | 'importRoot')
  | ('connectToPorts' | 'start' | 'container' | 'logs' | 'output' | 'kill' | 'wait')
  | ('removeImage' | 'removeContainer' | 'labelled' | 'close')
>;

/** Spawns the client for one command each. */
export function commandsOf({ program, prefix, env, signal }: CommandLine) {
  const options: SpawnOptions = { env, timeout: ANSWER_LIMIT_MS, signal };
  const removal: SpawnOptions = { env, timeout: REMOVAL_LIMIT_MS };
  const text = (...args: string[]) => spawnText(program, [...prefix, ...args], options).catch(throwObjectError);
  return {
    options,
    text,
    lines: async (...args: string[]) => splitLines(await text(...args)),
    run: async (...args: string[]) => void (await text(...args)),
    remove: (...args: string[]) => spawnText(program, [...prefix, ...args], removal),
  };
}

/** The methods of an engine that are the same commands for Docker and Podman. */
export function sharedCommands(client: CommandLine, ports: PublishedPorts): SharedCommands {
  const { program, prefix, removal, env, signal } = client;
  const { options, text, lines, run, remove } = commandsOf(client);
  const readBeginning = (...args: string[]) => spawnBeginning(program, [...prefix, ...args], OUTPUT_LIMIT, options);
  return {
    async image(reference) {
      try {
        return readImageFacts(await text('image', 'inspect', reference));
      } catch (error) {
        if (error instanceof ToolError && error.code === 'image-not-found') return null;
        throw error;
      }
    },

    async history(image) {
      const texts = await lines('history', '--no-trunc', '--format', '{{json .CreatedBy}}', image);
      return texts.map((line) => String(JSON.parse(line))).reverse();
    },

    tag: (image, name) => run('tag', image, name),

    importRoot(root, name, labels) {
      const changes = Object.entries(labels).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`]);
      return spawnInto(root, program, [...prefix, 'import', ...changes, '-', name], { env, signal });
    },

    connectToPorts: () => ports.connect(),

    async start(image, { port, labels, args = [] }) {
      await ports.connect();
      const address = ports.publish.includes(':') ? `[${ports.publish}]` : ports.publish;
      const publish = ['--publish', `${address}::${port}`];
      const id = await text('run', '--detach', ...publish, ...labelArgs(labels), ...args, image);
      ports.add(id);
      return id;
    },

    async container(id) {
      const { address: published, ...facts } = readContainerFacts(await text('container', 'inspect', id));
      return { ...facts, address: published && (await ports.reach(id, published)) };
    },

    async logs(id, count) {
      const { stdout, stderr } = await readBeginning('logs', '--tail', String(count), id);
      return [stdout, stderr].flatMap(splitLines);
    },

    async output(id) {
      const { stdout, stderr } = await readBeginning('logs', '--timestamps', id);
      return { stdout: readOutputLines(stdout), stderr: readOutputLines(stderr) };
    },

    kill: (id, name) => run('kill', '--signal', name, id),
    wait: async (id) => Number(await spawnText(program, [...prefix, 'wait', id], { env, signal })),
    removeImage: async (image) => void (await remove('rmi', ...(removal?.image ?? []), image)),
    async removeContainer(id) {
      await ports.remove(id);
      await remove('rm', '--force', '--volumes', ...(removal?.container ?? []), id);
    },
    close: () => ports.close(),

    async labelled(label, value) {
      const filter = ['--all', '--no-trunc', '--filter', `label=${label}${value === undefined ? '' : `=${value}`}`];
      const isUnnamed = 'or (eq .Repository "<none>") (eq .Tag "<none>")';
      const nameOrId = `{{if ${isUnnamed}}}{{.ID}}{{else}}{{.Repository}}:{{.Tag}}{{end}}`;
      const list = async (...args: string[]) => splitLines(await remove(...args, ...filter));
      const lists = [list('ps', '--quiet'), list('images', '--format', nameOrId)] as const;
      const [containers, images] = await Promise.all(lists);
      return { containers, images };
    },
  };
}

/** Times a build, and finds its image. @throws {ToolError} when the build fails, or the engine has no image after it. */
export async function timeBuild(
  { image: findImage }: Pick<Engine, 'image'>,
  { name }: Pick<BuildRequest, 'name'>,
  build: () => Promise<void>,
): Promise<BuildResult> {
  const begin = performance.now();
  await build();
  const ms = performance.now() - begin;
  // By its name: with containerd's image store, Docker does not know the id that `docker build --iidfile` writes.
  const image = await findImage(name);
  if (!image) throw new ToolError(`The engine built ${name}, but does not have it.`);
  return { image, ms };
}

/** The options of `build` that Docker and Podman share, with the context at the end. */
export function buildArgs({ context, dockerfile, name, labels, ...request }: BuildRequest): string[] {
  const { target, buildArgs: variables = {}, secrets = [], platform } = request;
  return [
    ...['--file', dockerfile, '--tag', name, ...labelArgs(labels)],
    ...(target ? ['--target', target] : []),
    ...(platform ? ['--platform', platform] : []),
    ...Object.entries(variables).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...secrets.flatMap((secret) => ['--secret', secret]),
    context,
  ];
}

function labelArgs(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
}
