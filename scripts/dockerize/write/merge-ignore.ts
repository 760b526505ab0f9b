import { posix } from 'node:path';
import { ignorePatterns } from '../../lib/dockerignore.ts';

/**
 * The text of a project's .dockerignore: a new one like that of the chapters, whose text is `template`, or the existing one
 * with what it lacks at its end. All paths are relative to the build context.
 *
 * @param request `needed`: files and directories that the build reads. `others`: directories to leave out, the other apps
 *   of a workspace. `outputs`: directories that the build makes. `secrets`: files that may hold a token.
 */
export function mergeIgnoreFile(
  existing: string | null,
  template: string,
  request: { needed: string[]; others: string[]; outputs: string[]; secrets?: string[] },
): string {
  const needed = toPatterns(request.needed);
  const secrets = ['.npmrc', ...toPatterns(request.secrets ?? []).filter((path) => path !== '.npmrc')].join('\n');
  const ours = adaptTemplate(
    template.replace(/^\.npmrc$/m, () => secrets),
    needed,
    toPatterns(request.others),
    toPatterns(request.outputs),
  );
  if (!existing?.trim()) {
    // A comment goes with the last of its lines.
    const text = addExceptions(ours, needed).join('\n').trim();
    return `${text.replace(/\n\n#[^\n]*(?=\n\n|$)/g, '')}\n`;
  }
  let text = existing;
  for (const pattern of needed) {
    // `public/*` leaves out what is in a directory, but not the directory.
    const isWhole = patternsOf(text).skips(toPath(pattern), false);
    if (leavesOut(text, pattern)) text += `\n!${pattern}${isWhole ? '' : '/**'}`;
  }
  const kept = [...needed, ...findExceptions(existing)];
  const packages = needed.filter((path) => path.endsWith('/package.json')).map(posix.dirname);
  const addMissing = (lines: string[], start: string, directories: string[]) => {
    const missing = lines.filter((line) => isPattern(line) && !isCovered(line, start, directories));
    // After `*` and `!*/**` a directory's name alone changes nothing.
    const effective = missing.map((line) => (leavesOut(`${start}\n${line}`, line) ? line : `${line}/**`));
    return addExceptions(effective, kept);
  };
  const plain = ours.filter((line) => !isSecret(line));
  const others = addMissing(plain, text, packages);
  // Secrets last, so that no exception lets them in.
  const before = [text, ...others].join('\n');
  const open = [...packages, ...findExceptions(before).filter(isDirectory)];
  const added = [...others, ...addMissing(ours.filter(isSecret), before, open)];
  const exceptions = text.slice(existing.length).split('\n').slice(1);
  const lines = [...exceptions.filter((line) => !added.includes(line)), ...added];
  if (lines.length === 0) return existing;
  const lineEnd = existing.includes('\r\n') ? '\r\n' : '\n';
  const comment = '# Added by dockerize: what the build reads, and what it does not';
  return existing + (existing.endsWith('\n') ? '' : lineEnd) + ['', comment, ...lines, ''].join(lineEnd);
}

/** The lines of the template without those that only the chapters need, and with the project's own. */
function adaptTemplate(template: string, needed: string[], others: string[], outputs: string[]): string[] {
  const common = template.replace(/\n#[^\n]*Delete the line in yours[\s\S]*?(\n\n|$)/, '').replace(/^mistakes\n/m, '');
  const apps = others.length > 0 ? ['', '# Other apps of the workspace', ...others] : [];
  // What is made among source code cannot be left out by its directory.
  const own = outputs.filter((output) => !needed.some((one) => `${one}/`.startsWith(`${output}/`)));
  const dist = own.length === 0 || own.some((output) => leavesOut('**/dist', output)) ? ['**/dist'] : [];
  const rest = [...dist, ...own.filter((output) => !leavesOut(common, output))].join('\n');
  const lines = common.replace('**/dist', () => rest).split('\n');
  // Secrets stay below, so that no exception lets them in.
  return lines.toSpliced(lines.indexOf('', lines.indexOf('**/node_modules')), 0, ...apps);
}

/** Drops the lines that name something to keep. A line that matches more than that is followed by an exception. */
function addExceptions(lines: string[], kept: string[]): string[] {
  const isName = (line: string) => !/^\*\*\/|[*?[\\/]/.test(line);
  const names = (line: string, one: string) => toPath(line) === toPath(one) || (isName(line) && leavesOut(line, one));
  const rest = lines.filter((line) => !isPattern(line) || !kept.some((one) => names(line, one)));
  const lastLines = new Map(kept.map((one) => [one, rest.findLastIndex((line) => leavesOut(line, one))]));
  return rest.flatMap((line, at) => [line, ...[...lastLines].flatMap(([one, last]) => (last === at ? `!${one}` : []))]);
}

/** Whether a text leaves out what a line is for: at the root, and in some directories if it is for all of them. */
function isCovered(line: string, text: string, directories: string[]): boolean {
  const all = ['', ...(line.startsWith('**/') ? directories : [])];
  return all.every((directory) => leavesOut(text, `${directory}/${toPath(line)}`));
}

/** The exceptions of an ignore file, but for `.env`, `.npmrc`, `*.pem` and `*.key`: those are let in only if needed. */
function findExceptions(text: string): string[] {
  const patterns = [...text.matchAll(/^[ \t]*!(.*)$/gm)].map(([, pattern = '']) => pattern.trim());
  return patterns.filter(
    (one) => !/^$|(^|\/)(\.env|\.npmrc|\.yarnrc\.yml|x\.(pem|key))$/.test(toPath(one)) && !leavesOut(text, one),
  );
}

/** The patterns of the texts that are asked about: each is asked about many paths. */
const known = new Map<string, ReturnType<typeof ignorePatterns>>();
function patternsOf(text: string) {
  const patterns = known.get(text) ?? ignorePatterns(text);
  known.set(text, patterns);
  return patterns;
}

/** Whether an ignore file leaves out what a pattern matches. `!src/**` lets the files of an ignored `src` through. */
function leavesOut(text: string, pattern: string): boolean {
  return patternsOf(text).skips(isDirectory(pattern) ? `${toPath(pattern)}/any` : toPath(pattern), false);
}

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
