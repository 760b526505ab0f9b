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
const WRAPPERS = /^(cross-env(-shell)?|env|exec|npx|pnpx|tini|dumb-init|time|dotenvx?|env-cmd|doppler|infisical|nps)$/;
const ENV_FILE_OPTIONS = new Set(['-e', '-f', '--file', '-c']);

/** The commands of a script of package.json, with those of the scripts that it calls in their place. */
export const readScript = (project: Project, name: string): ScriptCommand[] =>
  followScript(project, name, '', { left: COMMANDS_LIMIT });

/** The commands of a line for a shell: what is after `|` or `||` is left out. */
export const readLine = (project: Project, line: string): ScriptCommand[] =>
  followLine(project, line, '', { left: COMMANDS_LIMIT });

function followScript(project: Project, name: string, directory: string, budget: { left: number }): ScriptCommand[] {
  const scripts = scriptsIn(project, directory);
  const lines = [`pre${name}`, name, `post${name}`].map((each) => scripts[each]);
  return lines.flatMap((line) => (line === undefined ? [] : followLine(project, line, directory, budget)));
}

function followLine(project: Project, line: string, start: string, budget: { left: number }): ScriptCommand[] {
  let directory = start;
  return splitLine(line).flatMap((words): ScriptCommand[] => {
    budget.left -= 1;
    const { argv, env } = unwrap(words);
    const [program, ...args] = argv;
    if (program === undefined || budget.left < 0) return [];
    if (program === 'cd') {
      directory = posix.join(directory, args[0] ?? '').replace(/^\.?\/*$|\/+$/g, '');
      return [];
    }
    const called = readCall(program, args, directory, scriptsIn(project, directory));
    if (called === null) return [{ argv, env, directory }];
    const commands = [
      ...called.names.flatMap((name) => followScript(project, name, called.directory, budget)),
      ...called.lines.flatMap((each) => followLine(project, each, called.directory, budget)),
    ];
    const last = commands.length - 1;
    return commands.map((command, index) => ({
      ...command,
      argv: index === last ? [...command.argv, ...called.args] : command.argv,
      env: { ...env, ...command.env },
    }));
  });
}

function splitLine(line: string): string[][] {
  const commands: string[][] = [[]];
  let isLeftOut = false;
  let isTarget = false;
  for (const token of parseLine(line)) {
    const words = commands.at(-1) ?? [];
    if (typeof token === 'string' || 'pattern' in token) {
      if (!isTarget && !isLeftOut) words.push(typeof token === 'string' ? token : token.pattern);
      isTarget = false;
    } else if ('op' in token) {
      isTarget = /[<>]/.test(token.op);
      if (isTarget && /^\d$/.test(words.at(-1) ?? '')) words.pop();
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
  let rest = words;
  for (;;) {
    const [first = '', second = ''] = rest;
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(first) ?? [];
    if (name !== undefined) env[name] = value;
    else if (/^(npm|pnpm|yarn)$/.test(first) && /^(exec|dlx|x)$/.test(second)) rest = rest.slice(1);
    else if (!WRAPPERS.test(posix.basename(first))) return { argv: rest, env };
    else if (rest.includes('--')) rest = rest.slice(rest.indexOf('--'));
    else while (rest[1]?.startsWith('-')) rest = rest.slice(ENV_FILE_OPTIONS.has(rest[1]) ? 2 : 1);
    rest = rest.slice(1);
  }
}

interface Call {
  names: string[];
  lines: string[];
  args: string[];
  directory: string;
}

/** Which scripts a command calls: `npm run build`, `yarn build`, `run-s build:*`, `concurrently "npm:api"`. */
function readCall(program: string, args: string[], start: string, known: Record<string, string>): Call | null {
  const called = (names: string[], lines: string[], rest: string[] = [], directory = start) => ({
    names,
    lines,
    args: rest,
    directory,
  });
  const words = args.filter((word) => !word.startsWith('-'));
  if (/^(npm-run-all|run-[sp])$/.test(program))
    return called(
      words.flatMap((word) => matchNames(known, word)),
      [],
    );
  if (program === 'concurrently') {
    return called(
      [],
      words.map((word) => word.replace(/^(npm|yarn|pnpm):/, '$1 run ')),
    );
  }
  if (program === 'node' && args[0] === '--run')
    return called([args[1] ?? ''], [], args.slice(args[2] === '--' ? 3 : 2));
  if (!/^(npm|pnpm|yarn|bun)$/.test(program)) return null;
  // Scripts of other members of the workspace belong to them.
  if (args.some((word) => /^(-w|-r|-F|--filter|--workspaces?|--recursive|workspaces?)(=|$)/.test(word))) return null;
  const at = args.findIndex((word) => /^(--prefix|-C|--cwd|--dir)$/.test(word));
  const directory = at < 0 ? start : posix.join(start, args[at + 1] ?? '');
  const rest = at < 0 ? [...args] : args.toSpliced(at, 2);
  while (rest[0]?.startsWith('-') || /^run(-script)?$/.test(rest[0] ?? '')) rest.shift();
  const [name = '', ...more] = rest;
  if (program !== 'yarn' && program !== 'pnpm' && !args.includes('run') && !/^(start|test)$/.test(name)) return null;
  if (at < 0 && known[name] === undefined) return null;
  return called(
    [name],
    [],
    more.filter((word) => word !== '--'),
    directory,
  );
}

/** `build:*` are all scripts with that start. */
function matchNames(known: Record<string, string>, name: string): string[] {
  if (!name.includes('*')) return [name];
  const start = name.slice(0, name.indexOf('*'));
  return Object.keys(known).filter((each) => each.startsWith(start));
}

function scriptsIn(project: Project, directory: string): Record<string, string> {
  if (directory === '') return project.manifest.scripts;
  try {
    return readManifest(project, posix.join(project.app, directory))?.scripts ?? {};
  } catch {
    return {};
  }
}
