import { posix } from 'node:path';
import { ignorePatterns } from './dockerignore.ts';

/**
 * The text of a .dockerignore with what it lacks at its end, below `title`: the lines of `template` that leave something out,
 * and exceptions for what is `needed`. The template itself where there is no text.
 *
 * @param needed patterns of paths of the build context.
 */
export function mergeIgnoreFile(existing: string | null, template: string, needed: string[], title: string): string {
  const text = existing?.trim() ? existing : template;
  const lines = template.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const missing = findMissingLines(text, lines, needed);
  if (missing.length === 0) return text;
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  return text + (text.endsWith('\n') ? '' : lineEnd) + ['', title, ...missing, ''].join(lineEnd);
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
export const toPatterns = (paths: string[]) =>
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
export const toPath = (pattern: string) =>
  `/${pattern}`
    .replace(/\*\*\/|\/\*\*?\/?$/g, '')
    .replace(/^[/.]*\/|\/$/g, '')
    .replace(/\\(.)|[*?]/g, (_, escaped) => escaped ?? 'x');
