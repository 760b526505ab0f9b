import { readFile } from 'node:fs/promises';
import { ToolError } from '../lib/errors.ts';
import { spawnLines, spawnSucceeds, spawnText } from '../lib/spawn.ts';

/** Whether this machine is Debian or Ubuntu or made from them, by the file that says so (os-release(5)). */
export async function isDebian(): Promise<boolean> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(text);
}

/** A command as root: as it is, or through sudo. */
export function asRoot(command: string[]): string[] {
  return process.getuid?.() === 0 ? command : ['sudo', ...command];
}

/** Whether `asRoot` will work. sudo may ask for a password on a terminal, but not elsewhere. */
export async function canBeRoot(): Promise<boolean> {
  if (process.getuid?.() === 0) return true;
  return spawnSucceeds('sudo', process.stdin.isTTY ? ['--validate'] : ['--non-interactive', 'true'], {
    stdin: 'inherit',
    detached: false,
  });
}

/**
 * Installs those of `packages` that this release of the distribution has, without recommended packages.
 *
 * @throws {ToolError} when apt fails, or this user cannot become root (exit code 3).
 */
export async function installPackages(packages: string[], say: (line: string) => void): Promise<void> {
  if (!(await isDebian()) || !(await canBeRoot())) {
    throw new ToolError(`Cannot install ${packages.join(', ')}: this needs Debian or Ubuntu, and root or sudo.`, {
      code: 'engine-not-found',
    });
  }
  // A list of packages from elsewhere that fails to update does not matter, if the packages are found.
  await apt(['update'], say).catch((error) => say(`apt-get update: ${error.lines?.at(-1) ?? error.message}`));
  const known = await available(packages);
  await apt(['install', '--yes', '--no-install-recommends', ...known], say);
}

async function available(packages: string[]): Promise<string[]> {
  const text = await spawnText('apt-cache', ['policy', ...packages], { env: { ...process.env, LC_ALL: 'C' } });
  return packages.filter((name) => new RegExp(`^${name}:\\n.*\\n +Candidate: (?!\\(none\\))`, 'm').test(text));
}

async function apt(args: string[], say: (line: string) => void): Promise<void> {
  const [program = '', ...rest] = asRoot(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '--quiet', ...args]);
  await spawnLines(program, rest, {
    detached: false,
    onLine: (line) => {
      if (/^(Setting up|Err:|E:)/.test(line)) say(line);
    },
  });
}
