import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { type Bench, docker } from './test-engine.ts';

/** The `docker` that a person gets when typing it: the first on the PATH, which may have the legacy builder. */
export function typedDocker(bench: Bench) {
  // The legacy builder leaves an image for each step of a stage that is not shipped.
  const leftBehind: string[] = [];
  const type = async (directory: string, ...args: string[]) =>
    (await promisify(execFile)('docker', args, { cwd: directory, maxBuffer: 64 << 20 })).stdout;
  return {
    /** Builds an image with `options` and runs it with `env`; it has to greet. */
    async buildAndRun(directory: string, tag: string, options: string[] = [], env: Record<string, string> = {}) {
      const before = await docker('images', '--all', '--quiet');
      const built = await type(directory, 'build', ...options, ...bench.labelArgs, '-t', tag, '.');
      const ids = [...built.matchAll(/^ ---> ([0-9a-f]{12})$/gm)].map(([, id = '']) => id);
      leftBehind.push(...ids.filter((id) => !before.includes(id)));
      const port = env.PORT ?? '3000';
      const envOptions = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
      const publish = ['-p', `127.0.0.1::${port}`, '--rm', ...bench.labelArgs, ...envOptions];
      const id = (await type(directory, 'run', '-d', ...publish, tag)).trim();
      const [address = ''] = (await docker('port', id, `${port}/tcp`)).split('\n');
      const respond = () =>
        fetch(`http://${address}`, { signal: AbortSignal.timeout(2000) }).then((response) => response.json(), String);
      await expect.poll(respond, { timeout: 20_000 }).toEqual({ message: 'Hello from a container' });
      await docker('stop', id);
    },
    async cleanUp() {
      await bench.cleanUp();
      for (const id of leftBehind.reverse()) await docker('rmi', id).catch(() => {}); // It went with a later one.
    },
  };
}
