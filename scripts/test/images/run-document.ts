import { spawn } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { readerEnvironment } from '../../docs/documents.ts';
import type { Engine } from '../../engine/engine.ts';
import { spawnText } from '../../lib/spawn.ts';
import { type Block, type Commands, commandsOf, placeOf, splitCommands, withBlock } from './code-blocks.ts';
import { difference, refreshed, tidyOutput } from './compare-output.ts';

/** What is wrong in a document, once its commands were run. Lines are counted from 1. */
interface Problem {
  line: number;
  text: string;
}

interface RunOptions {
  engine: Engine;
  signal: AbortSignal;
  /** Whether the engine's base images are those that the document was written with: sizes have to agree then. */
  sameBases: boolean;
}

/** A document that takes longer hangs. */
const LIMIT_MS = 600_000;
/** How long its programs may take to clean up after SIGTERM. */
const GRACE_MS = 20_000;

/** Stands around the exit code of a command in the output of all commands: a character that no program prints. */
const MARK = '\u001e';

/**
 * Runs the commands of a document as they are, in one shell, like a reader who follows it from top to bottom. Returns what
 * is not as the document shows, and the document with the outputs of now. What the document leaves on the engine is a
 * problem; what has one of its names is removed, also after an interruption.
 *
 * @param copy a copy of the repository: the commands may change files.
 * @throws the reason of the signal, once what was made is removed.
 */
export async function runDocument(copy: string, file: string, { engine, signal, sameBases }: RunOptions) {
  const text = await readFile(join(copy, file), 'utf8');
  const blocks = commandsOf(text);
  const commands = blocks.flatMap(({ block }) => splitCommands(block.lines));
  const before = await listEngine(engine);
  const names = namesIn(commands);
  const taken = names.find((name) => before.some((line) => line.startsWith(name)));
  if (taken) return { text, problems: [{ line: 1, text: `The ${taken}exists already. Remove or rename it.` }] };
  await noteForReaper(names);
  let output: string;
  let left: string[] = [];
  try {
    output = await runShell(blocks, dirname(join(copy, file)), engine, signal);
    signal.throwIfAborted();
  } finally {
    left = (await listEngine(engine)).filter((line) => !before.includes(line));
    for (const line of left.filter((one) => names.some((name) => one.startsWith(name)))) {
      const [kind, name = '', id = ''] = line.split(' ');
      await (kind === 'container' ? engine.removeContainer(id) : engine.removeImage(name));
    }
  }
  const result = checkOutput(text, blocks, output.split(MARK), sameBases);
  if (left.length > 0) result.problems.push({ line: 1, text: `It leaves this on the engine: ${left.join(', ')}` });
  return result;
}

/** Records for reaper.mjs what to remove if this process is killed: a document's commands carry no label. */
async function noteForReaper(names: string[]): Promise<void> {
  const { TEST_NAMES: file } = process.env;
  if (file) await appendFile(file, names.map((name) => `${name.trim()}\n`).join(''));
}

/** The containers and images of the engine: kind, name and id, a line each. */
async function listEngine({ info }: Engine): Promise<string[]> {
  const list = (what: string, format: string) =>
    spawnText(info.command, [what, '--all', '--no-trunc', '--format', format]);
  const lists = [await list('ps', 'container {{.Names}} {{.ID}}'), await list('images', IMAGE_FORMAT)];
  return lists.join('\n').split('\n').filter(Boolean);
}
const IMAGE_FORMAT = 'image {{.Repository}}:{{.Tag}} {{.ID}}';

/** What the commands name with -t and --name, as {@link listEngine} begins its lines. */
function namesIn(commands: string[]): string[] {
  const names = commands.join('\n').matchAll(/\s(-t|--tag|--name)[ =]([a-z0-9][\w./-]*)(:[\w.-]+)?/g);
  return [...names].map(([, option, name, tag = ':latest']) =>
    option === '--name' ? `container ${name} ` : `image ${name}${tag} `,
  );
}

/** The ports of this machine that commands publish. */
const portsIn = (commands: string[]) =>
  [...commands.join('\n').matchAll(/127\.0\.0\.1:(\d+):/g)].map(([, port]) => Number(port));

async function runShell(blocks: Commands[], cwd: string, engine: Engine, signal: AbortSignal): Promise<string> {
  const script = blocks.flatMap(({ block }) => {
    const commands = splitCommands(block.lines);
    const servers = commands.filter((command) => /\bdocker run\b.* -d /s.test(command));
    return [
      ...commands.map((command) => `${command}\nprintf '${MARK}%s${MARK}' "$?"`),
      // A server may take as long to listen as a reader takes to go to the next block.
      ...portsIn(servers).map((port) => `curl ${WAIT_OPTIONS} http://127.0.0.1:${port} || true`),
    ];
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  limit.throwIfAborted();
  const env = readerEnvironment();
  const { command } = engine.info;
  const PATH = isAbsolute(command) ? [dirname(command), env.PATH].join(delimiter) : env.PATH;
  const child = spawn('bash', ['-c', ['exec 2>&1', ...script].join('\n')], {
    cwd,
    env: { ...env, PATH, DOCKER_BUILDKIT: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
    // A process group of its own, so that all of it can be ended.
    detached: true,
  });
  const kill = (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name);
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    kill('SIGTERM');
    timer = setTimeout(kill, GRACE_MS, 'SIGKILL');
  };
  limit.addEventListener('abort', end);
  try {
    return await textOf(child.stdout);
  } finally {
    clearTimeout(timer);
    limit.removeEventListener('abort', end);
  }
}
const WAIT_OPTIONS = '--silent --output /dev/null --max-time 1 --retry 10 --retry-delay 1 --retry-all-errors';

/** @param parts what a command printed, its exit code, what the next command printed, and so on. */
function checkOutput(text: string, blocks: Commands[], parts: string[], sameBases: boolean) {
  const problems: Problem[] = [];
  const contents: [Block, string[]][] = [];
  for (const { block, output } of blocks) {
    const { printed, failure } = readBlock(block, parts);
    if (failure !== null) {
      const lines = printed.map((line) => `  | ${line}`);
      problems.push({ line: placeOf(block).start.line, text: [failure, ...lines].join('\n') });
    } else if (output) {
      const expected = { lines: output.lines, varies: output.meta === 'varies', sameBases };
      const problem = difference(expected, printed);
      if (problem !== null) problems.push({ line: placeOf(output).start.line, text: problem });
      // A person leaves a block empty to get everything that was printed.
      const isEmpty = output.lines.length === 0;
      const content = isEmpty ? printed : refreshed({ ...expected, varies: true, sameBases: false }, printed);
      if (content) contents.unshift([output, content]);
    }
  }
  return { text: contents.reduce((document, [block, lines]) => withBlock(document, block, lines), text), problems };
}

/** Takes what the commands of a block printed from the parts. Returns also the first command that did not end as shown. */
function readBlock({ lines, meta }: Block, parts: string[]) {
  const commands = splitCommands(lines);
  let printed = '';
  let failure: string | null = null;
  for (const [index, command] of commands.entries()) {
    const [output = '', code] = parts.splice(0, 2);
    const shouldFail = meta === 'fails' && index === commands.length - 1;
    printed += output;
    if (code !== undefined && (code !== '0') === shouldFail) continue;
    failure ??= `${command}\n${code ? `ended with exit code ${code}` : 'did not end: the shell was ended'}`;
  }
  return { printed: tidyOutput(printed), failure };
}
