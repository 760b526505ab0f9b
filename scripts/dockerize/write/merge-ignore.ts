import { posix } from 'node:path';
import { ignorePatterns } from '../../lib/dockerignore.ts';

/** What a .dockerignore is about. All paths are relative to the build context. */
interface Request {
  /** Files and directories that the build reads. */
  needed: string[];
  /** Directories to leave out: the other apps of a workspace. */
  others: string[];
  /** Directories that the build makes. */
  outputs: string[];
  /** Files that may hold a token. */
  secrets?: string[];
}

/**
 * The text of a project's .dockerignore: a new one like that of the chapters, whose text is `template`, or the existing one
 * with what it lacks at its end: exceptions for what the build reads, lines of the template, and secrets last, so that no
 * exception lets them in.
 */
export function mergeIgnoreFile(existing: string | null, template: string, request: Request): string {
  const needed = toPatterns(request.needed);
  const ours = adaptTemplate(template, request, needed);
  // A comment goes with the last of its lines.
  if (!existing?.trim()) {
    return `${addExceptions(ours, needed)
      .join('\n')
      .trim()
      .replace(/\n\n#[^\n]*(?=\n\n|$)/g, '')}\n`;
  }
  const added: string[] = [];
  const text = () => [existing, ...added].join('\n');
  for (const pattern of needed.filter((one) => leavesOut(existing, one))) {
    // `public/*` leaves out what is in a directory, but not the directory.
    const isWhole = ignorePatterns(text()).skips(toPath(pattern), false);
    if (leavesOut(text(), pattern)) added.push(`!${pattern}${isWhole ? '' : '/**'}`);
  }
  const kept = [...needed, ...findExceptions(existing)];
  const packages = needed.filter((path) => path.endsWith('/package.json')).map(posix.dirname);
  for (const isLast of [false, true]) {
    const before = text();
    const open = isLast ? findExceptions(before).filter(isDirectory) : [];
    const missing = ours.filter((line) => isPattern(line) && isSecret(line) === isLast);
    added.push(
      ...addExceptions(
        missing.filter((line) => !isCovered(line, before, [...packages, ...open])),
        kept,
      ),
    );
  }
  if (added.length === 0) return existing;
  const lineEnd = existing.includes('\r\n') ? '\r\n' : '\n';
  const lines = added.filter((line, at) => !added.includes(line, at + 1));
  const comment = '# Added by dockerize: what the build reads, and what it does not';
  return existing + (existing.endsWith('\n') ? '' : lineEnd) + ['', comment, ...lines, ''].join(lineEnd);
}

/** The lines of the template without those that only the chapters need, and with the project's own. */
function adaptTemplate(template: string, { others, outputs, secrets = [] }: Request, needed: string[]): string[] {
  const common = template.replace(/\n#[^\n]*Delete the line in yours[\s\S]*?(\n\n|$)/, '').replace(/^mistakes\n/m, '');
  // What is made among source code cannot be left out by its directory.
  const made = toPatterns(outputs).filter((output) => !needed.some((one) => `${one}/`.startsWith(`${output}/`)));
  const own = made.filter((output) => !leavesOut(common, output));
  const apps = others.length > 0 ? ['', '# Other apps of the workspace', ...toPatterns(others)] : [];
  const more: Record<string, string[]> = {
    '**/dist': own.length > 0 && own.length === made.length ? own : ['**/dist', ...own],
    '*.tsbuildinfo': ['*.tsbuildinfo', ...apps],
    '.npmrc': ['.npmrc', ...toPatterns(secrets).filter((path) => path !== '.npmrc')],
  };
  return common.split('\n').flatMap((line) => more[line] ?? [line]);
}

/** Drops the lines that name something to keep. After a line that matches more than that comes an exception. */
function addExceptions(lines: string[], kept: string[]): string[] {
  const rest = lines.filter((line) => !isPattern(line) || !kept.some((one) => toPath(one) === toPath(line)));
  const last = (one: string) => rest.findLastIndex((line) => isPattern(line) && leavesOut(line, one));
  return rest.flatMap((line, at) => [line, ...new Set(kept.filter((one) => last(one) === at).map((one) => `!${one}`))]);
}

/** Whether a text leaves out what a line is for: at the root, and in some directories if it is for all of them. */
const isCovered = (line: string, text: string, directories: string[]) =>
  ['', ...(line.startsWith('**/') ? directories : [])].every((one) =>
    leavesOut(text, `${toPath(one)}/${toPath(line)}`),
  );

/** The exceptions of an ignore file, but for `.env`, `.npmrc`, `*.pem` and `*.key`: those are let in only if needed. */
function findExceptions(text: string): string[] {
  const patterns = [...text.matchAll(/^[ \t]*!(.*)$/gm)].map(([, pattern = '']) => pattern.trim());
  const isAllowed = (path: string) => !/^$|(^|\/)(\.env|\.npmrc|\.yarnrc\.yml|x\.(pem|key))$/.test(path);
  return patterns.filter((one) => isAllowed(toPath(one)) && !leavesOut(text, one));
}

/** Whether an ignore file leaves out what a pattern matches. `!src/**` lets the files of an ignored `src` through. */
const leavesOut = (text: string, pattern: string) =>
  ignorePatterns(text).skips(isDirectory(pattern) ? `${toPath(pattern)}/any` : toPath(pattern), false);

const isSecret = (line: string) => /\.(env|npmrc|yarnrc|pem|key)\b/.test(line);
const isPattern = (line: string) => line !== '' && !line.startsWith('#');
/** Whether a name looks like a directory's: `src` and `.git`, not `package.json`, `.npmrc` or `LICENSE`. */
const isDirectory = (pattern: string) =>
  /^(?!\.env|\..*(rc|ignore)$)\.?[^.A-Z][^.]*$/.test(posix.basename(toPath(pattern)));
/** A path that a pattern matches. */
const toPath = (pattern: string) =>
  `/${pattern}`
    .replace(/\*\*\/|\/\*\*?\/?$/g, '')
    .replace(/^[/.]*\/|\/$/g, '')
    .replace(/\\(.)|[*?]/g, (_, escaped) => escaped ?? 'x');

/** Patterns for paths, each once and in order: a directory comes before what is in it. */
const toPatterns = (paths: string[]) =>
  [...new Set(paths.map((path) => posix.join('/', path).replace(/^\/|\/$/g, '')))]
    .filter((path) => path !== '' && !/[\r\n]/.test(path))
    .sort()
    .map((path) => path.replace(/[\\*?[\]]|^[!#]/g, '\\$&'));
