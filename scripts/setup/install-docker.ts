import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { isInstallable } from '../engine/engine-errors.ts';
import { findEngine, onPath } from '../engine/find-engine.ts';
import { ToolError } from '../lib/errors.ts';
import { spawnSucceeds, spawnText } from '../lib/spawn.ts';
import { asRoot, canBeRoot, installPackages, isDebian } from './debian.ts';

/** How long an engine may take from its start to its first answer, in milliseconds. */
const START_LIMIT_MS = 30_000;

/**
 * Installs Docker from the distribution's packages where it is missing, starts it, and returns it once it answers.
 * Only on Debian and Ubuntu, as root or with sudo.
 *
 * @throws {ToolError} with exit code 3 and what to do by hand, when it cannot.
 */
export async function installDocker(say: (line: string) => void): Promise<Engine> {
  if (!(await isDebian()) || !(await canBeRoot())) {
    throw new ToolError('No container engine answers, and this machine is not one that setup can install one on.', {
      code: 'engine-not-found',
      hint: [
        'Install and start one of these, then run `npm run setup` again:',
        '  macOS, Windows   Docker Desktop',
        "  Linux            Docker Engine with the buildx plugin, from your distribution's packages",
        'On Debian and Ubuntu, setup does it by itself as root or with sudo.',
      ].join('\n'),
    });
  }
  if (!(await daemon())) {
    say("installing Docker from the distribution's packages");
    // Newer releases have the client and buildx in packages of their own.
    await installPackages(['docker.io', 'docker-cli', 'docker-buildx', 'ca-certificates'], say);
  }
  say('starting Docker');
  return startDocker();
}

async function startDocker(): Promise<Engine> {
  // https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
  if (existsSync('/run/systemd/system')) {
    await asRootRun(['systemctl', 'start', 'docker']);
    return answers(async () => (await asRootRun(['journalctl', '-u', 'docker', '-n', '10', '--no-pager'])).split('\n'));
  }
  // The init script gives up where it may not raise its limits, as inside a container. The engine itself does not.
  await spawnSucceeds(...command(['service', 'docker', 'start']));
  if (await spawnSucceeds(...command(['service', 'docker', 'status']))) return answers(async () => []);

  const path = join(process.getuid?.() === 0 ? '/var/log' : tmpdir(), 'multi-stage-node-dockerd.log');
  const log = await open(path, 'w');
  const [program, args] = command([(await daemon()) ?? 'dockerd']);
  spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd] }).unref();
  await log.close();
  return answers(async () => (await readFile(path, 'utf8')).trim().split('\n').slice(-10));
}

async function answers(log: () => Promise<string[]>): Promise<Engine> {
  const until = Date.now() + START_LIMIT_MS;
  while (true) {
    try {
      return await findEngine();
    } catch (error) {
      if (!isInstallable(error)) throw error;
      if (Date.now() < until) {
        await sleep(250);
        continue;
      }
      throw new ToolError(`Docker was started, but does not answer after ${START_LIMIT_MS / 1000} s.`, {
        code: 'engine-not-found',
        lines: await log().catch(() => error.lines),
      });
    }
  }
}

async function daemon(): Promise<string | undefined> {
  // /usr/sbin is not on every user's PATH.
  return (
    (await onPath('dockerd'))[0] ?? ['/usr/sbin/dockerd', '/usr/local/sbin/dockerd'].find((path) => existsSync(path))
  );
}

function command(words: string[]): [string, string[]] {
  const [program = '', ...args] = asRoot(words);
  return [program, args];
}

function asRootRun(words: string[]): Promise<string> {
  return spawnText(...command(words), { detached: false });
}
