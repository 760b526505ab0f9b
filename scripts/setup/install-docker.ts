import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import which from 'which';
import type { Engine } from '../engine/engine.ts';
import { isInstallable } from '../engine/engine-errors.ts';
import { findEngine } from '../engine/find-engine.ts';
import { describeError, ToolError } from '../lib/errors.ts';
import { spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { asRoot, canInstallPackages, installPackages } from './debian.ts';

/** How long an engine may take to start, in milliseconds. */
const START_LIMIT_MS = 30_000;

/**
 * Installs Docker from the distribution's packages where it is missing, starts it, and returns it once it answers.
 *
 * @throws {ToolError} with exit code 3 and what to do by hand, when it cannot.
 */
export async function installDocker(report: (line: string) => void, signal: AbortSignal): Promise<Engine> {
  if (!(await canInstallPackages())) {
    throw new ToolError('No container engine responds, and setup cannot install one on this machine.', {
      code: 'engine-not-found',
      hint: `Install and start one of these, then run \`npm run setup\` again:
  macOS, Windows   Docker Desktop
  Linux            Docker Engine with the buildx plugin, from your distribution's packages
On Debian and Ubuntu, setup does it by itself as root or with sudo.`,
    });
  }
  if (!(await findDaemon())) {
    report("installing Docker from the distribution's packages");
    // Newer releases have the client and buildx in packages of their own.
    await installPackages(['docker.io', 'docker-cli', 'docker-buildx', 'ca-certificates'], report, signal);
  }
  report('starting Docker');
  const interruptible = ([program, args, options]: ReturnType<typeof asRoot>) =>
    [program, args, { ...options, signal }] as const;
  // https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
  if (existsSync('/run/systemd/system')) {
    await spawnText(...interruptible(asRoot('systemctl', 'start', 'docker')));
    return waitForEngine(() => spawnText(...asRoot('journalctl', '-u', 'docker', '-n', '10', '--no-pager')), signal);
  }
  // The init script gives up where it may not raise its limits, as inside a container. The engine itself does not.
  await spawnSucceeds(...interruptible(asRoot('service', 'docker', 'start')));
  if (await spawnSucceeds(...interruptible(asRoot('service', 'docker', 'status'))))
    return waitForEngine(async () => '', signal);
  signal.throwIfAborted();
  const log = await startDaemon((await findDaemon()) ?? 'dockerd');
  return waitForEngine(() => readFile(log, 'utf8'), signal);
}

/** Starts the daemon, which stays when setup has ended: not through lib/spawn.ts. Returns the path of its log. */
async function startDaemon(daemon: string): Promise<string> {
  const path = join(process.getuid?.() === 0 ? '/var/log' : tmpdir(), 'multi-stage-node-dockerd.log');
  const log = await open(path, 'w');
  const [program, args] = asRoot(daemon);
  spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd] }).unref();
  await log.close();
  return path;
}

async function waitForEngine(readLog: () => Promise<string>, signal: AbortSignal): Promise<Engine> {
  const until = Date.now() + START_LIMIT_MS;
  while (Date.now() < until) {
    try {
      return await findEngine(signal);
    } catch (error) {
      if (!isInstallable(error)) throw error;
    }
    await sleep(250, undefined, { signal });
  }
  const log = await readLog().catch((error) => describeError(error));
  throw new ToolError(`Docker was started, but does not respond after ${START_LIMIT_MS / 1000} s.`, {
    code: 'engine-not-found',
    lines: log.trim().split('\n').slice(-10),
  });
}

/** The path of dockerd. /usr/sbin is not on every user's PATH. */
function findDaemon(): Promise<string | null> {
  const path = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);
  return which('dockerd', { nothrow: true, path });
}
