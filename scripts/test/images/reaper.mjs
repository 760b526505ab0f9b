// A process beside the image tests: when they have ended, however they ended, it ends the processes that they started and
// removes the containers and images that they made. Plain JavaScript, so that it starts at once.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const [docker, invocation, label, namesFile, programs] = process.argv.slice(2);
const filter = ['--filter', `label=${label}`];
/** How long a process may take to clean up after SIGTERM, in milliseconds. */
const GRACE_MS = 5000;

// The terminal's Ctrl-C is for the tests.
process.on('SIGINT', () => {});
process.stdin.resume();
process.stdin.on('end', async () => {
  await endProcesses();
  const names = readOr('', () => readFileSync(namesFile, 'utf8')).split('\n');
  const namesOf = (kind) => names.filter((line) => line.startsWith(kind)).map((line) => line.slice(kind.length));
  for (const name of namesOf('container ')) await run('rm', '--force', '--volumes', name);
  for (const name of namesOf('image ')) await run('rmi', name);
  rmSync(namesFile, { force: true });
  rmSync(programs, { recursive: true, force: true });
  // Twice: the engine may still be creating what a client asked for before it ended.
  for (const pause of [0, 1000]) {
    await sleep(pause);
    if (!(await removeAll())) break;
  }
});

/** The processes that inherited the invocation's variable. Only Linux lists them. */
function processes() {
  const mark = `TEST_INVOCATION=${invocation}\0`;
  return readOr([], () => readdirSync('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => readOr('', () => readFileSync(`/proc/${id}/environ`, 'utf8')).includes(mark))
    .map(Number);
}

async function endProcesses() {
  const kill = (signal) => {
    for (const id of processes()) readOr(undefined, () => process.kill(id, signal));
  };
  if (processes().length === 0) return;
  kill('SIGTERM');
  const until = Date.now() + GRACE_MS;
  while (processes().length > 0 && Date.now() < until) await sleep(100);
  kill('SIGKILL');
}

/** Returns whether there was something to remove. */
async function removeAll() {
  const containers = await list('ps', '--all', '--quiet', ...filter);
  for (const id of containers) await run('rm', '--force', '--volumes', id);
  const images = await list('images', '--all', '--quiet', '--no-trunc', ...filter);
  for (const id of new Set(images)) await run('rmi', '--force', id);
  return containers.length + images.length > 0;
}

async function list(...args) {
  return (await run(...args)).split('\n').filter(Boolean);
}

function run(...args) {
  return promisify(execFile)(docker, args).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

function readOr(fallback, read) {
  try {
    return read();
  } catch {
    return fallback;
  }
}
