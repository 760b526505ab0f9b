import { randomUUID } from 'node:crypto';
import { chmod, cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../../compare/discover/chapters.ts';
import { dockerEnvironment } from '../../engine/docker.ts';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { spawnLines } from '../../lib/spawn.ts';
import { type CompanyServer, makeCa, REGISTRY, startProxy, startRegistry } from './company.ts';
import { Bench, docker, engine, ROOT } from './test-engine.ts';
import { findTraces } from './traces.ts';

// What chapter 04's page for real life says of companies, other architectures, developing, labels and layers that are
// always the same, tried with its commands.

const CHAPTER = join(ROOT, '04-three-stage');
const COMPANY_FILE = 'company/Dockerfile';
const CHAPTERS = await findChapterDirectories(ROOT);
const bench = new Bench();
const label = bench.labelArgs;
const scratch: string[] = [];
afterAll(async () => {
  await bench.cleanUp();
  for (const directory of scratch) await rm(directory, { recursive: true });
});

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'real-life-'));
  scratch.push(directory);
  return directory;
}

/** A copy of the chapter that no cached step fits: secrets and proxies do not count for the cache. */
async function freshCopy(description = randomUUID()): Promise<string> {
  const directory = await newDirectory();
  const filter = (path: string) => !/\/(node_modules|dist|\.turbo)$/.test(path);
  await cp(CHAPTER, directory, { recursive: true, verbatimSymlinks: true, filter });
  const packageFile = join(directory, 'package.json');
  await writeFile(
    packageFile,
    (await readFile(packageFile, 'utf8')).replace(/("description": ").*"/, `$1${description}"`),
  );
  return directory;
}

let count = 0;
/** `docker build`, as a person types it: what it says, and the image's id, or why it failed. */
async function tryBuild(context: string, options: string[]): Promise<{ said: string; image: string | Error }> {
  count += 1;
  const tag = `multi-stage-node/real-life:${bench.id}-${count}`;
  const args = ['build', '--progress=plain', ...label, ...options, '-t', tag, context];
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const image = await spawnLines(engine.info.command, args, { env: dockerEnvironment(), onLine }).then(
    () => docker('image', 'inspect', '--format', '{{.Id}}', tag),
    (error: Error) => error,
  );
  return { said: lines.join('\n'), image };
}

/** Builds, and returns the image's id. */
async function build(context: string, ...options: string[]): Promise<string> {
  const { image } = await tryBuild(context, options);
  if (image instanceof Error) throw image;
  return image;
}

const buildForCompany = (context: string, ...options: string[]) =>
  build(context, '-f', join(context, COMPANY_FILE), ...options);

/**
 * What a build of `deps` says that must fail. It begins with an empty cache for npm: from a full one, npm takes what it
 * cannot fetch.
 */
async function failure(context: string, ...options: string[]): Promise<string> {
  const file = join(context, COMPANY_FILE);
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('id=04-three-stage-npm', `id=${randomUUID()}`));
  const { said, image } = await tryBuild(context, ['-f', file, '--target', 'deps', ...options]);
  if (!(image instanceof Error)) throw new Error('The build did not fail.');
  return said;
}

const layers = async (image: string) => (await engine.image(image))?.diffIds ?? [];

