import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import type { Engine } from '../engine/engine.ts';
import { spawnText } from '../lib/spawn.ts';
import { type Commands, commandsOf, splitCommands } from './code-blocks.ts';
import { tidyOutput } from './compare-output.ts';
import { type Renames, renamed, renamesFor, restored } from './renames.ts';

/** What a block of commands did. */
export interface Ran {
  commands: Commands;
  /** What all of them printed, standard error included. */
  lines: string[];
  /** The first command that did not end as the document says, and how it ended. */
  problem: string | null;
}

/** A document that takes longer, in milliseconds, hangs. */
const LIMIT_MS = 600_000;

/** Stands before what a command printed and after it: a character that no program prints. */
const MARK = '\u001e';

/** At the end of a block a server is waited for, as long as a reader takes to go to the next one. Within a block it is not. */
const WAIT = `answers() {
  for attempt in $(seq 100); do
    curl --silent --output /dev/null --max-time 1 "http://127.0.0.1:$1" && return
    sleep 0.1
  done
}`;

/**
 * Types the commands of a document, in one shell, as a reader does who follows it from its top to its end. Only the names
 * of images and containers and the ports of the host are others than in the document, so that nothing of the user's is
 * touched; in what was printed they are those of the document again. Returns also what was left on the engine, and removes it.
 *
 * @param folder where the document is, in a copy of the repository: the commands may change files.
 * @throws the reason of the signal, once what was made is removed.
 */
export async function runDocument(
  text: string,
  folder: string,
  { engine, signal }: { engine: Engine; signal: AbortSignal },
): Promise<{ ran: Ran[]; left: string[] }> {
  const blocks = commandsOf(text).filter(({ notRun }) => notRun === null);
  const commands = blocks.map(({ block }) => splitCommands(block.lines));
  const renames = await renamesFor(commands.flat(), randomBytes(3).toString('hex'));
  const work = await mkdtemp(join(tmpdir(), 'lessons-'));
  const made = join(work, 'made');
  let ran: Ran[] = [];
  let left: string[] = [];
  try {
    const file = join(work, 'commands.sh');
    await writeFile(file, script(commands, { folder, renames, made }));
    const output = restored(await runShell(file, engine, signal), renames);
    signal.throwIfAborted();
    ran = blocks.map((block, index) => readBlock(block, commands[index] ?? [], output, index));
  } finally {
    const images = (await readFile(made, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    left = (await removeMade([...new Set(images)], renames, engine)).map((name) => restored(name, renames));
    await rm(work, { recursive: true, force: true });
  }
  return { ran, left };
}

interface Script {
  folder: string;
  renames: Renames;
  /** The file that the ids of images are noted in. */
  made: string;
}

function script(blocks: string[][], { folder, renames, made }: Script): string {
  const lines = blocks.flatMap((commands, block) => [
    ...commands.flatMap((command, index) => [
      `printf '${MARK}begin ${block} ${index}\\n'`,
      renamed(command, renames),
      `printf '${MARK}end ${block} ${index} %s\\n' "$?"`,
      // An image loses its name to the next one of that name, and would be left behind.
      ...(/\bdocker (buildx )?build\b/.test(command)
        ? renames.names.map(({ own }) => `docker images --quiet --no-trunc ${own} >> '${made}' 2> /dev/null`)
        : []),
    ]),
    ...commands.flatMap(served).map((port) => `answers ${renames.ports.get(port)}`),
  ]);
  return ['exec 2>&1', WAIT, `cd '${folder.replaceAll("'", "'\\''")}' || exit 1`, ...lines, ''].join('\n');
}

/** The ports that a command publishes in the background. */
function served(command: string): string[] {
  if (!/\bdocker run\b.* (-d|--detach)\b/s.test(command)) return [];
  return [...command.matchAll(/127\.0\.0\.1:(\d+):/g)].map(([, port = '']) => port);
}

async function runShell(file: string, engine: Engine, signal: AbortSignal): Promise<string> {
  // As a program of its own: what the npm and the test runner that start this have set is not the reader's.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD|FORCE_COLOR|VITEST|NODE_ENV|TEST$)/i.test(name),
  );
  const { command } = engine.info;
  const path = isAbsolute(command) ? [dirname(command), process.env.PATH].join(delimiter) : process.env.PATH;
  const child = spawn('bash', [file], {
    env: { ...Object.fromEntries(own), PATH: path, DOCKER_BUILDKIT: '1' },
    // Its commands write to one stream, as a terminal shows them.
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const end = () => child.pid && process.kill(-child.pid, 'SIGKILL');
  const limit = setTimeout(end, LIMIT_MS);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await textOf(child.stdout);
  } finally {
    clearTimeout(limit);
    signal.removeEventListener('abort', end);
  }
}

function readBlock(commands: Commands, lines: string[], output: string, block: number): Ran {
  const printed: string[] = [];
  for (const [index, command] of lines.entries()) {
    const begin = `${MARK}begin ${block} ${index}\n`;
    const [, after] = output.split(begin);
    if (after === undefined)
      return { commands, lines: tidyOutput(printed.join('')), problem: `${command}\nwas not reached` };
    const [text = '', ended = ''] = after.split(`${MARK}end ${block} ${index} `);
    printed.push(text);
    const code = /^\d+/.exec(ended)?.[0];
    const mayFail = commands.block.marks.includes('fails') && index === lines.length - 1;
    if (code === undefined || (code === '0') === mayFail) {
      const problem = `${command}\nended with ${code === undefined ? 'the shell' : `exit code ${code}`}`;
      return { commands, lines: tidyOutput(printed.join('')), problem };
    }
  }
  return { commands, lines: tidyOutput(printed.join('')), problem: null };
}

/** Removes what the commands have not removed themselves, and says what that was. */
async function removeMade(images: string[], { names }: Renames, engine: Engine): Promise<string[]> {
  const { command } = engine.info;
  const list = async (...args: string[]) => (await spawnText(command, args)).split('\n').filter(Boolean);
  const left: string[] = [];
  for (const { own } of names) {
    for (const container of await list('ps', '--all', '--quiet', '--filter', `name=^/?${own}$`)) {
      left.push(`the container ${own}`);
      await engine.removeContainer(container);
    }
    for (const tag of await list('images', '--format', '{{.Repository}}:{{.Tag}}', own)) {
      left.push(`the image ${tag}`);
      await engine.removeImage(tag).catch(() => {});
    }
  }
  for (const image of images) {
    // One that has a name is somebody else's as well: the same build makes the same image.
    const tags = await spawnText(command, ['image', 'inspect', '--format', '{{len .RepoTags}}', image]).catch(
      () => null,
    );
    if (tags !== '0') continue;
    left.push(`an image that has lost its name to another, ${image}`);
    await engine.removeImage(image).catch(() => {});
  }
  return left;
}
