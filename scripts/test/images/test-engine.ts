import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { dockerEnvironment } from '../../engine/docker.ts';
import type { BuildRequest, Engine } from '../../engine/engine.ts';
import { findEngine } from '../../engine/find-engine.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { spawnStream, spawnText } from '../../lib/spawn.ts';

/**
 * Tests label what they make with this, not with compare's label: a test of compare checks what compare leaves. The name
 * comes from global-setup.ts, for reaper.mjs; the value is the id of a bench.
 */
const TEST_LABEL = process.env.TEST_LABEL ?? 'multi-stage-node.test';

export const ROOT = join(import.meta.dirname, '../../..');

/** The real engine. */
export const engine: Engine = await findEngine();

/** The engine's command line, for what compare itself never does. */
export function docker(...args: string[]): Promise<string> {
  return spawnText(engine.info.command, args, { env: dockerEnvironment() });
}

/** The directory with the programs as one file each. See bundle-programs.ts; the name comes from global-setup.ts. */
export const PROGRAMS = process.env.TEST_PROGRAMS ?? '';

/** Starts compare as its npm script does. */
export const startCompare = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  start(ROOT, ['--', 'scripts/start.mjs', 'compare', ...args], env);

/** Starts the one file of a program, in {@link PROGRAMS} or a directory that looks like it. */
export const startProgram = (name: string, args: string[], env: NodeJS.ProcessEnv = {}, root = PROGRAMS) =>
  start(root, ['--', `scripts/${name}.mjs`, ...args], env);

function start(cwd: string, args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, GITHUB_STEP_SUMMARY: '', ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...output }));
  return { child, output, ended };
}

/** Makes images and containers that carry a label, and removes them all. */
export class Bench {
  readonly id = randomUUID();
  readonly labels = { [TEST_LABEL]: this.id };
  /** For the engine's command line: to make something, and to list what was made. */
  readonly labelArgs = ['--label', `${TEST_LABEL}=${this.id}`];
  readonly filterArgs = ['--filter', `label=${TEST_LABEL}=${this.id}`];
  /** How a test's image is run: as compare runs one of which it knows nothing. */
  readonly containerOptions = {
    port: 3000,
    exposed: [],
    path: '/',
    expectStatus: 200,
    args: [],
    hasNode: true,
    labels: this.labels,
    signal: new AbortController().signal,
  };
  #count = 0;

  /** Builds an image and returns its id. */
  async build(context: string, dockerfile: string, options: Parameters<Bench['buildImage']>[2] = {}) {
    return (await this.buildImage(context, dockerfile, options)).id;
  }

  /** Builds an image and returns its configuration. */
  async buildImage(context: string, dockerfile: string, options: Partial<BuildRequest> = {}) {
    this.#count += 1;
    const { image } = await engine.build({
      context,
      dockerfile: join(context, dockerfile),
      name: `multi-stage-node/test:${this.id}-${this.#count}`,
      labels: { ...this.labels, count: String(this.#count) },
      ...options,
    });
    return image;
  }

  /** Starts a container and waits until it responds on /healthz. Returns its id and a function that requests a path. */
  async serve(image: string, args: string[] = [], port = 3000) {
    const id = await engine.start(image, { port, labels: this.labels, args });
    const { address } = await engine.container(id);
    if (!address) throw new Error(`No port is published: ${await docker('logs', id)}`);
    const ask = (path: string, headers?: OutgoingHttpHeaders) =>
      request(`http://${address.host}:${address.port}${path}`, headers);
    for (let attempt = 0; ; attempt += 1) {
      if (await ask('/healthz').catch(() => null)) return { id, ask };
      if (attempt > 300) throw new Error(`No response: ${await docker('logs', id)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async cleanUp(): Promise<void> {
    // A part of compare that a test calls by itself makes images with compare's label.
    for (const label of [TEST_LABEL, INVOCATION_LABEL]) {
      const { containers, images } = await engine.labelled(label, this.id);
      for (const container of containers) await engine.removeContainer(container);
      for (const image of images) await engine.removeImage(image);
    }
  }
}

interface TestResponse {
  status: number | undefined;
  type: string | undefined;
  etag: string | undefined;
  body: string;
}

function request(url: string, headers?: OutgoingHttpHeaders): Promise<TestResponse> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers, signal: AbortSignal.timeout(2000) }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      const { 'content-type': type, etag } = response.headers;
      resolve({ status: response.statusCode, type, etag, body });
    }).on('error', reject);
  });
}

/** One entry of an image's file system. */
export interface FileEntry {
  path: string;
  type: string | null | undefined;
  mode: number;
  uid: number;
  /** The size of a regular file; 0 for everything else, hard links included. */
  bytes: number;
}

/** All files that a container of this image would see, read without running anything in it. */
export async function filesOf(image: string): Promise<FileEntry[]> {
  const container = await docker('create', '--label', `${TEST_LABEL}=files`, image);
  try {
    const entries = extract();
    const source = spawnStream(engine.info.command, ['export', container], { env: dockerEnvironment() });
    source.on('error', (error) => entries.destroy(error));
    source.pipe(entries);
    const files: FileEntry[] = [];
    for await (const entry of entries) {
      const { name, type, mode = 0, uid = 0, size = 0 } = entry.header;
      files.push({ path: `/${name}`, type, mode, uid, bytes: type === 'file' ? size : 0 });
      entry.resume();
    }
    return files;
  } finally {
    await docker('rm', '--force', container);
  }
}