describe('a company', () => {
  const id = randomUUID();
  const token = `token-${id}`;
  const password = `password-${id}`;
  const caName = `Company CA ${id}`;
  let certificates = '';
  let registry: CompanyServer;
  let proxy: CompanyServer;
  let npmrc = '';
  /** What the lesson says to add to `docker build`, by what it is for. */
  let options: Record<'npmrc' | 'ca' | 'proxy', string[]>;

  /** The option for an npmrc with these lines. */
  async function npmrcSecret(...lines: string[]): Promise<string[]> {
    const file = join(certificates, `npmrc-${randomUUID()}`);
    await writeFile(file, `${lines.join('\n')}\n`);
    return ['--secret', `id=npmrc,src=${file}`];
  }
  // npm tries again at once, so that what must fail does so soon.
  const registryLines = () => [
    `registry=https://${REGISTRY}:${registry.listens.port}/`,
    'fetch-retry-mintimeout=200',
    'fetch-retry-maxtimeout=400',
  ];
  const tokenLine = () => `//${REGISTRY}:${registry.listens.port}/:_authToken=${token}`;
  // A stand-in's global npmrc has the setting `cafile`, which wins over the secret. The real images have none.
  const NO_GLOBAL = 'globalconfig=/nowhere';

  beforeAll(async () => {
    certificates = await newDirectory();
    await makeCa(certificates, caName);
    registry = await startRegistry(certificates, token);
    proxy = await startProxy(registry, 'builder', password);
    npmrc = [...registryLines(), tokenLine(), NO_GLOBAL].join('\n');
    const proxyUrl = `http://builder:${password}@${proxy.address}`;
    options = {
      npmrc: await npmrcSecret(npmrc),
      ca: ['--secret', `id=ca,src=${join(certificates, 'ca.pem')}`],
      proxy: ['HTTP_PROXY', 'HTTPS_PROXY'].flatMap((name) => ['--build-arg', `${name}=${proxyUrl}`]),
    };
  });
  afterAll(() => {
    registry?.close();
    proxy?.close();
  });

  test('installs from its registry, with its CA, through its proxy, and nothing of these is in any stage', async () => {
    const directory = await freshCopy();
    const all = Object.values(options).flat();
    const stages: Record<string, string> = {};
    // The runner first: it makes all that the others reuse.
    for (const stage of ['runner', 'deps', 'builder', 'test', 'dev']) {
      stages[stage] = await buildForCompany(directory, '--target', stage, ...all);
    }
    expect(registry.asked).toContain('GET /express');
    expect(proxy.asked).toContain(`CONNECT ${REGISTRY}:${registry.listens.port}`);

    const images = Object.values(stages);
    const userAndPassword = `builder:${password}`;
    const traces = await findTraces(images, {
      token,
      npmrc,
      'CA certificate': await readFile(join(certificates, 'ca.pem'), 'utf8').then(withoutPemFrame),
      'CA name': caName,
      password,
      'encoded password': Buffer.from(userAndPassword).toString('base64'),
      proxy: proxy.address,
      registry: REGISTRY,
    });
    expect(traces).toEqual([]);

    // And this would notice: what is in a file, in the history and in the configuration.
    const present = {
      file: 'Hello from a container',
      history: 'COPY /out / # buildkit',
      config: 'title":"three-stage"',
    };
    const noticed = await findTraces([stages.runner as string], present);
    for (const name of Object.keys(present)) expect(noticed.join('\n')).toContain(`${name} in `);
  }, 300_000);

  test('does not install without its token', async () => {
    const secret = await npmrcSecret(...registryLines(), NO_GLOBAL);
    const said = await failure(await freshCopy(), ...secret, ...options.ca, ...options.proxy);
    expect(said).toMatch(/E401|E403/);
  });

  test('does not install without its CA', async () => {
    const said = await failure(await freshCopy(), ...options.npmrc, ...options.proxy);
    expect(said).toMatch(CERTIFICATE_REFUSED);
  });

  test('does not install without its proxy, which alone knows the registry', async () => {
    const directory = await freshCopy();
    // It need not try again and again.
    const once = await npmrcSecret(npmrc, 'fetch-retries=0');
    expect(await failure(directory, ...once, ...options.ca)).toMatch(/ENOTFOUND|EAI_AGAIN/);
    // The other way to name it, which no attestation writes down.
    const proxyLine = options.proxy[1]?.replace('HTTP_PROXY', 'https-proxy') ?? '';
    const secret = await npmrcSecret(npmrc, proxyLine);
    await buildForCompany(directory, '--target', 'deps', ...secret, ...options.ca);
  });

  test('where the base image sets cafile, the CA is named in the npmrc', async () => {
    const directory = await freshCopy();
    // As a company's base image: its own bundle does not have this CA.
    const file = join(directory, COMPANY_FILE);
    const setting = 'RUN npm config set --location=global cafile=/usr/local/LICENSE\n';
    await writeFile(file, (await readFile(file, 'utf8')).replace('AS deps\n', `AS deps\n${setting}`));
    const plain = await npmrcSecret(...registryLines(), tokenLine());
    expect(await failure(directory, ...options.ca, ...options.proxy, ...plain)).toMatch(CERTIFICATE_REFUSED);
    const named = await npmrcSecret(...registryLines(), tokenLine(), 'cafile=/run/secrets/ca');
    await buildForCompany(directory, '--target', 'deps', ...options.ca, ...options.proxy, ...named);
  });

  test('its CA at run time is a mounted file and a variable', async () => {
    const image = await build(CHAPTER);
    const script = `fetch('https://${registry.address}/-/ping').then((r) => console.log(r.status), (e) => console.log(e.cause.code))`;
    const ask = (...args: string[]) => docker('run', '--rm', ...label, ...args, image, 'node', '-e', script);
    const mount = `${join(certificates, 'ca.pem')}:/etc/ssl/company-ca.pem:ro`;
    expect(await ask('-v', mount, '-e', 'NODE_EXTRA_CA_CERTS=/etc/ssl/company-ca.pem')).toBe('200');
    expect(await ask('-v', mount)).toMatch(CERTIFICATE_REFUSED);
  });
});

