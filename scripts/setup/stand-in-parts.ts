import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { STAND_IN_LABEL } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import { spawnText } from '../lib/spawn.ts';
import { asRoot } from './debian.ts';

// What stand-ins are built from. After a change to this file, `npm run setup` builds them again.

/** Debian 13, which `node:26` and distroless's debian13 images are made of. */
export const DEBIAN = 'trixie';

/** The names of the images with Debian's root file system that stand-ins are built on. Removed when these are built. */
export const DEBIAN_IMAGES = {
  full: `multi-stage-node/stand-in-debian:${DEBIAN}`,
  slim: `multi-stage-node/stand-in-debian:${DEBIAN}-slim`,
};

/** What Docker's slim images of Debian leave out: documentation and translations, but not the licences. */
const SLIM_EXCLUDES = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

/** As in Docker's images of Debian: apt keeps neither the packages that it fetched nor its own caches of their lists. */
const APT_SETTINGS =
  'APT::Keep-Downloaded-Packages "false"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache ""; Acquire::Languages "none";';

/** Makes a Debian root file system from its packages, in `directory`, and imports it as an image. */
export async function importDebian(
  engine: Engine,
  variant: keyof typeof DEBIAN_IMAGES,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const name = DEBIAN_IMAGES[variant];
  const archive = join(directory, `${variant}.tar`);
  const slimOptions = [
    ...SLIM_EXCLUDES.map((path) => `path-exclude=${path}`),
    'path-include=/usr/share/doc/*/copyright',
  ];
  const dpkgOptions = ['force-unsafe-io', ...(variant === 'slim' ? slimOptions : [])];
  const [program, args, options] = asRoot(
    'env',
    `TMPDIR=${directory}`, // Its temporary root. sudo passes on no variables.
    'mmdebstrap',
    '--quiet',
    '--variant=minbase',
    // $1 is the new root directory. The caches that apt has written by now go, because its settings forbid them.
    `--customize-hook=printf '%s\\n' '${APT_SETTINGS}' > "$1/etc/apt/apt.conf.d/docker-clean"`,
    '--customize-hook=rm -f "$1"/var/cache/apt/*.bin',
    ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
    DEBIAN,
    archive,
  );
  // It removes its temporary root only when the programs that it has spawned end: it ignores a signal for itself.
  await spawnText(program, args, { ...options, signal, interruptsGroup: true });
  await engine.removeImage(name).catch(() => {}); // It may not exist.
  await engine.importRoot(createReadStream(archive), name, { [STAND_IN_LABEL]: name });
}

/** Fetches Node and npm with this machine's npm, and lays them out as stand-ins.Dockerfile expects. Returns Node's version. */
export async function prepareContext(path: string, major: string, signal: AbortSignal): Promise<string> {
  const opensslArch = { x64: 'linux-x86_64', arm64: 'linux-aarch64' }[process.arch as string];
  if (!opensslArch) throw new ToolError(`There are no stand-ins for ${process.arch}, only for x64 and arm64.`);

  const node = join(path, 'node');
  const version = await unpack(`node-linux-${process.arch}`, major, node, signal);
  await rm(join(node, 'package.json'));
  await unpack('npm', '11', join(node, 'lib/node_modules/npm'), signal); // Node 26 comes with npm 11.
  for (const program of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${program}-cli.js`, join(node, 'bin', program));
  }
  await symlink('/usr/local/bin/node', join(node, 'bin/nodejs'));

  // The slim and Alpine images drop the OpenSSL headers of other architectures.
  await cp(node, join(path, 'node-slim'), { recursive: true, verbatimSymlinks: true });
  const archs = join(path, 'node-slim/include/node/openssl/archs');
  const others = (await readdir(archs)).filter((name) => name !== opensslArch);
  for (const other of others) await rm(join(archs, other), { recursive: true });

  signal.throwIfAborted();
  for (const file of ['bin/node', 'LICENSE']) await cp(join(node, file), join(path, 'node-bin', file));
  await cp(join(import.meta.dirname, 'docker-entrypoint.sh'), join(path, 'docker-entrypoint.sh'));
  // This machine's CA bundle, and npm's setting for it: what a company's own base image does behind a TLS proxy.
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  await cp(bundle, join(path, 'etc', bundle), { dereference: true });
  await mkdir(join(path, 'etc/usr/local/etc'), { recursive: true });
  await writeFile(join(path, 'etc/usr/local/etc/npmrc'), `cafile=${bundle}\n`);
  return version;
}

/** Fetches a package from the npm registry and unpacks it into `directory`. Returns its whole version. */
async function unpack(name: string, version: string, directory: string, signal: AbortSignal): Promise<string> {
  await mkdir(directory, { recursive: true });
  const options = ['--loglevel=error', '--fetch-retries=1', '--pack-destination', dirname(directory)];
  const pack = spawnText('npm', ['pack', `${name}@${version}`, ...options], { cwd: directory, signal });
  const archive = await pack.catch(({ lines }: ToolError) => {
    signal.throwIfAborted();
    const hint = 'Neither an image registry nor the npm registry can be reached. Check the network and proxy settings.';
    throw new ToolError(`Cannot fetch ${name}@${version} from the npm registry to build a stand-in.`, { lines, hint });
  });
  const tarArgs = ['-xzf', join(dirname(directory), archive), '--strip-components=1'];
  await spawnText('tar', tarArgs, { cwd: directory, signal });
  await rm(join(dirname(directory), archive));
  return archive.slice(name.length + 1, -'.tgz'.length);
}
