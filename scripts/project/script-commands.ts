import { posix } from 'node:path';
import { parse } from 'shell-quote';
import { type Project, readManifest } from './read-project.ts';

/** One command of a script, without the programs that only set its variables. */
export interface ScriptCommand {
  argv: string[];
  env: Record<string, string>;
  /** The directory that it runs in, relative to the app. */
  directory: string;
}

const LINE_LIMIT = 4096;
/** How many commands are followed at most, because scripts can call each other in a circle; and names in one command. */
const [COMMANDS_LIMIT, NAMES_LIMIT] = [100, 50];
const WRAPPERS = /^(cross-env(-shell)?|env|exec|npx|tini|dumb-init|dotenv|env-cmd)$/;
const CALLERS = /^(npm|pnpm|yarn|node --run|npm-run-all|run-[sp]|concurrently)$/;
/** Options that name other members of the workspace: their scripts are not followed. */
const MEMBER_OPTIONS = /^(-w|-r|-F|--filter|--workspaces?|--recursive|workspaces?)(=|$)/;
const STARTS = /^(start|serve|server|prod|production)(:prod(uction)?)?$/;
const WITH_VALUE =
  /^(-r|--require|--import|--(experimental-)?loader|-C|--conditions|--env-file(-if-exists)?|--watch-path|--title)$/;

/** A path without `./` and without a slash at the end; empty for the directory itself. */
export const tidy = (...parts: string[]) => posix.join(...parts, '.').replace(/^\.$|\/$/, '');

/** The commands of a script of package.json, with those of the scripts that it calls in their place. */
const readScript = (project: Project, name: string): ScriptCommand[] => readLine(project, `npm run ${name}`);

/** The commands of a line for a shell, scripts followed. What is after `|` or `||` is left out. */
export function readLine(project: Project, line: string): ScriptCommand[] {
  let left = COMMANDS_LIMIT;
  const follow = (text: string, start: string): ScriptCommand[] => {
    let directory = start;
    return (left < 0 ? [] : splitLine(text)).flatMap((words): ScriptCommand[] => {
      const { argv, env } = unwrap(words);
      left -= 1;
      if (argv.length === 0 || left < 0) return [];
      if (argv[0] === 'cd') directory = tidy(directory, argv[1] ?? '');
      const call = argv[0] === 'cd' ? { lines: [], args: [], directory } : readCall(project, argv, directory);
      if (call === null) return [{ argv, env, directory }];
      const commands = call.lines.flatMap((each) => follow(each, call.directory));
      commands.at(-1)?.argv.push(...call.args);
      return commands.map((command) => ({ ...command, env: { ...env, ...command.env } }));
    });
  };
  return follow(line, '');
}

/** The words of each command; none if no shell understands the line. Of variables, only default values are known. */
function splitLine(line: string): string[][] {
  const commands: string[][] = [[]];
  let isLeftOut = false;
  try {
    const expand = (name: string) => /^\w+:?[-=](.*)/.exec(name)?.[1] ?? `\${${name}}`;
    for (const token of parse(line.slice(0, LINE_LIMIT), expand)) {
      const word = typeof token === 'object' && 'pattern' in token ? token.pattern : token;
      if (typeof word === 'string' && !isLeftOut) commands.at(-1)?.push(word);
      if (typeof word !== 'object' || !('op' in word)) continue;
      isLeftOut = word.op.startsWith('|');
      commands.push([]);
    }
    return commands;
  } catch {
    return [];
  }
}

function unwrap(words: string[]): Pick<ScriptCommand, 'argv' | 'env'> {
  const env: Record<string, string> = {};
  for (let argv = words; ; argv = argv.slice(1)) {
    const [first = '', second = ''] = argv;
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(first) ?? [];
    if (name !== undefined) env[name] = value;
    else if (/^(npm|pnpm|yarn) (exec|dlx)$/.test(`${first} ${second}`)) argv = argv.slice(1);
    else if (!WRAPPERS.test(posix.basename(first))) return { argv, env };
    else if (argv.includes('--')) argv = argv.slice(argv.indexOf('--'));
    else while (argv[1]?.startsWith('-')) argv = argv.slice(/^-[ef]$/.test(argv[1]) ? 2 : 1);
  }
}

/** The lines that a command calls: `npm run build`, `yarn build`, `node --run build`, `run-s build:*`. */
function readCall(project: Project, argv: string[], start: string) {
  const program = argv[0] === 'node' ? argv.slice(0, 2).join(' ') : (argv[0] ?? '');
  if (!CALLERS.test(program) || argv.some((word) => MEMBER_OPTIONS.test(word))) return null;
  const at = argv.findIndex((word) => /^(--prefix|-C|--cwd)$/.test(word));
  const directory = at < 0 ? start : tidy(start, argv[at + 1] ?? '');
  const words = (at < 0 ? argv : argv.toSpliced(at, 2)).slice(1, NAMES_LIMIT);
  const manifest = directory === '' ? project.manifest : readManifest(project, posix.join(project.app, directory));
  const scripts = manifest?.scripts ?? {};
  const known = Object.keys(scripts).slice(0, 500);
  const namesOf = (word: string) => {
    const [begin = '', ...more] = word.replace(/^(npm|yarn|pnpm)(:| run )/, '').split('*');
    return known.filter((name) => (more.length > 0 ? name.startsWith(begin) : name === begin));
  };
  const names = words.flatMap(namesOf).slice(0, NAMES_LIMIT);
  const linesOf = (name: string) => [`pre${name}`, name, `post${name}`].flatMap((each) => scripts[each] ?? []);
  if (/^(npm-|run|conc)/.test(program)) return { lines: names.flatMap(linesOf), args: [], directory };
  const [name] = names;
  const isRun = words.some((word) => /^(--)?run(-script)?$/.test(word));
  if (!isRun && (name === undefined || /^(ci|install)$/.test(words[0] ?? ''))) return null;
  const args = name === undefined ? [] : words.slice(words.indexOf(name) + 1).filter((word) => word !== '--');
  return { lines: name === undefined ? [] : linesOf(name), args, directory };
}

/** A call of Node: its flags, each with its value, the file, and the arguments. */
export function splitNode([, ...words]: string[]) {
  const flags: string[][] = [];
  while (words[0]?.startsWith('-')) flags.push(words.splice(0, WITH_VALUE.test(words[0]) ? 2 : 1));
  return { flags, file: words[0], args: words.slice(1) };
}

/** The files that Node runs in the scripts that start, as they are written, relative to the app. */
export function findStartedFiles(project: Project): string[] {
  const names = Object.keys(project.manifest.scripts).filter((name) => STARTS.test(name));
  const commands = names.flatMap((name) => readScript(project, name)).filter(({ argv }) => argv[0] === 'node');
  return commands.flatMap(({ argv, directory }) => {
    const { file } = splitNode(argv);
    return file ? [posix.join(directory, file)] : [];
  });
}
