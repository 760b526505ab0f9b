import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ToolError } from './errors.ts';

/** The name of a work directory: this machine as a hash, the id of the process, and what makes it unique. */
const NAME = /^multi-stage-node-([0-9a-f]{8})-(\d+)-\w+$/;

/**
 * Makes a directory for the temporary files of this invocation. Its name says which process it belongs to, so that another
 * invocation can remove what is left of one that was killed.
 *
 * @throws {ToolError} when there is no place for temporary files.
 */
export async function createWorkDirectory(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), `multi-stage-node-${machineHash()}-${process.pid}-`));
  } catch (error) {
    throw new ToolError(`Cannot make a directory for temporary files: ${(error as Error).message}`, {
      hint: 'The variable TMPDIR names the directory to make it in.',
    });
  }
}

/** Whether the process that made a work directory has ended. False for one of another machine, or of a container. */
export function isAbandoned(directory: string): boolean {
  const [, machine, processId] = NAME.exec(basename(directory)) ?? [];
  if (machine !== machineHash()) return false;
  try {
    process.kill(Number(processId), 0);
    return false;
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Removes the work directories of processes that have ended without removing them. Returns how many were removed. */
export async function removeAbandonedDirectories(): Promise<number> {
  const names = await readdir(tmpdir()).catch(() => []);
  let count = 0;
  for (const path of names.map((name) => join(tmpdir(), name)).filter(isAbandoned)) {
    if (!(await lstat(path).catch(() => null))?.isDirectory()) continue;
    // One of another user stays.
    const isRemoved = await rm(path, { recursive: true }).then(
      () => true,
      () => false,
    );
    if (isRemoved) count += 1;
  }
  return count;
}

/** Process ids mean something only on this machine, and only in this process namespace (pid_namespaces(7)). */
function machineHash(): string {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux.
  }
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 8);
}
