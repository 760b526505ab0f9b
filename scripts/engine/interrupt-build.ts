import { readdirSync, readFileSync } from 'node:fs';

/** How Podman calls the process that runs a RUN instruction. */
const STEP = 'buildah-oci-runtime\0';
/** How long Podman may take to end a build whose instruction was interrupted, in milliseconds. */
const END_LIMIT_MS = 5000;

/**
 * Runs a build of Podman's, which gets a signal of its own. On a signal, Podman ends at once: the command of a RUN
 * instruction runs on, and the working containers of the build, which have no labels, stay. When the instruction is
 * interrupted instead, the build fails, and Podman removes them.
 *
 * @throws the reason of `signal`, after an interruption.
 */
export async function interruptBuild(
  signal: AbortSignal | undefined,
  build: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted();
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    timer = setTimeout(() => end.abort(signal?.reason), interruptSteps() ? END_LIMIT_MS : 0);
  };
  signal?.addEventListener('abort', interrupt);
  try {
    await build(end.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', interrupt);
  }
}

/** Interrupts the RUN instructions of all builds of this process. Returns whether there are any. */
function interruptSteps(): boolean {
  try {
    // Only Linux has these files. Elsewhere, the builds are on another machine.
    const steps = readdirSync('/proc').filter((id) => /^\d+$/.test(id) && isStep(id) && isDescendant(id));
    for (const id of steps) process.kill(Number(id), 'SIGINT');
    return steps.length > 0;
  } catch {
    return false;
  }
}

/** A file about a process; empty when it has ended, or belongs to another user. */
function readProcessFile(id: string, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

const isStep = (id: string) => readProcessFile(id, 'cmdline').startsWith(STEP);

/** Whether this process has started a process, or another one that has. */
function isDescendant(id: string): boolean {
  const parent = /^PPid:\s*(\d+)/m.exec(readProcessFile(id, 'status'))?.[1];
  return parent !== undefined && (Number(parent) === process.pid || (parent !== '0' && isDescendant(parent)));
}
