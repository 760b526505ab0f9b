import { dirname } from 'node:path';
import spawn from 'nano-spawn';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { spawnInto, spawnLines, spawnStream, spawnText } from '../lib/spawn.ts';
import { ask } from './docker-api.ts';
import type { Engine, EngineInfo, MemoryFacts, OutputLine } from './engine.ts';
import { classifyEngineError } from './engine-errors.ts';

/**
 * The environment for Docker's command line: BuildKit on, also where the client is so old that it is not the default;
 * the engine's own builder, which sees local base images, not a builder that runs in a container; and no attestations,
 * which would make each build another image.
 */
export function dockerEnvironment(): NodeJS.ProcessEnv {
  const { BUILDX_BUILDER, BUILDKIT_PROGRESS, ...rest } = process.env;
  return { ...rest, DOCKER_BUILDKIT: '1', BUILDX_NO_DEFAULT_ATTESTATIONS: '1', DOCKER_CLI_HINTS: 'false' };
}

const inspectedImage = z.object({
  Id: z.string(),
  Os: z.string().nullish(),
  Architecture: z.string().nullish(),
  Variant: z.string().nullish(),
  Config: z
    .object({
      User: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
      Healthcheck: z.object({ Test: z.array(z.string()).nullish() }).nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }),
});

const diskUse = z.object({ BuildCache: z.array(z.object({ Size: z.number() })).nullish() });