const CERTIFICATE_REFUSED = /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED/;
const withoutPemFrame = (pem: string) => pem.replace(/^-----.*\n/gm, '');

describe('04-three-stage', () => {
  test('dev serves the mounted source, takes an edit, and stops at once', async () => {
    const directory = await freshCopy();
    const image = await build(directory, '--target', 'dev');
    // Whoever runs the tests may have made the directory readable for one user only.
    await chmod(directory, 0o755);
    const { id, ask } = await bench.serve(image, ['-v', `${join(directory, 'src')}:/app/src`]);
    expect((await ask('/')).body).toBe('{"message":"Hello from a container"}');
    expect(JSON.parse((await ask('/info')).body).userId).toBe(1000);

    const app = join(directory, 'src/app.ts');
    const text = (await readFile(app, 'utf8')).replace('Hello from', 'An edit in');
    // Saved again and again: tsx watches a file only some time after it has loaded it. No person is that quick.
    const answer = async () => {
      await writeFile(app, text);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      return ask('/').then(({ body }) => body, String);
    };
    await expect.poll(answer, { timeout: 30_000 }).toBe('{"message":"An edit in a container"}');

    // Ctrl-C.
    await docker('kill', '--signal', 'SIGINT', id);
    // SIGKILL would make it 137.
    expect(Number(await docker('wait', id))).toBeLessThan(137);
    const other = await bench.serve(image);
    await docker('stop', other.id);
    expect(Number(await docker('wait', other.id))).toBeLessThan(137);
  });

  test('labels say which source it is, and change no layer', async () => {
    const labels = async (image: string) =>
      Object.entries((await engine.image(image))?.labels ?? {})
        .filter(([name]) => name.startsWith('org.opencontainers.image.'))
        .map(([name, value]) => `${name.replace('org.opencontainers.image.', '')}=${value}`)
        .sort();
    const given = ['VERSION=1.2.3', 'REVISION=0123abc', 'SOURCE=https://example.com/repository'];
    const image = await build(CHAPTER, ...given.flatMap((argument) => ['--build-arg', argument]));
    expect(await labels(image)).toEqual([
      'revision=0123abc',
      'source=https://example.com/repository',
      'title=three-stage',
      'version=1.2.3',
    ]);
    const plain = await build(CHAPTER);
    expect(await labels(plain)).toEqual(['revision=unknown', 'source=unknown', 'title=three-stage', 'version=unknown']);
    expect(await layers(image)).toEqual(await layers(plain));
  });

  test('npm sbom in the image lists exactly the packages that are shipped', async () => {
    const { packages } = JSON.parse(await readFile(join(CHAPTER, 'package-lock.json'), 'utf8'));
    const shipped = Object.entries<{ dev?: boolean; version: string }>(packages)
      .filter(([path, { dev }]) => path !== '' && !dev)
      .map(([path, { version }]) => `${path.replace(/.*node_modules\//, '')}@${version}`);
    expect(shipped.length).toBeGreaterThan(50);
    const image = await build(CHAPTER);
    const sbom = async (format: string) => {
      const command = `npm pkg delete devDependencies && npm sbom --sbom-format=${format}`;
      return JSON.parse(await docker('run', '--rm', ...label, '--user', '0', image, 'sh', '-c', command));
    };
    const { components } = await sbom('cyclonedx');
    const listed = components.map((one: { 'bom-ref': string }) => one['bom-ref']);
    expect(listed.sort()).toEqual(shipped.sort());
    // SPDX lists the app itself as well.
    expect((await sbom('spdx')).packages).toHaveLength(shipped.length + 1);
  });

  test('two builds with one SOURCE_DATE_EPOCH have the same layers, and without one they do not', async () => {
    const description = randomUUID();
    const freshLayers = async (...options: string[]) => {
      const directory = await freshCopy(description);
      // Git gives each file the time of its checkout.
      await utimes(join(directory, 'package.json'), new Date(), new Date(Date.now() - count * 60_000));
      // From the cache, a layer would have the date of another test's build: a COPY of the same files is reused, whatever
      // their dates.
      return layers(await buildForCompany(directory, '--no-cache', ...options));
    };
    const date = ['--build-arg', 'SOURCE_DATE_EPOCH=1767225600'];
    const first = await freshLayers(...date);
    // No layer is left out: the app's two, the base image's, and the empty one of WORKDIR.
    expect(await freshLayers(...date)).toEqual(first);

    // And this would notice: without the date the files are as old as the build.
    const undated = await freshLayers();
    const different = first.filter((layer, index) => layer !== undated[index]);
    expect(undated).toHaveLength(first.length);
    expect(different).toEqual(first.slice(-3, -1));
  }, 480_000);
});

