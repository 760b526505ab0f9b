import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, docker } from './test-engine.ts';

/**
 * Debian's programs that make, store and send images, and other engines. One image for all tests that need some of them:
 * the engine's build cache holds it.
 */
export const TOOLS_DOCKERFILE = `FROM node:26-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
    aardvark-dns apache2-utils busybox-static crun docker-buildx docker-cli docker-registry docker.io fuse-overlayfs \\
    iproute2 iptables netavark nftables openssh-server openssl passt podman procps rootlesskit runc skopeo slirp4netns \\
    uidmap zstd
`;

/** Builds the image with the tools. Returns its id. */
export const buildTools = (bench: Bench) => buildText(bench, TOOLS_DOCKERFILE);

/** Builds an image from the text of a Dockerfile that copies nothing. Returns its id. */
export async function buildText(bench: Bench, dockerfile: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'image-tools-'));
  try {
    await writeFile(join(directory, 'Dockerfile'), dockerfile);
    return await bench.build(directory, 'Dockerfile');
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What Docker and Podman require in a container: --privileged has more than a machine may be able to give. */
const RIGHTS = [
  ...['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN'],
  ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
];

/** A line of Bash: an engine in a container makes control groups. */
export const WRITABLE_CGROUPS =
  'for path in $(awk \'$2 ~ "^/sys/fs/cgroup" { print $2 }\' /proc/mounts); do mount -o remount,rw,bind $path; done';

/** What an engine with networks of its own requires in addition. */
export const ENGINE_RIGHTS = [
  ...RIGHTS,
  ...['--cap-add', 'SYS_PTRACE', '--security-opt', 'systempaths=unconfined', '--cgroupns', 'private'],
  ...['--device', '/dev/net/tun', '--device', '/dev/fuse'],
];

/** Runs a Bash script with the tools, in a directory of this machine and in a container's network. Returns what it prints. */
export async function runTools(
  bench: Bench,
  { directory, network, script, args }: { directory: string; network: string; script: string; args: string[] },
): Promise<string> {
  // A user who is not root removes the files.
  await writeFile(join(directory, 'script.sh'), `set -e\n${script}\nchown -R --reference=. .\n`);
  const volume = ['--volume', `${directory}:/work`, '--workdir', '/work'];
  const tools = await buildTools(bench);
  const container = [...RIGHTS, ...volume, '--network', `container:${network}`];
  return docker('run', '--rm', ...bench.labelArgs, ...container, tools, 'bash', 'script.sh', ...args);
}