const inspectedContainer = z.object({
  State: z.object({
    Running: z.boolean(),
    ExitCode: z.number(),
    Pid: z.number(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
    Health: z
      .object({
        Status: z.string(),
        Log: z.array(z.object({ Start: z.string(), ExitCode: z.number(), Output: z.string() })).nullish(),
      })
      .nullish(),
  }),
  NetworkSettings: z.object({
    Ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullish(),
  }),
});

/** Docker, through the command-line client `info.command`. Arguments are passed as a list: no shell sees them. */
export function dockerEngine(info: EngineInfo): Engine {
  const env = dockerEnvironment();
  const docker = (...args: string[]) => spawnText(info.command, args, { env }).catch(rethrowClassified);

  const lines = async (...args: string[]) => (await docker(...args)).split('\n').filter(Boolean);

  const engine: Engine = {
    info,

    async build({ context, dockerfile, name, labels, signal, onLine, ...request }) {
      const args = ['build', '--progress=plain', '--file', dockerfile, '--tag', name, ...labelArgs(labels)];
      const { target, buildArgs = {}, secrets = [], platform, noCache = false } = request;
      if (target) args.push('--target', target);
      if (noCache) args.push('--no-cache');
      if (platform) args.push('--platform', platform);
      for (const [key, value] of Object.entries(buildArgs)) args.push('--build-arg', `${key}=${value}`);
      for (const secret of secrets) args.push('--secret', secret);
      const begin = performance.now();
      await spawnLines(info.command, [...args, context], { env, cwd: dirname(dockerfile), signal, onLine }).catch(
        rethrowClassified,
      );
      const ms = performance.now() - begin;
      const image = await engine.image(name);
      if (!image) throw new ToolError(`The engine built ${name}, but does not have it.`);
      return { image, ms };
    },

    async builderCacheBytes() {
      const { BuildCache: records } = diskUse.parse(await ask(info.command, '/system/df?type=build-cache', { env }));
      return (records ?? []).reduce((sum, { Size: size }) => sum + size, 0);
    },

    async pull(image, onLine) {
      await spawnLines(info.command, ['pull', image], { env, onLine }).catch(rethrowClassified);
    },

    async image(reference) {
      let text: string;
      try {
        text = await docker('image', 'inspect', reference);
      } catch (error) {
        if (error instanceof ToolError && error.code === 'image-not-found') return null;
        throw error;
      }
      const [found] = z.tuple([inspectedImage]).parse(JSON.parse(text));
      return {
        id: found.Id,
        platform: [found.Os, found.Architecture, found.Variant].filter(Boolean).join('/'),
        labels: found.Config?.Labels ?? {},
        user: found.Config?.User ?? '',
        environment: found.Config?.Env ?? [],
        entrypoint: found.Config?.Entrypoint ?? [],
        command: found.Config?.Cmd ?? [],
        workingDirectory: found.Config?.WorkingDir ?? '',
        // NONE takes back what a base image says: https://docs.docker.com/reference/dockerfile/#healthcheck
        healthcheck: (found.Config?.Healthcheck?.Test ?? ['NONE'])[0] !== 'NONE',
        ports: Object.keys(found.Config?.ExposedPorts ?? {})
          .filter((port) => port.endsWith('/tcp'))
          .map((port) => Number.parseInt(port, 10))
          .sort((a, b) => a - b),
        diffIds: found.RootFS.Layers ?? [],
      };
    },

    async history(image) {
      const made = await lines('history', '--no-trunc', '--format', '{{json .CreatedBy}}', image);
      return made.map((line) => z.string().parse(JSON.parse(line))).reverse();
    },

    save: (images) => spawnStream(info.command, ['save', ...images], { env }),

    async tag(image, name) {
      await docker('tag', image, name);
    },

    importRoot(root, name, labels) {
      const changes = Object.entries(labels).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`]);
      return spawnInto(root, info.command, ['import', ...changes, '-', name], { env });
    },

    start: (image, { port, labels, args = [] }) =>
      docker('run', '--detach', '--publish', `127.0.0.1::${port}`, ...labelArgs(labels), ...args, image),

    async container(id) {
      const [found] = z.tuple([inspectedContainer]).parse(JSON.parse(await docker('container', 'inspect', id)));
      const { State: state } = found;
      const binding = Object.values(found.NetworkSettings.Ports ?? {}).flatMap((bindings) => bindings ?? [])[0];
      return {
        running: state.Running,
        exitCode: state.ExitCode,
        startedAt: engineTime(state.StartedAt),
        endedAt: state.Running ? null : engineTime(state.FinishedAt),
        processId: state.Pid,
        health: state.Health
          ? {
              status: state.Health.Status,
              checks: (state.Health.Log ?? []).map(({ Start, ExitCode, Output }) => ({
                startedAt: Start,
                exitCode: ExitCode,
                output: Output,
              })),
            }
          : null,
        address: binding ? { host: binding.HostIp, port: Number(binding.HostPort) } : null,
      };
    },

    async logs(id, lines) {
      const output: string[] = [];
      await spawnLines(info.command, ['logs', '--tail', String(lines), id], {
        env,
        onLine: (line) => output.push(line),
      });
      return output;
    },

    async output(id) {
      const { stdout, stderr } = await spawn(info.command, ['logs', '--timestamps', id], { env, stdin: 'ignore' });
      return { stdout: outputLines(stdout), stderr: outputLines(stderr) };
    },

    async memory(id) {
      const stats = memoryStats.parse(
        await ask(info.command, `/containers/${id}/stats?stream=false&one-shot=true`, { env }),
      );
      return memoryFacts(stats.memory_stats);
    },

    async processes(id) {
      const [, ...rows] = await lines('top', id, '-eo', 'pid,args');
      return rows.map((row) => {
        const [, processId, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(row) ?? [];
        return { processId: Number(processId), command };
      });
    },

    exec: (id, command) => docker('exec', id, ...command),

    async kill(id, signal) {
      await docker('kill', '--signal', signal, id);
    },

    async killedAt(id, endedAt) {
      // `--until` is by the engine's clock, and events of the past are told at once.
      const until = ((endedAt + 1) / 1000).toFixed(3);
      const filter = ['--filter', `container=${id}`, '--filter', 'event=kill'];
      const events = await lines('events', '--since', '0', '--until', until, ...filter, '--format', '{{.TimeNano}}');
      const last = events.at(-1);
      return last === undefined ? null : Number(BigInt(last) / 1000n) / 1000;
    },

    wait: async (id) => Number(await docker('wait', id)),

    async stop(id, limitSeconds) {
      await docker('stop', '-t', String(limitSeconds), id);
    },

    async removeImage(image) {
      await docker('rmi', image);
    },

    async removeContainer(id) {
      await docker('rm', '--force', '--volumes', id);
    },

    async labelled(label, value) {
      const filter = ['--all', '--no-trunc', '--filter', `label=${label}=${value}`];
      const images = await lines('images', ...filter, '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
      return {
        containers: await lines('ps', '--quiet', ...filter),
        images: images
          .map((line) => line.split(' '))
          .map(([name = '', id = '']) => (name.includes('<none>') ? id : name)),
      };
    },
  };
  return engine;
}

function rethrowClassified(error: unknown): never {
  throw classifyEngineError(error);
}

/** A time as the engine writes it, with nanoseconds, in milliseconds since 1970; null for its year 1, which means never. */
export function engineTime(text: string): number | null {
  const [, seconds = '', fraction = '', zone = 'Z'] = /^(.*?:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const time = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(time) || time < 0 ? null : time + Number(`0${fraction}`) * 1000;
}

function outputLines(text: string): OutputLine[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const space = line.indexOf(' ');
      return {
        at: engineTime(space < 0 ? line : line.slice(0, space)) ?? 0,
        text: space < 0 ? '' : line.slice(space + 1),
      };
    });
}

const memoryStats = z.object({
  memory_stats: z.object({ usage: z.number().optional(), stats: z.record(z.string(), z.number()).optional() }),
});

/**
 * Memory in use without the file pages that the kernel can take back. The counters of cgroup v1 have a `total_` before
 * their names, those of v2 not, as in Docker's own `stats`.
 */
export function memoryFacts({ usage, stats = {} }: z.infer<typeof memoryStats>['memory_stats']): MemoryFacts {
  if (!usage)
    throw new ToolError('The engine does not count the memory of containers: its cgroup has no memory controller.');
  const [counter, name] =
    stats.total_inactive_file === undefined
      ? ['cgroup v2: memory.current − inactive_file', 'inactive_file']
      : ['cgroup v1: memory.usage_in_bytes − total_inactive_file', 'total_inactive_file'];
  return { bytes: Math.max(0, usage - (stats[name] ?? 0)), counter };
}

function labelArgs(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
}
