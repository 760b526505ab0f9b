import { mergeIgnoreFile, toPath, toPatterns } from '../../lib/merge-dockerignore.ts';

/** Paths of the build context: what the build reads, other apps of a workspace, what the build makes, files with tokens. */
type Paths = Record<'needed' | 'others' | 'outputs', string[]> & { secrets?: string[] };

/** The text of a .dockerignore: like that of the chapters, which is `template`, or `existing` with what it lacks at its end. */
export function writeIgnoreFile(existing: string | null, template: string, paths: Paths): string {
  const needed = toPatterns(paths.needed);
  const title = '# Added by dockerize';
  return mergeIgnoreFile(existing, fillTemplate(template, paths, needed), needed, title);
}

/** The template without what only the chapters need and without what is needed here, and with the project's own lines. */
function fillTemplate(template: string, { others, outputs, secrets = [] }: Paths, needed: string[]): string {
  // What is made among source code cannot be left out by its directory.
  const made = toPatterns(outputs).filter((output) => !needed.some((one) => `${one}/`.startsWith(`${output}/`)));
  const own = made.filter((output) => !/(^|\/)dist(\/|$)/.test(output));
  const more: Record<string, string[]> = {
    '**/dist': own.length > 0 && own.length === made.length ? own : ['**/dist', ...own],
    '*.tsbuildinfo': ['*.tsbuildinfo', '', '# Other apps of the workspace', ...toPatterns(others)],
    '.npmrc': [...new Set(['.npmrc', ...toPatterns(secrets)])],
  };
  const common = template.replace(/\n#[^\n]*Delete the lines? in yours[\s\S]*?(\n\n|$)/, '').split('\n');
  const lines = common.flatMap((line) => more[line] ?? [line]);
  const rest = lines.filter((line) => line === '' || !needed.some((one) => toPath(one) === toPath(line)));
  // A comment goes with the last of its lines.
  const text = rest.join('\n').trim();
  return `${text.replace(/\n\n#[^\n]*(?=\n\n|$)/g, '')}\n`;
}
