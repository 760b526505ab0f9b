import { z } from 'zod';
import { engineTime } from './docker-output.ts';
import type { ContainerFacts, ImageFacts } from './engine.ts';

// The parts of `docker image inspect` and `docker container inspect` that we use. Engines leave out what is empty.

const strings = z.array(z.string()).nullish();

/** What a container of an image runs as: the same keys in the engine's answers and in the image's own configuration. */
export const imageConfig = z.object({
  User: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  WorkingDir: z.string().nullish(),
  Healthcheck: z.object({ Test: strings }).nullish(),
  ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
});

const inspectedImage = z.object({
  Id: z.string(),
  Os: z.string().nullish(),
  Architecture: z.string().nullish(),
  Variant: z.string().nullish(),
  Config: imageConfig.nullish(),
  // Podman has it here.
  Healthcheck: imageConfig.shape.Healthcheck,
  RootFS: z.object({ Layers: strings }),
});

const inspectedContainer = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  State: z.object({
    Running: z.boolean(),
    ExitCode: z.number(),
    Pid: z.number(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
    Health: z.object({ Status: z.string(), Log: z.array(z.object({ Output: z.string() })).nullish() }).nullish(),
  }),
  NetworkSettings: z.object({
    Ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullish(),
  }),
});

/** Reads the JSON of `docker image inspect` for one image. */
export function readImageFacts(json: string): ImageFacts {
  return toImageFacts(z.tuple([inspectedImage]).parse(JSON.parse(json))[0]);
}

/** The facts of an image that is described in the words of `docker image inspect`. */
export function toImageFacts(image: z.infer<typeof inspectedImage>): ImageFacts {
  const { Id, Os, Architecture, Variant, Config, RootFS } = image;
  const healthcheck = Config?.Healthcheck ?? image.Healthcheck;
  return {
    id: Id,
    platform: [Os, Architecture, Variant].filter(Boolean).join('/'),
    labels: Config?.Labels ?? {},
    user: Config?.User ?? '',
    environment: Config?.Env ?? [],
    entrypoint: Config?.Entrypoint ?? [],
    command: Config?.Cmd ?? [],
    workingDirectory: Config?.WorkingDir ?? '',
    // NONE disables the health check of the base image: https://docs.docker.com/reference/dockerfile/#healthcheck
    healthcheck: (healthcheck?.Test?.[0] ?? 'NONE') !== 'NONE',
    ports: Object.keys(Config?.ExposedPorts ?? {})
      .filter((port) => port.endsWith('/tcp'))
      .map((port) => Number.parseInt(port, 10))
      .sort((a, b) => a - b),
    diffIds: RootFS.Layers ?? [],
  };
}

/** Reads the JSON of `docker container inspect` for one container. */
export function readContainerFacts(json: string): ContainerFacts {
  const [{ Config, State: state, NetworkSettings: network }] = z.tuple([inspectedContainer]).parse(JSON.parse(json));
  // Podman 4 has one without a status where there is no health check.
  const health = state.Health?.Status ? state.Health : null;
  const [binding] = Object.values(network.Ports ?? {}).flatMap((bindings) => bindings ?? []);
  return {
    labels: Config.Labels ?? {},
    running: state.Running,
    exitCode: state.ExitCode,
    startedAt: engineTime(state.StartedAt),
    endedAt: state.Running ? null : engineTime(state.FinishedAt),
    processId: state.Pid,
    health: health && { status: health.Status, output: health.Log?.at(-1)?.Output ?? null },
    address: binding ? { host: binding.HostIp, port: Number(binding.HostPort) } : null,
  };
}
