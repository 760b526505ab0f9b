import type { ManagerCommands } from '../project/manager-commands.ts';

/** The chapters whose shape a Dockerfile may have. */
export const SHAPES = ['02', '03', '04'] as const;
export type Shape = (typeof SHAPES)[number];

/** Something that is copied to the image. Paths are relative to the build context, and to /app. */
export type CopiedPath = { from: 'build' | 'context'; path: string; to: string };

/** How the container is found to be healthy. */
export type HealthCheck = { kind: 'route' | 'any-response'; path: string } | { kind: 'connection' };

/** Everything that a Dockerfile says. The writer decides nothing. */
export interface Plan {
  shape: Shape;
  /** The name of the package, without its scope. */
  name: string;
  /** The major version of Node. */
  node: number;
  /** Whether the image has Debian's C library, where the chapter has Alpine's. */
  isDebian: boolean;
  /** Whether something is compiled during the installation: it takes the full image. */
  compiles: boolean;
  /** Whether node-gyp is older than version 10, which needs a part of Python that Debian 13 has in a package of its own. */
  needsSetuptools: boolean;
  manager: ManagerCommands;
  /** What is copied before the installation: the files, and the directory that they are copied to. */
  manifests: { files: string[]; to: string }[];
  /** The path of the file with a token that the installation reads, or null. */
  secretTarget: string | null;
  /** Where production dependencies come from: an installation of their own, the build stage, or nowhere. */
  modules: 'install' | 'prune' | 'none';
  /** The commands that build, and the build arguments that they read. */
  build: string[];
  buildArgs: string[];
  copies: CopiedPath[];
  /** Whether the whole build context is copied, because it is not known what the app reads. */
  copiesContext: boolean;
  /** The directory of the app below /app; empty for /app itself. */
  app: string;
  env: Record<string, string>;
  /** Directories that the app writes to; relative to /app, or absolute. Volumes are those without files of the image. */
  writes: string[];
  volumes: string[];
  port: number;
  /** Whether the app takes another port from PORT. */
  readsPort: boolean;
  health: HealthCheck;
  /** Whether the image has an init, because the app does not handle SIGTERM. */
  init: boolean;
  /** Commands for a shell, before the app starts. */
  before: string[];
  /** What follows `node`; or a program by itself, when it does not begin with a JavaScript file or a flag of Node. */
  command: string[];
  isProgram: boolean;
  /** The stages `test` and `dev` of chapter 04. */
  hasTests: boolean;
  dev: string[] | null;
}

/** Whether production dependencies are installed in a stage of their own. */
export const hasDependencyStage = ({ shape, modules }: Plan) => shape !== '02' && modules === 'install';

export const hasBuildStage = ({ build, modules }: Plan) => build.length > 0 || modules === 'prune';
