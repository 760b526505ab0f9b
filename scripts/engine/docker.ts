import { dirname } from 'node:path';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { spawnBeginning, spawnInto, spawnLines, spawnStream, spawnText } from '../lib/spawn.ts';
import { queryDockerApi } from './docker-api.ts';
import { readContainerFacts, readImageFacts } from './docker-inspect.ts';
import { containerStats, memoryFacts, readOutputLines } from './docker-output.ts';
import type { Engine, EngineInfo } from './engine.ts';
import { throwBuildError, throwObjectError, throwPullError } from './engine-errors.ts';

/**
 * The environment for Docker's command line: BuildKit on, also where the client is so old that it is not the default;
 * the engine's own builder, which sees local base images, not a builder that runs in a container; and no attestations,
 * which would make each build another image.
 */
export function dockerEnvironment(): NodeJS.ProcessEnv {
  const { BUILDX_BUILDER, BUILDKIT_PROGRESS, ...rest } = process.env;
  return { ...rest, DOCKER_BUILDKIT: '1', BUILDX_NO_DEFAULT_ATTESTATIONS: '1', DOCKER_CLI_HINTS: 'false' };
}

/**
 * How long after the end of a container the engine may note the signal that ended it, in milliseconds: it notes a signal
 * once it is delivered. On a busy machine that is later than the end of a program that ends at once.
 */
const KILL_NOTED_MS = [1, 1000];

const diskUsage = z.object({ BuildCache: z.array(z.object({ Size: z.number() })).nullish() });

/** How long the engine may take for what it does at once, in milliseconds. Builds, pulls and archives have no limit. */
const ANSWER_LIMIT_MS = 60_000;
/** How long it may take to list and to remove something, in milliseconds: the user may be waiting after Ctrl-C. */
const REMOVAL_LIMIT_MS = 15_000;
/** How much of what a container printed is read, in characters of each stream: some containers print without end. */
const OUTPUT_LIMIT = 1 << 20;

const splitLines = (text: string) => text.split('\n').filter(Boolean);

/**
 * Docker, through the command-line client `info.command`. Arguments are passed as a list: no shell sees them. An interruption
 * ends everything but the removal of containers and images.
 */
