import { appendFile, readFile } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { execa } from 'execa';
import { readerEnvironment } from '../../docs/documents.ts';
import { type Block, type Commands, commandsOf, withBlock } from './code-blocks.ts';
import { refreshed, tidyOutput } from './compare-output.ts';
import { docker, engine } from './test-engine.ts';

/** A document that takes longer hangs. Its programs may then clean up. */
const LIMIT_MS = 600_000;
const GRACE_MS = 20_000;

/** Stands around the exit code of a command in the output of all commands: a character that no program prints. */
const MARK = '\u001e';

/**
 * Runs the commands of a document as they are, in one shell, like a reader who follows it from top to bottom. Returns what
 * is not as the document shows, and the document with the outputs of now. What the document leaves on the engine is a
 * problem; what has one of its names is removed.
 *
 * @param copy a copy of the repository: the commands may change files.
 * @param sameBases whether the engine's base images are those that the document was written with: sizes have to agree then.
 */
export async function runDocument(copy: string, file: string, sameBases: boolean) {
  const text = await readFile(join(copy, file), 'utf8');
  const blocks = commandsOf(text);
  const names = namesIn(blocks);
  const isNamed = (line: string) => names.some((name) => line.startsWith(name));
  const before = await listEngine();
  const taken = before.find(isNamed);
  if (taken) return { text, problems: [`${file}: this exists already, remove or rename it: ${taken}`] };
  // For reaper.mjs, in case this process is killed: what a document's commands make carries no label.
  await appendFile(process.env.TEST_NAMES ?? '', names.map((name) => `${name.trim()}\n`).join(''));
  const parts = (await runShell(blocks, dirname(join(copy, file)))).split(MARK);
  const left = (await listEngine()).filter((line) => !before.includes(line));
  for (const [kind, name = ''] of left.filter(isNamed).map((line) => line.split(' ')))
    await docker(...(kind === 'container' ? ['rm', '--force', '--volumes'] : ['rmi', '--force']), name);
  const problems = left.map((line) => `${file}: it leaves this on the engine: ${line}`);
  const contents: [Block, string[]][] = [];
  for (const block of blocks) {
    const { output, start } = block;
    const { printed, failure } = takeOutput(block, parts);
    const lines = printed.map((line) => `\n  | ${line}`).join('');
    if (failure) problems.push(`${file}:${start}: ${failure}${lines}`);
    if (failure || !output) continue;
    const varies = output.meta === 'varies';
    if (!refreshed(output.lines, printed, { varies, sameBases })) {
      const isMissing = (line: string) => !refreshed(['…', line, '…'], printed, { varies, sameBases });
      const missing = output.lines.find(isMissing) ?? 'but other lines are between these';
      problems.push(`${file}:${output.start}: not printed: ${missing}. What was printed:${lines}`);
    }
    // A person leaves a block empty to get everything that was printed.
    const content = output.lines.length === 0 ? printed : refreshed(output.lines, printed, { varies: true });
    if (content) contents.unshift([output, content]);
  }
  return { text: contents.reduce((document, [block, lines]) => withBlock(document, block, lines), text), problems };
}

/** The containers and images of the engine: kind, name and id, a line each. */
async function listEngine(): Promise<string[]> {
  const list = (what: string, format: string) => docker(what, '--all', '--no-trunc', '--format', format);
  const lists = [
    await list('ps', 'container {{.Names}} {{.ID}}'),
    await list('images', 'image {{.Repository}}:{{.Tag}} {{.ID}}'),
  ];
  return lists.join('\n').split('\n').filter(Boolean);
}

/** What the commands name with -t and --name, as {@link listEngine} begins its lines. */
function namesIn(blocks: Commands[]): string[] {
  const text = blocks.flatMap(({ commands }) => commands).join('\n');
  const names = text.matchAll(/\s(-t|--tag|--name)[ =]([a-z0-9][\w./-]*)(:[\w.-]+)?/g);
  return [...names].map(([, option, name, tag = ':latest']) =>
    option === '--name' ? `container ${name} ` : `image ${name}${tag} `,
  );
}

/** What all commands print, with their exit codes between marks. Ends without the rest when it takes too long. */
async function runShell(blocks: Commands[], cwd: string): Promise<string> {
  const script = blocks.flatMap(({ commands }) => [
    ...commands.map((command) => `${command}\nprintf '${MARK}%s${MARK}' "$?"`),
    // A server may take as long to listen as a reader takes to go to the next block.
    ...commands
      .filter((command) => /\bdocker run\b.* -d /s.test(command))
      .flatMap((command) => [...command.matchAll(/127\.0\.0\.1:(\d+):/g)])
      .map(([, port]) => `curl ${WAIT_OPTIONS} http://127.0.0.1:${port} || true`),
  ]);
  const { PATH, ...env } = readerEnvironment();
  const { command } = engine.info;
  // A command without a path is on the PATH already.
  const paths = [...(isAbsolute(command) ? [dirname(command)] : []), PATH].join(delimiter);
  const child = execa('bash', ['-c', ['exec 2>&1', ...script].join('\n')], {
    cwd,
    env: { ...env, PATH: paths, DOCKER_BUILDKIT: '1' },
    extendEnv: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    reject: false,
    // A process group of its own, so that all of it can be ended.
    detached: true,
  });
  const endIn = (ms: number, signal: string) => setTimeout(() => process.kill(-(child.pid ?? 0), signal), ms);
  const timers = [endIn(LIMIT_MS, 'SIGTERM'), endIn(LIMIT_MS + GRACE_MS, 'SIGKILL')];
  const { stdout } = await child;
  timers.forEach(clearTimeout);
  return stdout;
}
const WAIT_OPTIONS = '--silent --output /dev/null --max-time 1 --retry 10 --retry-delay 1 --retry-all-errors';

/**
 * Takes what the commands of a block printed, and the first command that did not end as the document shows.
 *
 * @param parts what a command printed, its exit code, what the next command printed, and so on.
 */
function takeOutput({ commands, meta }: Commands, parts: string[]) {
  let printed = '';
  let failure = '';
  for (const [index, command] of commands.entries()) {
    const [output = '', code] = parts.splice(0, 2);
    const shouldFail = meta === 'fails' && index === commands.length - 1;
    printed += output;
    if (code !== undefined && (code !== '0') === shouldFail) continue;
    failure ||= `${command}\n${code ? `ended with exit code ${code}` : 'did not end: the shell was ended'}`;
  }
  return { printed: tidyOutput(printed), failure };
}
