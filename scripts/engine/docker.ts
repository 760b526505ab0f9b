import { dirname } from 'node:path';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { spawnLines, spawnStream } from '../lib/spawn.ts';
import { buildArgs, commandsOf, sharedCommands, timeBuild } from './command-line.ts';
import { queryDockerApi } from './docker-api.ts';
import { containerStats, memoryFacts } from './docker-output.ts';
import type { Endpoint } from './endpoint.ts';
import { type Engine, type EngineChoice, type EngineInfo, isolatedBuilder } from './engine.ts';
import { throwBuildError, throwPullError } from './engine-errors.ts';
import { publishedPorts } from './published-ports.ts';

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

/** Docker, through the command-line client `info.command`. */
export function dockerEngine(
  info: EngineInfo,
  { publish, endpoint }: EngineChoice & { endpoint: Endpoint },
  signal?: AbortSignal,
): Engine {
  const { command: program } = info;
  const env = dockerEnvironment();
  const client = { program, prefix: [], env, signal };
  const { options, lines } = commandsOf(client);
  const ports = publishedPorts(endpoint, publish, { env, signal });
  const shared = sharedCommands(client, ports);
  // https://docs.docker.com/reference/cli/docker/buildx/build/#load: a builder that runs elsewhere sends the image.
  const buildCommand = info.buildx ? ['buildx', 'build', '--builder', info.buildx.name, '--load'] : ['build'];
  const isolated = isolatedBuilder(info);

  return {
    ...shared,
    info,

    build({ cacheMounts, onLine, ...request }) {
      // https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args
      const cache = cacheMounts === undefined ? [] : ['--build-arg', `BUILDKIT_CACHE_MOUNT_NS=${cacheMounts}`];
      const args = [...buildCommand, '--progress=plain', ...cache, ...buildArgs(request)];
      const spawnOptions = { env, cwd: dirname(request.dockerfile), signal, onLine };
      return timeBuild(shared, request, () =>
        spawnLines(program, args, spawnOptions).catch((error) => throwBuildError(error, isolated)),
      );
    },

    async builderCacheBytes() {
      if (isolated) throw new ToolError(`The engine does not know the cache of the builder ${isolated.name}.`);
      const usage = await queryDockerApi(program, '/system/df?type=build-cache', options);
      return (diskUsage.parse(usage).BuildCache ?? []).reduce((sum, { Size: size }) => sum + size, 0);
    },

    pull: (image, onLine) => spawnLines(program, ['pull', image], { env, signal, onLine }).catch(throwPullError),
    save: (images) => spawnStream(program, ['save', ...images], { env, signal }),
    health: async (id) => (await shared.container(id)).health,

    async memory(id) {
      // A container without a control group of its own: the counters would be those of everything that its user runs.
      if (!info.limitsMemory) throw new ToolError('The engine does not count the memory of each container.');
      const path = `/containers/${id}/stats?stream=false&one-shot=true`;
      return memoryFacts(containerStats.parse(await queryDockerApi(program, path, options)).memory_stats);
    },

    async processes(id) {
      const [, ...rows] = await lines('top', id, '-eo', 'pid,args');
      return rows.map(readProcess);
    },

    async killedAt(id, endedAt) {
      const filter = ['--filter', `container=${id}`, '--filter', 'event=kill', '--format', '{{.TimeNano}}'];
      for (const laterMs of KILL_NOTED_MS) {
        // By the engine's clock. With it, the client prints the past events and exits, when that time has come.
        const until = ((endedAt + laterMs) / 1000).toFixed(3);
        const last = (await lines('events', '--since', '0', '--until', until, ...filter)).at(-1);
        if (last !== undefined) return Number(BigInt(last) / 1000n) / 1000;
      }
      return null;
    },
  };
}

/** A line of `top` that has a process's id and its command. */
export function readProcess(row: string): { processId: number; command: string } {
  const [, processId, command = ''] = /^\s*(\d+)\s+(.*?)\s*$/.exec(row) ?? [];
  return { processId: Number(processId), command };
}
