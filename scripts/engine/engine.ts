import type { Readable } from 'node:stream';

/** Every container and image that compare makes carries this label; its value is the id of the run. */
export const INVOCATION_LABEL = 'multi-stage-node.compare-run';

/** What an engine says about itself. */
export interface EngineInfo {
  name: 'docker';
  version: string;
  /** The program that we talk to it through. */
  command: string;
  builder: 'buildkit';
  /** How images are stored: `containerd`, or the name of the graph driver such as `overlay2`. */
  imageStore: string;
}

export interface BuildRequest {
  /** The build context, an absolute path. */
  context: string;
  /** The Dockerfile, an absolute path. */
  dockerfile: string;
  /** The stage to build; the last one when absent. */
  target?: string;
  buildArgs?: Record<string, string>;
  /** As `docker build --secret` has them, with absolute paths. */
  secrets?: string[];
  /** Such as `linux/arm64`; the engine's own when absent. */
  platform?: string;
  /** Whether to build every step anew. */
  noCache?: boolean;
  /** The name that the image gets. */
  name: string;
  labels: Record<string, string>;
  signal: AbortSignal;
  /** Called with every line that the builder prints. */
  onLine(line: string): void;
}

/** The part of an image's configuration that we use. */
export interface ImageFacts {
  id: string;
  /** What it is for, such as `linux/amd64` or `linux/arm64/v8`. */
  platform: string;
  labels: Record<string, string>;
  /** As the image has it: empty means root. */
  user: string;
  /** `NAME=value` each. May hold secrets: never printed. */
  environment: string[];
  entrypoint: string[];
  command: string[];
  /** The folder that the app starts in; empty means the root. */
  workingDirectory: string;
  /** Whether the image says how to check the app's health. */
  healthcheck: boolean;
  /** TCP ports of EXPOSE, lowest first. */
  ports: number[];
  /** The digest of each layer's uncompressed tar (its diff id), lowest layer first. */
  diffIds: string[];
}

export interface Built {
  image: ImageFacts;
  /** How long the builder took, in milliseconds, what it takes to start its client included. */
  ms: number;
}

export interface ContainerFacts {
  running: boolean;
  exitCode: number;
  /** When process 1 was started and when it ended, in milliseconds since 1970 by the engine's clock, or null. */
  startedAt: number | null;
  endedAt: number | null;
  /** Process 1, as the engine's machine counts processes. */
  processId: number;
  /** What the health check says, such as `healthy`, and the last checks that ended; null when there is none. */
  health: { status: string; checks: { startedAt: string; exitCode: number; output: string }[] } | null;
  /** Where the published port can be reached, once the engine has bound it. */
  address: { host: string; port: number } | null;
}

/** A line that a container printed, and when the engine got it, in milliseconds since 1970. */
export interface OutputLine {
  at: number;
  text: string;
}

/** What a container uses, by the engine's own counters. */
export interface MemoryFacts {
  bytes: number;
  /** The counters that `bytes` is made of. */
  counter: string;
}

/** A container engine. `measure/` and `bases/` know engines only through this. */
export interface Engine {
  readonly info: EngineInfo;

  /**
   * Builds an image. It is found by its name afterwards: the id that `docker build --iidfile` writes is not one that
   * the engine knows where it keeps images in containerd's store.
   *
   * @throws {ToolError} with the builder's last lines.
   */
  build(request: BuildRequest): Promise<Built>;
  /** How much the builder's cache holds, in bytes, what all users of the engine have put there. */
  builderCacheBytes(): Promise<number>;
  /** Fetches an image from its registry. @throws {ToolError} with the engine's last lines. */
  pull(image: string, onLine?: (line: string) => void): Promise<void>;
  /** An image that the engine has, or null. Never asks a registry. */
  image(reference: string): Promise<ImageFacts | null>;
  /** The instructions that made an image, oldest first, those that made no layer included. */
  history(image: string): Promise<string[]>;
  /** The images as one archive, as the engine saves it. */
  save(images: string[]): Readable;
  tag(image: string, name: string): Promise<void>;
  /** Makes an image of one layer from a tar of a root file system. */
  importRoot(root: Readable, name: string, labels: Record<string, string>): Promise<void>;

  /** Starts a container with `port` published on a free port of the loopback address. Returns its id. */
  start(image: string, options: { port: number; labels: Record<string, string>; args?: string[] }): Promise<string>;
  container(id: string): Promise<ContainerFacts>;
  /** The last lines that a container printed, on both of its streams. */
  logs(id: string, lines: number): Promise<string[]>;
  /** All that a container printed, each stream by itself. */
  output(id: string): Promise<{ stdout: OutputLine[]; stderr: OutputLine[] }>;
  /**
   * What a container uses now: its cgroup's counter without the file pages that the kernel can take back, as
   * `docker stats` reckons it (https://docs.docker.com/reference/cli/docker/container/stats/).
   *
   * @throws {ToolError} with the reason when the engine does not count.
   */
  memory(id: string): Promise<MemoryFacts>;
  /** The processes in a container, zombies included as far as the engine's machine lists them. */
  processes(id: string): Promise<{ processId: number; command: string }[]>;
  /** Runs a command in a running container, and returns what it printed. @throws {ToolError} when it fails. */
  exec(id: string, command: string[]): Promise<string>;
  /** Sends a signal, such as `SIGTERM`, to process 1. */
  kill(id: string, signal: string): Promise<void>;
  /** When a signal was last sent before `endedAt`; both in milliseconds since 1970 by the engine's clock. */
  killedAt(id: string, endedAt: number): Promise<number | null>;
  /** Waits until a container has ended, and returns its exit code. */
  wait(id: string): Promise<number>;
  /** SIGTERM, and SIGKILL after a limit. */
  stop(id: string, limitSeconds: number): Promise<void>;

  /** Removes an image if nothing uses it any more; its name, if it has others. */
  removeImage(image: string): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** The containers (by id) and images (by each of their names, or by id) that carry a label with this value. */
  labelled(label: string, value: string): Promise<{ containers: string[]; images: string[] }>;
}
