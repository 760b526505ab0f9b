import { posix } from 'node:path';
import { ignorePatterns } from './dockerignore.ts';

/** Paths of the build context: what the build reads, other apps of a workspace, what the build makes, files with tokens. */
type Paths = Record<'needed' | 'others' | 'outputs', string[]> & { secrets?: string[] };

/** The text of a .dockerignore: like that of the chapters, which is `template`, or `existing` with what it lacks at its end. */
export function mergeIgnoreFile(existing: string | null, template: string, paths: Paths): string {
  const needed = toPatterns(paths.needed);
  const own = fillTemplate(template, paths, needed);
  const text = existing?.trim() ? existing : own;
  const lines = own.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const missing = findMissingLines(text, lines, needed);
  if (missing.length === 0) return text;
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  const title = '# Added by dockerize: what the build reads, and what it does not';
  return text + (text.endsWith('\n') ? '' : lineEnd) + ['', title, ...missing, ''].join(lineEnd);
}

/** The template without what only the chapters need and without what is needed here, and with the project's own lines. */
function fillTemplate(template: string, { others, outputs, secrets = [] }: Paths, needed: string[]): string {
  // What is made among source code cannot be left out by its directory.
  const made = toPatterns(outputs).filter((output) => !needed.some((one) => `${one}/`.startsWith(`${output}/`)));
  const own = made.filter((output) => !/(^|\/)dist(\/|$)/.test(output));
  const more: Record<string, string[]> = {
    mistakes: [],
    '**/dist': own.length > 0 && own.length === made.length ? own : ['**/dist', ...own],
    '*.tsbuildinfo': ['*.tsbuildinfo', '', '# Other apps of the workspace', ...toPatterns(others)],
    '.npmrc': [...new Set(['.npmrc', ...toPatterns(secrets)])],
  };
  const common = template.replace(/\n#[^\n]*Delete the line in yours[\s\S]*?(\n\n|$)/, '').split('\n');
  const lines = common.flatMap((line) => more[line] ?? [line]);
  const rest = lines.filter((line) => line === '' || !needed.some((one) => toPath(one) === toPath(line)));
  // A comment goes with the last of its lines.
  const text = rest.join('\n').trim();
  return `${text.replace(/\n\n#[^\n]*(?=\n\n|$)/g, '')}\n`;
}

/**
 * Adds to a .dockerignore what it lacks: `lines` that leave something out, exceptions for what is `needed`, and secrets
 * last, so that no exception lets them in. What the file lets in already stays in, but for secrets.
 *
 * @param needed patterns of paths of the build context.
 * @returns the lines to add; empty when nothing is missing.
 */
function findMissingLines(text: string, lines: string[], needed: string[]): string[] {
  const kept = [...needed, ...findExceptions(text)];
  const packages = needed.filter((path) => path.endsWith('/package.json')).map(posix.dirname);
  const added: string[] = [];
  const add = (wanted: string[], directories: string[]) => {
    const before = [text, ...added].join('\n');
    const isMissing = findMissing(before, directories);
    // After `*` and `!*/**` a directory's name alone changes nothing.
    const isEffective = (line: string) => leavesOut(`${before}\n${line}`)(line);
    added.push(...wanted.filter(isMissing).map((line) => (isEffective(line) ? line : `${line}/**`)));
    added.push(...findNeededExceptions([text, ...added].join('\n'), kept));
  };
  const isPlain = (line: string) => !isSecret(line);
  add(lines.filter(isPlain), packages);
  add(lines.filter(isSecret), [...packages, ...findExceptions([text, ...added].join('\n')).filter(isDirectory)]);
  return added.filter((line, at) => !added.includes(line, at + 1));
}

/** Exceptions for the patterns that a text leaves out, but for what is in a directory that has one. */
function findNeededExceptions(text: string, kept: string[]): string[] {
  const { skips } = ignorePatterns(text);
  const paths = new Map(kept.filter(leavesOut(text)).map((pattern) => [toPath(pattern), pattern]));
  const isBelow = (path: string) =>
    path.split('/').some((_, at, parts) => at > 0 && paths.has(parts.slice(0, at).join('/')));
  // `public/*` leaves out what is in a directory, but not the directory.
  return [...paths].flatMap(([path, one]) => (isBelow(path) ? [] : `!${one}${skips(path, false) ? '' : '/**'}`));
}

/** Patterns for paths, each once and in order: a directory comes before what is in it. */
const toPatterns = (paths: string[]) =>
  [...new Set(paths.map((path) => posix.join('/', path).replace(/^\/|\/$/g, '')))]
    .filter((path) => path !== '' && !/[\r\n]/.test(path))
    .sort()
    .map((path) => path.replace(/[\\*?[\]]|^[!#]/g, '\\$&'));

/** Whether a text lets through what a line is for: at the root, or in some directories if it is for all of them. */
function findMissing(text: string, directories: string[]): (line: string) => boolean {
  const isLeftOut = leavesOut(text);
  return (line) =>
    ['', ...(line.startsWith('**/') ? directories : [])].some((one) => !isLeftOut(`${toPath(one)}/${toPath(line)}`));
}

/** The exceptions that have an effect, but for secrets: those are let in only if needed. */
function findExceptions(text: string): string[] {
  const isLeftOut = leavesOut(text);
  const patterns = [...text.matchAll(/^[ \t]*!(.*)$/gm)].map(([, pattern = '']) => pattern.trim());
  const isAllowed = (path: string) => !/^$|(^|\/)(\.env|\.npmrc|\.yarnrc\.yml|x\.(pem|key))$/.test(path);
  return patterns.filter((one) => isAllowed(toPath(one)) && !isLeftOut(one));
}

/** Whether an ignore file leaves out what a pattern matches. `!src/**` lets the files of an ignored `src` through. */
function leavesOut(text: string): (pattern: string) => boolean {
  const { skips } = ignorePatterns(text);
  return (pattern) => skips(isDirectory(pattern) ? `${toPath(pattern)}/any` : toPath(pattern), false);
}

const isSecret = (line: string) => /\.(env|npmrc|yarnrc|pem|key)\b/.test(line);
/** Whether a name looks like a directory's: `src` and `.git`, not `package.json`, `.npmrc` or `LICENSE`. */
const isDirectory = (pattern: string) =>
  /^(?!\.env|\..*(rc|ignore)$)\.?[^.A-Z][^.]*$/.test(posix.basename(toPath(pattern)));
/** A path that a pattern matches. */
const toPath = (pattern: string) =>
  `/${pattern}`
    .replace(/\*\*\/|\/\*\*?\/?$/g, '')
    .replace(/^[/.]*\/|\/$/g, '')
    .replace(/\\(.)|[*?]/g, (_, escaped) => escaped ?? 'x');
