import type { Readable } from 'node:stream';

/** What an engine reports about itself. */
export interface EngineInfo {
  name: EngineName;
  version: string;
  /** The command-line client that we use, as a path. */
  command: string;
  builder: 'buildkit' | 'buildah';
  /** How images are stored: `containerd`, or the name of the graph driver such as `overlay2`. */
  imageStore: string;
  /** Whether it runs as a user who is not root: a container's user IDs are then those of a user namespace. */
  rootless: boolean;
  /** Whether it can limit the memory of a container. A rootless engine cannot with cgroup v1. */
  limitsMemory: boolean;
  /** The buildx builder that the user has chosen; absent for the engine's own. */
  buildx?: BuildxBuilder;
}

/** A builder of Docker's buildx plugin. */
export interface BuildxBuilder {
  name: string;
  /** `docker` is the engine itself. The others do not have its images. */
  driver: string;
}

/** The builder that does not have the engine's images, or null. */
export const isolatedBuilder = ({ buildx }: EngineInfo) => (buildx && buildx.driver !== 'docker' ? buildx : null);

export const ENGINE_NAMES = ['docker', 'podman'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What a user chooses of engines. */
export interface EngineChoice {
  /** Without it, Docker where it responds, or else Podman. */
  engine?: EngineName;
  /** The name of a buildx builder. */
  builder?: string;
  /** The address of the engine's machine on which ports are published; its loopback address when absent. */
  publish?: string;
}

export interface BuildRequest {
  /** Absolute paths. */
  context: string;
  dockerfile: string;
  /** The stage to build; the last one when absent. */
  target?: string;
  buildArgs?: Record<string, string>;
  /** As in `docker build --secret`, with absolute paths. */
  secrets?: string[];
  /** Such as `linux/arm64`; the platform of the engine when absent. */
  platform?: string;
  /** Gives the build cache mounts of its own, which have this in their names. Only BuildKit can. */
  cacheMounts?: string;
  name: string;
  labels: Record<string, string>;
  /** Called with every line that the builder prints. */
  onLine?(line: string): void;
}

/** The part of an image's configuration that we use. Lists and texts are empty where the image sets nothing. */
export interface ImageFacts {
  id: string;
  /** Such as `linux/amd64` or `linux/arm64/v8`. */
  platform: string;
  labels: Record<string, string>;
  /** Empty means root. */
  user: string;
  /** `NAME=value` each. May hold secrets: never printed. */
  environment: string[];
  entrypoint: string[];
  command: string[];
  workingDirectory: string;
  healthcheck: boolean;
  /** TCP ports of EXPOSE, lowest first. */
  ports: number[];
  /** The digest of each layer's uncompressed tar (its diff id), lowest layer first. */
  diffIds: string[];
}

export interface BuildResult {
  image: ImageFacts;
  /** How long the build took, in milliseconds, the start of the client included. */
  ms: number;
}

/** A health status, such as `healthy`, and what the last check printed. */
export interface Health {
  status: string;
  output: string | null;
}

export interface ContainerFacts {
  labels: Record<string, string>;
  running: boolean;
  exitCode: number;
  /** When PID 1 was started and when it ended, in milliseconds since 1970 by the engine's clock; null for never, or not known. */
  startedAt: number | null;
  endedAt: number | null;
  /** The id of the container's PID 1 outside of the container, on the engine's machine. */
  processId: number;
  /** Null for an image without a health check. */
  health: Health | null;
  /** Where this machine reaches the published port, once the engine has bound it. */
  address: { host: string; port: number } | null;
}

/** A line that a container printed, and when the engine received it, in milliseconds since 1970. */
export interface OutputLine {
  at: number;
  text: string;
}

/** How much memory a container uses, and the engine's counters that this is calculated from. */
export interface MemoryFacts {
  bytes: number;
  counter: string;
}

/** A container engine. All other code knows engines only through this. */
export interface Engine {
  readonly info: EngineInfo;

  /** Builds an image. @throws {ToolError} with the builder's last lines. */
  build(request: BuildRequest): Promise<BuildResult>;
  /** The size of the builder's cache in bytes, of all users of the engine together. @throws {ToolError} when it is not known. */
  builderCacheBytes(): Promise<number>;
  /** Pulls an image from its registry. @throws {ToolError} with the engine's last lines. */
  pull(image: string, onLine?: (line: string) => void): Promise<void>;
  /** An image that the engine has, or null. Never contacts a registry. */
  image(reference: string): Promise<ImageFacts | null>;
  /** The instructions that made an image, oldest first, including those that made no layer. */
  history(image: string): Promise<string[]>;
  /** The images as one archive, as the engine saves it. */
  save(images: string[]): Readable;
  tag(image: string, name: string): Promise<void>;
  /** Makes an image of one layer from a tar of a root file system. */
  importRoot(root: Readable, name: string, labels: Record<string, string>): Promise<void>;

  /** Starts a container with `port` published on a free port: of the loopback address, unless the user has chosen another. Returns its id. */
  start(image: string, options: { port: number; labels: Record<string, string>; args?: string[] }): Promise<string>;
  /**
   * Makes sure that requests can reach the ports that it publishes. `start` does as well.
   *
   * @throws {ToolError} with the code `usage`, when they cannot be reached from here.
   */
  connectToPorts(): Promise<void>;
  container(id: string): Promise<ContainerFacts>;
  /**
   * The health of a container now; null for an image without a health check. Where the engine runs no checks by itself, one
   * is run. @throws {ToolError} with the code `timed-out` when it does not end a check that hangs.
   */
  health(id: string): Promise<Health | null>;
  /** The last lines that a container printed, of each of its streams; not more than a megabyte. */
  logs(id: string, lines: number): Promise<string[]>;
  /** What a container printed, each stream by itself: the first megabyte. */
  output(id: string): Promise<{ stdout: OutputLine[]; stderr: OutputLine[] }>;
  /** The memory that a container uses now. @throws {ToolError} when the engine does not count memory. */
  memory(id: string): Promise<MemoryFacts>;
  /** The processes in a container. @throws {ToolError} where the engine cannot list them, because its machine has no `ps`. */
  processes(id: string): Promise<{ processId: number; command: string }[]>;
  /** Sends a signal, such as `SIGTERM`, to PID 1. */
  kill(id: string, signal: string): Promise<void>;
  /**
   * When the signal was sent that ended a container at `endedAt`; both in milliseconds since 1970 by the engine's clock. Null
   * when the engine has not noted one within a second.
   */
  killedAt(id: string, endedAt: number): Promise<number | null>;
  /** Waits until a container has ended, and returns its exit code. */
  wait(id: string): Promise<number>;

  /** Removes an image that is not in use. If it has several names, only this one is removed. */
  removeImage(image: string): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** Ends the connections to published ports. */
  close(): Promise<void>;
  /** The containers (by id) and images (by each of their names, or by id) that carry a label, with this value or any. */
  labelled(label: string, value?: string): Promise<{ containers: string[]; images: string[] }>;
}
