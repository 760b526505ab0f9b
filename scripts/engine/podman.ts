import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { spawnLines, spawnStream, spawnText } from '../lib/spawn.ts';
import { buildArgs, commandsOf, sharedCommands, timeBuild } from './command-line.ts';
import { readProcess } from './docker.ts';
import { engineTime } from './docker-output.ts';
import type { Endpoint } from './endpoint.ts';
import type { Engine, EngineChoice, EngineInfo } from './engine.ts';
import { throwBuildError, throwPullError } from './engine-errors.ts';
import { interruptBuild } from './interrupt-build.ts';
import { changesHealthCheck, podmanOptions } from './podman-options.ts';
import { publishedPorts } from './published-ports.ts';

/** Podman's environment, without the warning that cgroup v1 is deprecated before everything that it prints. */
export const podmanEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
});

/** How long a health check may take, in milliseconds. Podman before 5.5 does not end one that hangs. */
const HEALTH_LIMIT_MS = 10_000;
/**
 * The pause before a health check, in milliseconds: Docker's first check comes an interval after the start as well. Where
 * the Dockerfile sets no retries, one check that fails decides.
 */
const HEALTH_PAUSE_MS = 1000;
/** How long after the end of a container Podman may note the signal that ended it, in milliseconds. */
const KILL_NOTED_MS = 1000;
/**
 * The images of its steps, which have no name, are Podman's build cache: it stays, as Docker's does. Docker's client kills a
 * container at once; Podman's first waits for the program to end.
 */
const REMOVAL = { image: ['--no-prune'], container: ['--time', '0'] };
/** What Podman puts before the name of an image that has no registry. */
const LOCAL = /^localhost\//;

const stats = z.tuple([z.object({ mem_usage: z.string() })]);
/** Podman 4 has a time with nanoseconds as text, Podman 5 beside one in seconds. */
const event = z.object({ timeNano: z.number().optional(), Time: z.string().optional() });

/** Podman, through the command-line client `info.command`; `prefix` names the engine, where it is not the client's own. */
export function podmanEngine(
  info: EngineInfo,
  { prefix, publish, endpoint }: EngineChoice & { prefix: string[]; endpoint: Endpoint },
  signal?: AbortSignal,
): Engine {
  const { command: program } = info;
  const env = podmanEnvironment();
  const client = { program, prefix, removal: REMOVAL, env, signal };
  const { lines, text, options } = commandsOf(client);
  const ports = publishedPorts(endpoint, publish, { env, signal });
  const shared = sharedCommands(client, ports);

  return {
    ...shared,
    info,

    build({ onLine, cacheMounts: _, ...request }) {
      // An image in OCI's format has no health check: https://docs.podman.io/en/latest/markdown/podman-build.1.html#format
      const args = [...prefix, 'build', '--format', 'docker', '--layers', ...buildArgs(request)];
      const spawnOptions = { env, cwd: dirname(request.dockerfile), onLine };
      return timeBuild(shared, request, () =>
        interruptBuild(signal, (buildSignal) =>
          spawnLines(program, args, { ...spawnOptions, signal: buildSignal }).catch((error) => throwBuildError(error)),
        ),
      );
    },

    async start(image, { args = [], ...settings }) {
      const inspect = ['image', 'inspect', '--format', '{{json .HealthCheck}}', image];
      const healthcheck = changesHealthCheck(args) ? await text(...inspect) : undefined;
      return shared.start(image, { ...settings, args: podmanOptions(args, healthcheck) });
    },

    // It notes the start once its runtime has returned: an app may have printed a line before.
    container: async (id) => ({ ...(await shared.container(id)), startedAt: null }),

    builderCacheBytes: () => Promise.reject(new ToolError('Podman does not report the size of its build cache.')),

    pull: (image, onLine) =>
      spawnLines(program, [...prefix, 'pull', image], { env, signal, onLine }).catch(throwPullError),

    save: (images) =>
      spawnStream(program, [...prefix, 'save', '--format', 'docker-archive', '--multi-image-archive', ...images], {
        env,
        signal,
      }),

    /** Podman leaves its checks to systemd, which may not run; one more does no harm. */
    async health(id) {
      const check = ['healthcheck', 'run', id];
      await sleep(HEALTH_PAUSE_MS, undefined, { signal });
      // It fails when the container is not healthy.
      await spawnText(program, [...prefix, ...check], { ...options, timeout: HEALTH_LIMIT_MS }).catch((error) => {
        if (error instanceof ToolError && error.code === 'timed-out')
          throw new ToolError(`Podman ${info.version} does not end a health check that hangs.`, { code: 'timed-out' });
        if (!(error instanceof ToolError)) throw error;
      });
      return (await shared.container(id)).health;
    },

    async memory(id) {
      const { data } = stats.safeParse(parseJson(await text('stats', '--no-stream', '--format', 'json', id)));
      const bytes = readSize(data?.[0].mem_usage ?? '');
      if (!bytes) throw new ToolError('The engine does not count the memory of containers.');
      return { bytes, counter: 'podman stats: MEM USAGE' };
    },

    async processes(id) {
      // Podman's own names of columns: it needs no `ps`. hpid is the id outside of the container.
      const [, ...rows] = await lines('top', id, 'hpid', 'args');
      return rows.map(readProcess);
    },

    async killedAt(id, endedAt) {
      const filter = ['--filter', `container=${id}`, '--filter', 'event=kill', '--format', 'json'];
      for (const pauseMs of [0, KILL_NOTED_MS]) {
        await sleep(pauseMs, undefined, { signal });
        const last = (await lines('events', '--stream=false', '--since', '24h', ...filter)).at(-1);
        const { data } = event.safeParse(parseJson(last ?? ''));
        const at = data?.timeNano ? data.timeNano / 1e6 : engineTime(data?.Time ?? '');
        if (at !== null && at <= endedAt + KILL_NOTED_MS) return at;
      }
      return null;
    },

    async labelled(label, value) {
      const { containers, images } = await shared.labelled(label, value);
      return { containers, images: images.map((name) => name.replace(LOCAL, '')) };
    },
  };
}

/** The bytes of a size with a decimal unit, such as the first one of `9.54MB / 25.28GB`; 0 for anything else. */
function readSize(text: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([kMG]?)B\b/.exec(text) ?? [];
  return Math.round(Number(number) * 1000 ** ' kMG'.indexOf(unit || ' '));
}