describe('linux/arm64', () => {
  /** Why this machine cannot build for arm64 on this base image, or null. */
  async function obstacle(base: string): Promise<string | null> {
    const directory = await newDirectory();
    const node = base.includes('distroless') ? '/nodejs/bin/node' : 'node';
    await writeFile(
      join(directory, 'Dockerfile'),
      `FROM ${base}\nRUN ["${node}", "-p", "'runs as ' + process.arch"]\n`,
    );
    const { said, image } = await tryBuild(directory, ['--no-cache', '--platform', 'linux/arm64']);
    if (image instanceof Error) return `${base}: ${said.split('\n').at(-1)}`;
    // A new BuildKit takes an image of another architecture if it has only that.
    return /runs as (?!arm64)/.test(said) ? `${base}: only for another architecture, and no registry has it` : null;
  }

  describe.each(CHAPTERS)('%s', (chapter) => {
    test('multi builds, and runs as arm64', async ({ skip }) => {
      const directory = join(ROOT, chapter);
      const { bases } = readDockerfile(await readFile(join(directory, 'Dockerfile.multi'), 'utf8'), 'Dockerfile.multi');
      for (const base of bases) {
        const reason = await obstacle(base);
        if (!reason) continue;
        console.warn(`SKIPPED: ${chapter} for linux/arm64, which this machine cannot build. ${reason}`);
        skip(reason);
      }
      const image = await build(directory, '--platform', 'linux/arm64', '--file', join(directory, 'Dockerfile.multi'));
      expect(await docker('image', 'inspect', '--format', '{{.Architecture}}', image)).toBe('arm64');
      const { ask } = await bench.serve(image, ['--platform', 'linux/arm64']);
      expect(JSON.parse((await ask('/info')).body).arch).toBe('arm64');
    }, 900_000);
  });
});
