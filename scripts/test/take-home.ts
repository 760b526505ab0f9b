import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

// Reads the table of docs/take-home.md, and changes a Dockerfile as it says.

const ROOT = join(import.meta.dirname, '../..');

/** One change, as the table says it. */
export interface Change {
  /** The numbers of the chapters whose file it is for, such as `02`; empty for all. */
  chapters: string[];
  /** Which file it changes. */
  file: 'Dockerfile' | '.dockerignore';
  kind: 'replace' | 'after' | 'delete' | 'run';
  /** What to look for; the command, for `run`. */
  what: string;
  /** What comes there, a line each when there are several. */
  lines: string[];
}

/** One kind of project. */
interface Row {
  /** The directory of its fixture. */
  name: string;
  changes: Change[];
}

/** The rows of the table in docs/take-home.md. @throws when one of them cannot be read. */
export async function takeHomeRows(): Promise<Row[]> {
  return readRows(await readFile(join(ROOT, 'docs/take-home.md'), 'utf8'));
}

/** The rows of the table in a text. @throws when one of them cannot be read. */
export function readRows(text: string): Row[] {
  return [...text.matchAll(/^\| \[.*?\]\(\.\.\/scripts\/test\/projects\/(.*?)\/\).*? \| (.*?) \| .* \|$/gm)].map(
    ([, name = '', cell = '']) => ({ name, changes: cell === 'nothing' ? [] : cell.split('<br>').map(readChange) }),
  );
}

function readChange(text: string): Change {
  const [, numbers = '', file, rest = ''] = /^(\d\d(?:, \d\d)*: )?(`\.dockerignore`: )?(.*)$/.exec(text) ?? [];
  const chapters = numbers.match(/\d\d/g) ?? [];
  const common = { chapters, file: file ? '.dockerignore' : 'Dockerfile' } as const;
  const [, word = '', what = '', arrow, then = ''] = /^(\w* ?)`([^`]+)`(?:( →|:) (.+))?$/.exec(rest) ?? [];
  const lines = [...then.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line);
  const readAsWhole = then === lines.map((line) => `\`${line}\``).join(' ');
  const kind = { ' →': 'replace', 'after :': 'after', 'delete ': 'delete', 'run ': 'run' }[word + (arrow ?? '')];
  if (!kind || !readAsWhole) throw new Error(`docs/take-home.md has a change that cannot be read: ${text}`);
  return { ...common, kind: kind as Change['kind'], what, lines };
}

/**
 * A file of a chapter with the changes that are for it, in the order of the table.
 *
 * @throws when a change finds nothing to change.
 */
export function change(text: string, file: Change['file'], chapter: string, changes: Change[]): string {
  return changes.reduce((before, one) => {
    const applies = one.chapters.length === 0 || one.chapters.includes(chapter.slice(0, 2));
    if (one.kind === 'run' || one.file !== file || !applies) return before;
    const after = changeOnce(before, one);
    if (after === before) throw new Error(`${chapter}: nothing to ${one.kind} in its ${file}: ${one.what}`);
    return after;
  }, text);
}

function changeOnce(text: string, { kind, what, lines }: Change): string {
  if (kind === 'replace') return text.replaceAll(what, () => lines.join('\n'));
  const changed = text.split('\n').flatMap((line) => {
    if (line.trim() !== what) return [line];
    return kind === 'delete' ? [] : [line, ...lines];
  });
  return changed.join('\n');
}
