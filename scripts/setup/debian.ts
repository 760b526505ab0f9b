import { readFile } from 'node:fs/promises';
import { ToolError } from '../lib/errors.ts';
import { type SpawnOptions, spawnLines, spawnSucceeds, spawnText } from '../lib/spawn.ts';

/** The arguments that spawn a command as root: as it is, or through sudo, which keeps the terminal to ask for a password. */
export function asRoot(program: string, ...args: string[]): [program: string, args: string[], options: SpawnOptions] {
  return process.getuid?.() === 0 ? [program, args, {}] : ['sudo', [program, ...args], { detached: false }];
}

/** Whether packages can be installed: on Debian, Ubuntu or a distribution made from them, as root or with sudo. */
export async function canInstallPackages(): Promise<boolean> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => ''); // os-release(5)
  if (!/^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release)) return false;
  if (process.getuid?.() === 0) return true;
  // sudo may ask for a password on a terminal, but not elsewhere.
  const args = process.stdin.isTTY ? ['--validate'] : ['--non-interactive', 'true'];
  return spawnSucceeds('sudo', args, { detached: false });
}

/**
 * Installs those of `packages` that the distribution has. An interruption does not end apt, which would leave packages half
 * installed: it ends what comes after. @throws {ToolError} when it cannot, or apt fails; the signal's reason.
 */
export async function installPackages(
  packages: string[],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!(await canInstallPackages())) {
    throw new ToolError(`Cannot install ${packages.join(', ')}: this requires Debian or Ubuntu, and root or sudo.`);
  }
  // A failed update of some package list does not matter, if the packages are found.
  await apt(['update'], report).catch((error) => report(`apt-get update: ${error.lines?.at(-1) ?? error.message}`));
  signal.throwIfAborted();
  const text = await spawnText('apt-cache', ['policy', ...packages], { env: { ...process.env, LC_ALL: 'C' } });
  const isAvailable = (name: string) => new RegExp(`^${name}:\\n.*\\n +Candidate: (?!\\(none\\))`, 'm').test(text);
  await apt(['install', '--yes', '--no-install-recommends', ...packages.filter(isAvailable)], report);
  signal.throwIfAborted();
}

async function apt(args: string[], report: (line: string) => void): Promise<void> {
  const [program, rest] = asRoot('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '--quiet', ...args);
  await spawnLines(program, rest, {
    detached: false, // Ctrl-C reaches apt-get itself: killed, it could leave packages half installed.
    onLine: (line) => /^(Setting up|Err:|E:)/.test(line) && report(line),
  });
}
