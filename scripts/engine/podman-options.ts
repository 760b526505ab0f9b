import { z } from 'zod';
import { parseJson } from '../lib/parse-json.ts';

/**
 * What `--read-only` means with Docker: /tmp and /run are read-only as well, and /dev/shm is not. By itself, Podman mounts a
 * writable directory on each of them (https://docs.podman.io/en/latest/markdown/podman-run.1.html#read-only-tmpfs).
 */
const READ_ONLY = ['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/dev/shm:mode=1777'];

const healthcheck = z.object({ Test: z.array(z.string()).min(2), StartPeriod: z.number().nullish() });

/** Whether options of `run` change the times of a health check. */
export const changesHealthCheck = (args: string[]) => args.some((arg) => arg.startsWith('--health-'));

/**
 * Options of `run` as Podman requires them to mean what they mean with Docker.
 *
 * @param image the image's health check as `podman image inspect` prints it; Podman ignores the times of a check without
 *   its command.
 */
export function podmanOptions(args: string[], image = ''): string[] {
  const options = args.flatMap((arg) => (arg === '--read-only' ? READ_ONLY : arg));
  const { data } = healthcheck.safeParse(parseJson(image));
  const [form, ...words] = data?.Test ?? [];
  const [command] = words;
  // One word by itself would be run by a shell, which the image may not have.
  if (!data || command === undefined || (form === 'CMD' && words.length === 1)) return options;
  const test = form === 'CMD' ? JSON.stringify(words) : command;
  const start = data.StartPeriod ? [`--health-start-period=${data.StartPeriod}ns`] : [];
  return ['--health-cmd', test, ...start, ...options];
}
