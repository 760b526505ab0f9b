import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readStepName } from '../compare/build/build-steps.ts';
import type { Engine } from '../engine/engine.ts';
import { onPath } from '../engine/find-engine.ts';
import { STAND_IN_LABEL } from '../engine/labels.ts';
import { ToolError } from '../lib/errors.ts';
import { type Progress, step } from '../lib/progress.ts';
import { spawnStream, spawnText } from '../lib/spawn.ts';
import { asRoot, installPackages } from './debian.ts';

/** The version of the recipe that a stand-in was built by: another version is built anew. */
export const RECIPE_LABEL = 'multi-stage-node.stand-in-recipe';

/** The files that a stand-in depends on, beside what is fetched. */
const RECIPE_FILES = ['stand-ins.Dockerfile', 'docker-entrypoint.sh', 'stand-ins.ts'];

/** A short hash of the recipe. */
export async function recipeVersion(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of RECIPE_FILES) hash.update(await readFile(join(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 12);
}

/** Which stand-in fits a base image: the target of stand-ins.Dockerfile and the major version of Node. */
interface Recipe {
  target: 'node' | 'node-slim' | 'node-alpine' | 'distroless' | 'debian-slim';
  /** Empty for an image without Node. */
  major: string;
}

/** Debian 13, which `node:26` and distroless's debian13 images are made of. */
const DEBIAN = 'trixie';

/** What Docker's slim images of Debian leave out: documentation and translations, but not the licences. */
const SLIM_EXCLUDES = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

/** As in Docker's images of Debian: apt keeps neither the packages that it fetched nor its own caches of their lists. */
const APT_SETTINGS =
  'APT::Keep-Downloaded-Packages "false"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache ""; Acquire::Languages "none";';

/** The recipe for an image name, or null when there is no stand-in for it. */
export function recipeFor(image: string): Recipe | null {
  const official = /^(?:docker\.io\/)?(?:library\/)?node:(\d+)(?:-(slim|alpine))?$/.exec(image);
  if (official?.[1]) {
    return { target: official[2] ? (`node-${official[2]}` as Recipe['target']) : 'node', major: official[1] };
  }
  if (/^(?:docker\.io\/)?(?:library\/)?debian:trixie-slim$/.test(image)) return { target: 'debian-slim', major: '' };
  const distroless = /^gcr\.io\/distroless\/nodejs(\d+)-debian13:nonroot$/.exec(image);
  return distroless?.[1] ? { target: 'distroless', major: distroless[1] } : null;
}

/**
 * Builds the stand-ins for `images` from Debian's packages and the official Node builds on npm, and gives them the names
 * of the images that they stand in for. Works on Debian and Ubuntu, as root or with sudo.
 *
 * @throws {ToolError} when an image has no recipe, or its parts cannot be fetched.
 */
export async function buildStandIns(engine: Engine, images: string[], progress: Progress): Promise<void> {
  const recipes = images.map((image) => {
    const recipe = recipeFor(image);
    if (!recipe) {
      throw new ToolError(`${image} cannot be pulled, and there is no stand-in for it.`, {
        hint: 'Stand-ins exist for node:NN, node:NN-slim, node:NN-alpine, gcr.io/distroless/nodejsNN-debian13:nonroot and debian:trixie-slim.',
      });
    }
    return { image, ...recipe };
  });

  if ((await onPath('mmdebstrap')).length === 0) {
    await step(progress, 'stand-ins', 'installed mmdebstrap', (say) => installPackages(['mmdebstrap'], say));
  }
  const version = await recipeVersion();
  const work = await mkdtemp(join(tmpdir(), 'multi-stage-node-'));
  try {
    // Fetched first: it is quick to fail where the npm registry cannot be reached.
    // What has no Node in it needs no files.
    const contexts = new Map([['', { path: work, version: '' }]]);
    for (const major of new Set(recipes.map((recipe) => recipe.major).filter(Boolean))) {
      const context = await step(progress, 'stand-ins', `fetched Node ${major} and npm`, (say) => {
        say('fetching the official Node build and npm from the npm registry');
        return prepareContext(join(work, major), major);
      });
      contexts.set(major, context);
    }
    const [full, slim] = await step(progress, 'stand-ins', `made Debian ${DEBIAN} from its packages`, (say) => {
      say(`making Debian ${DEBIAN} from its packages, in full and slim`);
      return Promise.all([importDebian(engine, []), importDebian(engine, SLIM_EXCLUDES)]);
    });
    for (const { image, target, major } of recipes) {
      const context = contexts.get(major) as { path: string; version: string };
      await step(
        progress,
        `base image ${image}`,
        major ? `built a stand-in with Node ${context.version}` : 'built a stand-in',
        async (say) => {
          await engine.build({
            context: context.path,
            dockerfile: join(import.meta.dirname, 'stand-ins.Dockerfile'),
            target,
            buildArgs: { DEBIAN: full, DEBIAN_SLIM: slim, NODE_VERSION: context.version },
            name: image,
            labels: { [STAND_IN_LABEL]: image, [RECIPE_LABEL]: version },
            signal: new AbortController().signal,
            onLine: (line) => {
              const text = readStepName(line);
              if (text) say(text);
            },
          });
        },
      );
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Makes a Debian root file system and imports it under a name of our own. Returns the name. */
async function importDebian(engine: Engine, excludes: string[]): Promise<string> {
  const name = `multi-stage-node/stand-in-debian:${DEBIAN}${excludes.length > 0 ? '-slim' : ''}`;
  const dpkg = ['force-unsafe-io', ...excludes.map((path) => `path-exclude=${path}`)];
  if (excludes.length > 0) dpkg.push('path-include=/usr/share/doc/*/copyright');
  const [program = '', ...args] = asRoot([
    'mmdebstrap',
    '--quiet',
    '--variant=minbase',
    // Below, $1 is the new root. What apt has stored there by now goes, as its settings forbid storing it.
    `--customize-hook=printf '%s\\n' '${APT_SETTINGS}' > "$1/etc/apt/apt.conf.d/docker-clean"`,
    '--customize-hook=rm -f "$1"/var/cache/apt/*.bin',
    ...dpkg.map((option) => `--dpkgopt=${option}`),
    DEBIAN,
    '-',
  ]);
  const remove = () => engine.removeImage(name).catch(() => {}); // It may not be there.
  await remove();
  try {
    await engine.importRoot(spawnStream(program, args, { detached: false }), name, { [STAND_IN_LABEL]: name });
  } catch (error) {
    // The engine imports what it got before the failure.
    await remove();
    throw error;
  }
  return name;
}

/** Fetches Node and npm through this machine's npm, and lays them out as stand-ins.Dockerfile expects. */
async function prepareContext(path: string, major: string): Promise<{ path: string; version: string }> {
  const arch = { x64: 'x64', arm64: 'arm64' }[process.arch as string];
  if (!arch) throw new ToolError(`There are no stand-ins for ${process.arch}, only for x64 and arm64.`);
  await mkdir(path, { recursive: true });
  const node = await unpack(path, `node-linux-${arch}@${major}`);
  // Node 26 comes with npm 11.
  const npm = await unpack(path, 'npm@11');

  const usrLocal = join(path, 'node');
  await mkdir(join(usrLocal, 'lib/node_modules'), { recursive: true });
  for (const part of ['bin', 'include', 'share', 'LICENSE', 'README.md', 'CHANGELOG.md']) {
    await cp(join(node, part), join(usrLocal, part), { recursive: true });
  }
  await cp(npm, join(usrLocal, 'lib/node_modules/npm'), { recursive: true });
  for (const program of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${program}-cli.js`, join(usrLocal, 'bin', program));
  }
  await symlink('/usr/local/bin/node', join(usrLocal, 'bin/nodejs'));

  // The slim and Alpine images drop the OpenSSL headers of other architectures.
  await cp(usrLocal, join(path, 'node-slim'), { recursive: true, verbatimSymlinks: true });
  const archs = join(path, 'node-slim/include/node/openssl/archs');
  const own = arch === 'x64' ? 'linux-x86_64' : 'linux-aarch64';
  for (const other of (await readdir(archs)).filter((name) => name !== own)) {
    await rm(join(archs, other), { recursive: true });
  }

  await mkdir(join(path, 'node-bin/bin'), { recursive: true });
  await cp(join(node, 'bin/node'), join(path, 'node-bin/bin/node'));
  await cp(join(node, 'LICENSE'), join(path, 'node-bin/LICENSE'));

  await writeCertificates(join(path, 'etc'));
  await copyFile(join(import.meta.dirname, 'docker-entrypoint.sh'), join(path, 'docker-entrypoint.sh'));

  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(node, 'package.json'), 'utf8')));
  return { path, version };
}

/** This machine's CA bundle, and npm's setting for it: what a company's own base image does behind a TLS proxy. */
async function writeCertificates(path: string): Promise<void> {
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  await mkdir(join(path, dirname(bundle)), { recursive: true });
  await mkdir(join(path, 'usr/local/etc'), { recursive: true });
  await copyFile(bundle, join(path, bundle));
  await writeFile(join(path, 'usr/local/etc/npmrc'), `cafile=${bundle}\n`);
}

/** `npm pack` a package into `path` and unpack it. Returns the folder that holds its files. */
async function unpack(path: string, spec: string): Promise<string> {
  const folder = join(path, spec.replace(/@.*/, ''));
  await mkdir(folder);
  try {
    await spawnText('npm', ['pack', spec, '--loglevel=error', '--fetch-retries=1', '--pack-destination', folder], {
      cwd: folder,
    });
  } catch (error) {
    throw new ToolError(`Cannot fetch ${spec} from the npm registry, which stand-ins are made of.`, {
      lines: error instanceof ToolError ? error.lines : [],
      hint: 'Neither an image registry nor the npm registry can be reached. Check the network and proxy settings.',
    });
  }
  const [archive] = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  await spawnText('tar', ['-xzf', archive as string], { cwd: folder });
  return join(folder, 'package');
}
