import which from 'which';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { spawnText } from '../lib/spawn.ts';
import type { EngineInfo } from './engine.ts';
import { PROBE_LIMIT_MS } from './find-docker.ts';
import { podmanEnvironment } from './podman.ts';

const OLDEST = 4;

const podmanInfo = z.object({
  host: z.object({
    cgroupVersion: z.string().nullish(),
    cgroupControllers: z.array(z.string()).nullish(),
    security: z.object({ rootless: z.boolean() }),
  }),
  store: z.object({ graphDriverName: z.string() }),
  version: z.object({ Version: z.string() }),
});

/**
 * Looks for Podman; null when there is no such command.
 *
 * @param address that of an engine which is not the client's own, such as `unix:///run/podman/podman.sock`.
 */
export async function searchPodman(address: string | undefined, signal?: AbortSignal) {
  const command = await which('podman', { nothrow: true });
  if (command === null) return null;
  const prefix = address === undefined ? [] : ['--remote', '--url', address];
  const probe = { env: podmanEnvironment(), timeout: PROBE_LIMIT_MS, signal };
  try {
    const text = await spawnText(command, [...prefix, 'info', '--format', 'json'], probe);
    return { prefix, info: readInfo(command, JSON.parse(text)) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    const { code, lines, hint, message } = error;
    if (code === 'engine-not-found') return { error };
    return { error: new ToolError(`Podman does not respond: ${message}`, { code: 'engine-not-found', lines, hint }) };
  }
}

/** @throws {ToolError} for a Podman that is too old. */
function readInfo(command: string, answer: unknown): EngineInfo {
  const { host, store, version } = podmanInfo.parse(answer);
  if (Number.parseInt(version.Version, 10) < OLDEST) {
    throw new ToolError(`Podman ${version.Version} is too old.`, {
      code: 'engine-not-found',
      hint: `Install Podman ${OLDEST} or later: https://podman.io/docs/installation`,
    });
  }
  const { cgroupVersion, cgroupControllers, security } = host;
  const hasController = cgroupControllers?.includes('memory') ?? true;
  return {
    name: 'podman',
    version: version.Version,
    command,
    builder: 'buildah',
    imageStore: store.graphDriverName,
    rootless: security.rootless,
    limitsMemory: hasController && !(security.rootless && cgroupVersion === 'v1'),
  };
}
