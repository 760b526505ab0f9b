import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { dockerEnvironment } from '../../engine/docker.ts';
import type { EngineContainer } from './engine-list.ts';
import { buildText, ENGINE_RIGHTS, TOOLS_DOCKERFILE, WRITABLE_CGROUPS } from './image-tools.ts';
import { type Bench, docker, engine, ROOT } from './test-engine.ts';

// Other engines, each in a container of this machine's Docker, with the repository at the same path.

const PACKAGES =
  'aardvark-dns crun fuse-overlayfs iproute2 iptables netavark nftables podman procps runc slirp4netns uidmap';
const install = (source: string, packages: string, options = '') => `FROM node:26-slim
RUN echo 'deb [check-valid-until=no] http://deb.debian.org/debian ${source} main' > /etc/apt/sources.list.d/engines.list \\
  && apt-get update -o Acquire::Check-Valid-Until=false \\
  && apt-get install -y --no-install-recommends ${options} ${packages}
`;

/** The images that engines run in, by the Debian release that the engine is from. The base image is Debian 13. */
const DOCKERFILES: Record<EngineContainer['release'], string> = {
  trixie: TOOLS_DOCKERFILE,
  bookworm: install('bookworm', `podman=4.* golang-github-containers-common conmon ${PACKAGES}`),
  sid: install('sid', `docker.io docker-cli docker-buildx rootlesskit passt ${PACKAGES}`, '-t sid'),
};

/** The base image of what the tests build. */
const BASE = 'node:26-alpine';
/** Where the engines store images: overlay file systems need another file system below them. */
const STORES = ['/var/lib/containers', '/var/lib/docker', '/home/node'];
/** The user of rootless engines, whom the base image has. */
const USER = 'node';
const RUNTIME_DIRECTORY = '/run/user/1000';
const DOCKERD_ROOTLESS = '/usr/share/docker.io/contrib/dockerd-rootless.sh';

/** Makes a container of Docker a machine for an engine. Bash as PID 1 reaps what the engines leave. */
const PREPARE = `set -e
${WRITABLE_CGROUPS}
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/engine
  for process in $(cat /sys/fs/cgroup/cgroup.procs); do echo $process > /sys/fs/cgroup/engine/cgroup.procs || true; done
  sed 's/^\\| / +/g' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
chmod 666 /dev/net/tun /dev/fuse
mount --make-rshared /
echo ${USER}:100000:65536 | tee /etc/subuid > /etc/subgid
install -d -o ${USER} ${RUNTIME_DIRECTORY}
mkdir -p /etc/containers /etc/docker
cat > /etc/containers/containers.conf <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
END`;

