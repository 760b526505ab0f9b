import { dirname } from 'node:path';
import { z } from 'zod';
import { ToolError } from '../errors.ts';
import type { Engine, EngineInfo } from './engine.ts';
import { run, runInto, runLines, runStream } from './process.ts';

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

const inspectedContainer = z.object({
  State: z.object({ Running: z.boolean(), ExitCode: z.number() }),
  NetworkSettings: z.object({
    Ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullish(),
  }),
});

/** Docker, through the command-line client `info.command`. Arguments are passed as a list: no shell sees them. */
export function dockerEngine(info: EngineInfo): Engine {
  const env = dockerEnvironment();
  const docker = (...args: string[]) => run(info.command, args, { env });

  const lines = async (...args: string[]) => (await docker(...args)).split('\n').filter(Boolean);

  const engine: Engine = {
    info,

    async build({ context, dockerfile, target, buildArgs = {}, noCache = false, name, labels, signal, onLine }) {
      const args = ['build', '--progress=plain', '--file', dockerfile, '--tag', name, ...labelArgs(labels)];
      if (target) args.push('--target', target);
      if (noCache) args.push('--no-cache');
      for (const [key, value] of Object.entries(buildArgs)) args.push('--build-arg', `${key}=${value}`);
      await runLines(info.command, [...args, context], { env, cwd: dirname(dockerfile), signal, onLine });
      const image = await engine.image(name);
      if (!image) throw new ToolError(`The engine built ${name}, but does not have it.`);
      return image;
    },

    async pull(image, onLine) {
      await runLines(info.command, ['pull', image], { env, onLine });
    },

    async image(reference) {
      let text: string;
      try {
        text = await docker('image', 'inspect', reference);
      } catch (error) {
        if (error instanceof ToolError && /no such image/i.test(error.lines.join('\n'))) return null;
        throw error;
      }
      const [found] = z.tuple([inspectedImage]).parse(JSON.parse(text));
      return {
        id: found.Id,
        labels: found.Config?.Labels ?? {},
        user: found.Config?.User ?? '',
        environment: found.Config?.Env ?? [],
        entrypoint: found.Config?.Entrypoint ?? [],
        command: found.Config?.Cmd ?? [],
        workingFolder: found.Config?.WorkingDir ?? '',
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

    save: (images) => runStream(info.command, ['save', ...images], { env }),

    async tag(image, name) {
      await docker('tag', image, name);
    },

    importRoot(root, name, labels) {
      const changes = Object.entries(labels).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`]);
      return runInto(root, info.command, ['import', ...changes, '-', name], { env });
    },

    start: (image, { port, labels, args = [] }) =>
      docker('run', '--detach', '--publish', `127.0.0.1::${port}`, ...labelArgs(labels), ...args, image),

    async container(id) {
      const [found] = z.tuple([inspectedContainer]).parse(JSON.parse(await docker('container', 'inspect', id)));
      const binding = Object.values(found.NetworkSettings.Ports ?? {}).flatMap((bindings) => bindings ?? [])[0];
      return {
        running: found.State.Running,
        exitCode: found.State.ExitCode,
        address: binding ? { host: binding.HostIp, port: Number(binding.HostPort) } : null,
      };
    },

    async logs(id, lines) {
      const output: string[] = [];
      await runLines(info.command, ['logs', '--tail', String(lines), id], { env, onLine: (line) => output.push(line) });
      return output;
    },

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

function labelArgs(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]);
}
