import { posix } from 'node:path';
import { ignorePatterns } from './dockerignore.ts';

/**
 * Adds to a .dockerignore what it lacks: `lines` that leave something out, exceptions for what is `needed`, and secrets
 * last, so that no exception lets them in. What the file lets in already stays in, but for secrets.
 *
 * @param needed patterns of paths of the build context.
 * @returns the lines to add; empty when nothing is missing.
 */
export function findMissingLines(text: string, lines: string[], needed: string[]): string[] {
  const kept = [...needed, ...findExceptions(text)];
  const packages = needed.filter((path) => path.endsWith('/package.json')).map(posix.dirname);
  const added: string[] = [];
  const all = () => [text, ...added].join('\n');
  const add = (wanted: string[], directories: string[]) => {
    const before = all();
    const missing = wanted.filter((line) => !isCovered(line, before, directories));
    // After `*` and `!*/**` a directory's name alone changes nothing.
    added.push(...missing.map((line) => (leavesOut(`${before}\n${line}`, line) ? line : `${line}/**`)));
    for (const one of kept) {
      // `public/*` leaves out what is in a directory, but not the directory.
      const isWhole = ignorePatterns(all()).skips(toPath(one), false);
      if (leavesOut(all(), one)) added.push(`!${one}${isWhole ? '' : '/**'}`);
    }
  };
  const isPlain = (line: string) => !isSecret(line);
  add(lines.filter(isPlain), packages);
  add(lines.filter(isSecret), [...packages, ...findExceptions(all()).filter(isDirectory)]);
  return added.filter((line, at) => !added.includes(line, at + 1));
}

/** Patterns for paths, each once and in order: a directory comes before what is in it. */
export const toPatterns = (paths: string[]) =>
  [...new Set(paths.map((path) => posix.join('/', path).replace(/^\/|\/$/g, '')))]
    .filter((path) => path !== '' && !/[\r\n]/.test(path))
    .sort()
    .map((path) => path.replace(/[\\*?[\]]|^[!#]/g, '\\$&'));

/** Whether a text leaves out what a line is for: at the root, and in some directories if it is for all of them. */
const isCovered = (line: string, text: string, directories: string[]) =>
  ['', ...(line.startsWith('**/') ? directories : [])].every((one) =>
    leavesOut(text, `${toPath(one)}/${toPath(line)}`),
  );

/** The exceptions that have an effect, but for secrets: those are let in only if needed. */
function findExceptions(text: string): string[] {
  const patterns = [...text.matchAll(/^[ \t]*!(.*)$/gm)].map(([, pattern = '']) => pattern.trim());
  const isAllowed = (path: string) => !/^$|(^|\/)(\.env|\.npmrc|\.yarnrc\.yml|x\.(pem|key))$/.test(path);
  return patterns.filter((one) => isAllowed(toPath(one)) && !leavesOut(text, one));
}

/** Whether an ignore file leaves out what a pattern matches. `!src/**` lets the files of an ignored `src` through. */
const leavesOut = (text: string, pattern: string) =>
  ignorePatterns(text).skips(isDirectory(pattern) ? `${toPath(pattern)}/any` : toPath(pattern), false);

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