/** Vitest's arguments for a file of the image tests: it writes no file into the repository. */
export const VITEST = [
  ...[join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--configLoader', 'runner', '--no-cache'],
  ...['--project', 'images*', '--reporter', 'verbose', '--reporter', 'json'],
];

/** Waits until the daemon responds. */
const WAIT =
  'for i in $(seq 300); do docker version > /dev/null 2>&1 && exit; sleep 0.1; done; cat /tmp/daemon.log; exit 1';

/** Why engines cannot run in containers on this machine; null where they can. */
export function reasonAgainstContainers(): string | null {
  if (engine.info.name !== 'docker') return 'the engine of this machine is not Docker';
  const { glibcVersionRuntime } = (process.report.getReport() as { header: Record<string, unknown> }).header;
  if (process.platform !== 'linux' || !glibcVersionRuntime)
    return 'the modules that are installed here are not for Linux with glibc';
  return null;
}

/** Starts engines. `bench` removes their containers. */
export class EngineMachines {
  readonly #bench: Bench;
  readonly #images = new Map<string, Promise<string>>();
  #directory: Promise<string> | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Starts an engine that has the base image. */
  async start(one: EngineContainer): Promise<EngineMachine> {
    const [image, directory] = await Promise.all([this.#build(one), this.#saveBase()]);
    const volumes = STORES.flatMap((path) => ['--volume', path]);
    for (const path of [ROOT, directory]) volumes.push('--volume', `${path}:${path}:ro`);
    const args = [...this.#bench.labelArgs, ...ENGINE_RIGHTS, ...volumes, image];
    const id = await docker('run', '--detach', ...args, 'bash', '-c', 'sleep infinity & wait');
    const machine = new EngineMachine(id, one);
    await machine.run('root', 'bash', '-c', PREPARE);
    if (one.engine === 'docker') await machine.startDaemon();
    const archive = join(directory, 'base.tar');
    const load = `loaded=$(${one.engine} load --quiet --input ${archive}) && ${one.engine} tag "\${loaded##*: }"`;
    await machine.run('engine', 'bash', '-c', `${load} docker.io/library/${BASE}`);
    return machine;
  }

  async cleanUp(): Promise<void> {
    if (this.#directory) await rm(await this.#directory, { recursive: true });
  }

  #build({ release }: EngineContainer): Promise<string> {
    const building = this.#images.get(release) ?? buildText(this.#bench, DOCKERFILES[release]);
    this.#images.set(release, building);
    return building;
  }

  #saveBase(): Promise<string> {
    this.#directory ??= (async () => {
      const directory = await mkdtemp(join(tmpdir(), 'engines-'));
      await docker('save', '--output', join(directory, 'base.tar'), BASE);
      await execa('chmod', ['-R', 'a+rX', directory]);
      return directory;
    })();
    return this.#directory;
  }
}

/** A container with an engine. */
export class EngineMachine {
  readonly #id: string;
  readonly #one: EngineContainer;

  constructor(id: string, one: EngineContainer) {
    this.#id = id;
    this.#one = one;
  }

  /** Runs a command in the directory of the programs, as root or as the engine's user. @throws with its output. */
  async run(as: 'root' | 'engine', ...command: string[]): Promise<string> {
    const { exitCode, output } = await this.#exec(as, [], command);
    if (exitCode !== 0) throw new Error(`${this.#one.name}: ${command[0]} ended with ${exitCode}:\n${output}`);
    return output;
  }

  /** Runs a test file with the engine. Returns its exit code and what Vitest printed. */
  async test(file: string, environment: Record<string, string>) {
    const env = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    return this.#exec('engine', env, ['node', ...VITEST, '--outputFile.json', '/tmp/vitest.json', file]);
  }

  async remove(): Promise<void> {
    await engine.removeContainer(this.#id);
  }

  async startDaemon(): Promise<void> {
    const { store, rootless } = this.#one;
    const settings =
      store === 'containerd' ? { features: { 'containerd-snapshotter': true } } : { 'storage-driver': store };
    const daemon = rootless ? DOCKERD_ROOTLESS : 'dockerd';
    await this.run('root', 'bash', '-c', `echo '${JSON.stringify(settings)}' > /etc/docker/daemon.json`);
    const command = `${daemon} --config-file /etc/docker/daemon.json > /tmp/daemon.log 2>&1`;
    await this.#exec('engine', ['--detach'], ['bash', '-c', command]);
    await this.run('engine', 'bash', '-c', WAIT);
  }

  async #exec(as: 'root' | 'engine', options: string[], command: string[]) {
    const isUser = as === 'engine' && this.#one.rootless;
    // Podman 4.3 would copy whole images where it is rootless.
    const env = {
      PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
      STORAGE_DRIVER: 'overlay',
      ...(isUser && this.#userEnvironment()),
    };
    const args = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const where = ['--user', isUser ? USER : 'root', '--workdir', join(ROOT, 'scripts'), ...args, ...options];
    const spawned = execa(engine.info.command, ['exec', ...where, this.#id, ...command], {
      env: dockerEnvironment(),
      stdin: 'ignore',
      all: true,
      reject: false,
    });
    const { exitCode, all: output } = await spawned;
    return { exitCode, output };
  }

  #userEnvironment() {
    const env = { HOME: `/home/${USER}`, XDG_RUNTIME_DIR: RUNTIME_DIRECTORY };
    return this.#one.engine === 'docker' ? { ...env, DOCKER_HOST: `unix://${RUNTIME_DIRECTORY}/docker.sock` } : env;
  }
}
