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

/** A path without `./` and without a slash at the end; empty for the directory itself. */
export const tidy = (...parts: string[]) => posix.join(...parts, '.').replace(/^\.$|\/$/, '');

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
        directory = tidy(directory, argv[1] ?? '');
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
  let [isLeftOut, isTarget] = [false, false];
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

/** The lines that a command calls: `npm run build`, `yarn build`, `node --run build`, `run-s build:*`, `./start.sh`. */
function readCall(project: Project, [program = '', ...words]: string[], start: string) {
  const shell = /^(ba|a)?sh$/.test(program) ? (words[0] ?? '') : program;
  if (shell.endsWith('.sh')) {
    const text = project.read(posix.join(project.app, start, shell)) ?? '';
    return { lines: text.slice(0, LINE_LIMIT).split('\n'), args: [], directory: start };
  }
  const at = words.findIndex((word) => /^(--prefix|-C|--cwd|--dir)$/.test(word));
  const directory = at < 0 ? start : tidy(start, words[at + 1] ?? '');
  const own = at < 0 ? words : words.toSpliced(at, 2);
  const names = own.filter((word) => !/^(-.*|run|run-script)$/.test(word));
  const scripts = readScripts(project, directory);
  const linesOf = (called: string[]) =>
    called.flatMap((each) => [`pre${each}`, each, `post${each}`].flatMap((one) => scripts[one] ?? []));
  if (/^(npm-run-all|run-[sp]|concurrently)$/.test(program)) {
    const called = names.flatMap((word) => {
      const [begin = '', ...more] = word.replace(/^(npm|yarn|pnpm)(:| run )/, '').split('*');
      return more.length > 0 ? Object.keys(scripts).filter((each) => each.startsWith(begin)) : begin;
    });
    return { lines: linesOf(called), args: [], directory };
  }
  const [name = ''] = names;
  const isManager = PACKAGE_MANAGERS.test(program) && !own.some((word) => MEMBER_OPTIONS.test(word));
  const isRun = own.some((word) => /^(--)?run(-script)?$/.test(word));
  const isCall = isRun || (name in scripts && !/^(ci|install)$/.test(name));
  if (!isCall || !(isManager || (program === 'node' && own[0] === '--run'))) return null;
  const args = own.slice(own.indexOf(name) + 1).filter((word) => word !== '--');
  return { lines: linesOf([name]), args, directory };
}

function readScripts(project: Project, directory: string): Record<string, string> {
  if (directory === '') return project.manifest.scripts;
  try {
    return readManifest(project, posix.join(project.app, directory))?.scripts ?? {};
  } catch {
    return {};
  }
}
