import { posix } from 'node:path';
import { type ParseEntry, parse } from 'shell-quote';
import { type Project, readManifest } from './read-project.ts';

/** One command of a script, without the programs that only set its variables. */
export interface ScriptCommand {
  argv: string[];
  env: Record<string, string>;
  /** The directory that it runs in, relative to the app. */
  directory: string;
}

const LINE_LIMIT = 4096;
/** How many commands are followed at most: scripts can call each other in a circle. */
const COMMANDS_LIMIT = 200;
const WRAPPERS = /^(cross-env(-shell)?|env|exec|npx|pnpx|tini|dumb-init|time|dotenvx?|env-cmd|doppler|infisical)$/;
const PACKAGE_MANAGERS = /^(npm|pnpm|yarn|bun)$/;
/** Options that name other members of the workspace: their scripts are not followed. */
const MEMBER_OPTIONS = /^(-w|-r|-F|--filter|--workspaces?|--recursive|workspaces?)(=|$)/;

/** The commands of a script of package.json, with those of the scripts that it calls in their place. */
export const readScript = (project: Project, name: string): ScriptCommand[] => readLine(project, `npm run ${name}`);

/** The commands of a line for a shell, scripts followed. What is after `|` or `||` is left out. */
export function readLine(project: Project, line: string): ScriptCommand[] {
  let left = COMMANDS_LIMIT;
  const follow = (text: string, start: string): ScriptCommand[] => {
    let directory = start;
    return splitLine(text).flatMap((words): ScriptCommand[] => {
      const { argv, env } = unwrap(words);
      left -= 1;
      if (argv[0] === undefined || left < 0) return [];
      if (argv[0] === 'cd') {
        directory = posix.join(directory, argv[1] ?? '', '.').replace(/^\.$|\/$/, '');
        return [];
      }
      const call = readCall(project, argv, directory);
      if (call === null) return [{ argv, env, directory }];
      const commands = call.lines.flatMap((each) => follow(each, call.directory));
      commands.at(-1)?.argv.push(...call.args);
      return commands.map((command) => ({ ...command, env: { ...env, ...command.env } }));
    });
  };
  return follow(line, '');
}

function splitLine(line: string): string[][] {
  const commands: string[][] = [[]];
  let isLeftOut = false;
  let isTarget = false;
  for (const token of parseLine(line)) {
    if (typeof token === 'string' || 'pattern' in token) {
      if (!isTarget && !isLeftOut) commands.at(-1)?.push(typeof token === 'string' ? token : token.pattern);
      isTarget = false;
    } else if ('op' in token) {
      isTarget = /[<>]/.test(token.op);
      if (isTarget) continue;
      isLeftOut = token.op.startsWith('|');
      commands.push([]);
    }
  }
  return commands;
}

/** A line that no shell understands has no commands. Variables stay as they are written. */
function parseLine(line: string): ParseEntry[] {
  try {
    return parse(line.slice(0, LINE_LIMIT), (name) => `\${${name}}`);
  } catch {
    return [];
  }
}

function unwrap(words: string[]): Pick<ScriptCommand, 'argv' | 'env'> {
  const env: Record<string, string> = {};
  let argv = words;
  for (;;) {
    const [first = '', second = ''] = argv;
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(first) ?? [];
    if (name !== undefined) env[name] = value;
    else if (PACKAGE_MANAGERS.test(first) && /^(exec|dlx|x)$/.test(second)) argv = argv.slice(1);
    else if (!WRAPPERS.test(posix.basename(first))) return { argv, env };
    else if (argv.includes('--')) argv = argv.slice(argv.indexOf('--'));
    else while (argv[1]?.startsWith('-')) argv = argv.slice(/^-[efc]$|^--file$/.test(argv[1]) ? 2 : 1);
    argv = argv.slice(1);
  }
}

/** What a command calls: `npm run build`, `yarn build`, `run-s build:*`, `concurrently "npm:api"`. */
function readCall(project: Project, [program = '', ...args]: string[], start: string) {
  const at = args.findIndex((word) => /^(--prefix|-C|--cwd|--dir)$/.test(word));
  const directory = at < 0 ? start : posix.join(start, args[at + 1] ?? '');
  const scripts = readScripts(project, directory);
  const rest = at < 0 ? [...args] : args.toSpliced(at, 2);
  const linesOf = (name: string) => [`pre${name}`, name, `post${name}`].flatMap((each) => scripts[each] ?? []);
  const call = (lines: string[], more: string[] = []) => ({
    lines,
    args: more.filter((word) => word !== '--'),
    directory,
  });
  if (/^(npm-run-all|run-[sp]|concurrently)$/.test(program)) {
    const words = rest.filter((word) => !word.startsWith('-'));
    if (program === 'concurrently') return call(words.map((word) => word.replace(/^(npm|yarn|pnpm):/, '$1 run ')));
    const matches = (word: string) =>
      Object.keys(scripts).filter((each) => each.startsWith(word.slice(0, word.indexOf('*'))));
    return call(words.flatMap((word) => (word.includes('*') ? matches(word) : [word])).flatMap(linesOf));
  }
  if (program === 'node' && args[0] === '--run') return call(linesOf(args[1] ?? ''), args.slice(2));
  if (!PACKAGE_MANAGERS.test(program) || args.some((word) => MEMBER_OPTIONS.test(word))) return null;
  while (rest[0]?.startsWith('-')) rest.shift();
  const isRun = /^run(-script)?$/.test(rest[0] ?? '');
  const [name = '', ...more] = isRun ? rest.slice(1).filter((word, index) => index > 0 || !word.startsWith('-')) : rest;
  const isCall = isRun || /^(start|test)$/.test(name) || (/^(yarn|pnpm)$/.test(program) && name in scripts);
  return isCall ? call(linesOf(name), more) : null;
}

function readScripts(project: Project, directory: string): Record<string, string> {
  if (directory === '') return project.manifest.scripts;
  try {
    return readManifest(project, posix.join(project.app, directory))?.scripts ?? {};
  } catch {
    return {};
  }
}

const NODE_FLAGS =
  /^(-r|--require|--import|--(experimental-)?loader|-C|--conditions|--env-file(-if-exists)?|--watch-path|--title|-P|--project)$/;

/** Flags, each with its value; the first word that is none, and the words after it. `withValue` are flags with a value. */
export function splitFlags(words: string[], withValue = NODE_FLAGS) {
  const flags: string[][] = [];
  let at = 0;
  for (; words[at]?.startsWith('-'); at += flags.at(-1)?.length ?? 1) {
    flags.push(words.slice(at, withValue.test(words[at] ?? '') ? at + 2 : at + 1));
  }
  return { flags, file: words[at], args: words.slice(at + 1) };
}