export function dockerEngine(info: EngineInfo, signal?: AbortSignal): Engine {
  const { command: program } = info;
  const env = dockerEnvironment();
  const removal = { env, timeout: REMOVAL_LIMIT_MS };
  const options = { env, timeout: ANSWER_LIMIT_MS, signal };
  const docker = (...args: string[]) => spawnText(program, args, options).catch(throwObjectError);
  const remove = async (...args: string[]) => void (await spawnText(program, args, removal));
  const dockerVoid = async (...args: string[]) => void (await docker(...args));
  const dockerLines = async (...args: string[]) => splitLines(await docker(...args));

  const engine: Engine = {
    info,

    async build({ context, dockerfile, name, labels, onLine, ...request }) {
      const args = ['build', '--progress=plain', '--file', dockerfile, '--tag', name, ...labelArgs(labels)];
      const { target, buildArgs = {}, secrets = [], platform } = request;
      if (target) args.push('--target', target);
      if (platform) args.push('--platform', platform);
      for (const [key, value] of Object.entries(buildArgs)) args.push('--build-arg', `${key}=${value}`);
      for (const secret of secrets) args.push('--secret', secret);
      const spawnOptions = { env, cwd: dirname(dockerfile), signal, onLine };
      const begin = performance.now();
      await spawnLines(program, [...args, context], spawnOptions).catch(throwBuildError);
      const ms = performance.now() - begin;
      // By its name: with containerd's image store, the engine does not know the id that `docker build --iidfile` writes.
      const image = await engine.image(name);
      if (!image) throw new ToolError(`The engine built ${name}, but does not have it.`);
      return { image, ms };
    },

    async builderCacheBytes() {
      const usage = await queryDockerApi(program, '/system/df?type=build-cache', options);
      return (diskUsage.parse(usage).BuildCache ?? []).reduce((sum, { Size: size }) => sum + size, 0);
    },

    pull: (image, onLine) => spawnLines(program, ['pull', image], { env, signal, onLine }).catch(throwPullError),

    async image(reference) {
      try {
        return readImageFacts(await docker('image', 'inspect', reference));
      } catch (error) {
        if (error instanceof ToolError && error.code === 'image-not-found') return null;
        throw error;
      }
    },

    async history(image) {
      const lines = await dockerLines('history', '--no-trunc', '--format', '{{json .CreatedBy}}', image);
      return lines.map((line) => z.string().parse(JSON.parse(line))).reverse();
    },

    save: (images) => spawnStream(program, ['save', ...images], { env, signal }),
    tag: (image, name) => dockerVoid('tag', image, name),
    removeImage: (image) => remove('rmi', image),

    importRoot(root, name, labels) {
      const changes = Object.entries(labels).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`]);
      return spawnInto(root, program, ['import', ...changes, '-', name], { env, signal });
    },

    start: (image, { port, labels, args = [] }) =>
      docker('run', '--detach', '--publish', `127.0.0.1::${port}`, ...labelArgs(labels), ...args, image),

    container: async (id) => readContainerFacts(await docker('container', 'inspect', id)),

    async logs(id, count) {
      const args = ['logs', '--tail', String(count), id];
      const { stdout, stderr } = await spawnBeginning(program, args, OUTPUT_LIMIT, options);
      return [stdout, stderr].flatMap(splitLines);
    },

    async output(id) {
      const { stdout, stderr } = await spawnBeginning(program, ['logs', '--timestamps', id], OUTPUT_LIMIT, options);
      return { stdout: readOutputLines(stdout), stderr: readOutputLines(stderr) };
    },

    async memory(id) {
      const path = `/containers/${id}/stats?stream=false&one-shot=true`;
      return memoryFacts(containerStats.parse(await queryDockerApi(program, path, options)).memory_stats);
    },

    async processes(id) {
      const [, ...rows] = await dockerLines('top', id, '-eo', 'pid,args');
      return rows.map((row) => {
        const [, processId, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(row) ?? [];
        return { processId: Number(processId), command };
      });
    },

    kill: (id, signal) => dockerVoid('kill', '--signal', signal, id),
    wait: async (id) => Number(await spawnText(program, ['wait', id], { env, signal })),
    removeContainer: (id) => remove('rm', '--force', '--volumes', id),

    async killedAt(id, endedAt) {
      const filter = ['--filter', `container=${id}`, '--filter', 'event=kill', '--format', '{{.TimeNano}}'];
      for (const laterMs of KILL_NOTED_MS) {
        // By the engine's clock. With it, the client prints the past events and exits, when that time has come.
        const until = ((endedAt + laterMs) / 1000).toFixed(3);
        const last = (await dockerLines('events', '--since', '0', '--until', until, ...filter)).at(-1);
        if (last !== undefined) return Number(BigInt(last) / 1000n) / 1000;
      }
      return null;
    },

    async labelled(label, value) {
      const filter = ['--all', '--no-trunc', '--filter', `label=${label}${value === undefined ? '' : `=${value}`}`];
      const isUnnamed = 'or (eq .Repository "<none>") (eq .Tag "<none>")';
      const nameOrId = `{{if ${isUnnamed}}}{{.ID}}{{else}}{{.Repository}}:{{.Tag}}{{end}}`;
      const list = async (...args: string[]) => splitLines(await spawnText(program, [...args, ...filter], removal));
      const lists = [list('ps', '--quiet'), list('images', '--format', nameOrId)] as const;
      const [containers, images] = await Promise.all(lists);
      return { containers, images };
    },
  };
  return engine;
}

function labelArgs(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
}
