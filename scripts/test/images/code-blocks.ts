import type { Code } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { visit } from 'unist-util-visit';

/** A fenced block of a document: `lang` is the word after the fence, `meta` the words after that, such as `varies`. */
export interface Block extends Pick<Code, 'lang' | 'meta'> {
  /** Without the indentation of the fence. */
  lines: string[];
  indent: string;
  /** The lines of its fences, counted from 1. */
  start: number;
  end: number;
  /** The comment above the fence. */
  comment: string;
}

/** A block of commands that are run, and the block with what they print. */
export interface Commands extends Block {
  commands: string[];
  output: Block | undefined;
}

/** The fenced blocks of a document, in order, without generated ones. @throws for a fence that is not closed. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  visit(fromMarkdown(text), 'code', ({ lang, meta, value, position }, index = 0, parent) => {
    const [start, end] = [position?.start.line ?? 0, position?.end.line ?? 0];
    if (text.split('\n')[end - 1]?.trim() !== '```') throw new Error(`Line ${start}: this block has no end.`);
    const before = parent?.children[index - 1];
    const comment = before?.type === 'html' ? before.value : '';
    const indent = ' '.repeat((position?.start.column ?? 1) - 1);
    const lines = value === '' ? [] : value.split('\n');
    if (!comment.startsWith('<!-- made: ')) blocks.push({ lang, meta, lines, indent, start, end, comment });
  });
  return blocks;
}

/** The blocks of commands that are run. A block of text belongs to the commands before it, if no other is between them. */
export const commandsOf = (text: string): Commands[] =>
  blocksOf(text).flatMap((block, index, all) => {
    if (block.lang !== 'sh' || block.comment.startsWith('<!-- not run: ')) return [];
    const output = all[index + 1]?.lang === 'text' ? all[index + 1] : undefined;
    return { ...block, commands: splitCommands(block.lines), output };
  });

/** The commands of a block: each line with its continuation lines and its here-document. */
export function splitCommands(lines: string[]): string[] {
  const commands: string[] = [];
  let open: string[] = [];
  let end: string | undefined;
  for (const line of lines) {
    open.push(line);
    if (end === undefined) end = /<<-?\s*['"]?(\w+)['"]?/.exec(line)?.[1];
    else if (line.trim() === end) end = undefined;
    if (end !== undefined || line.endsWith('\\')) continue;
    commands.push(open.join('\n'));
    open = [];
  }
  return [...commands, open.join('\n')].filter((command) => !/^\s*(#.*)?$/.test(command));
}

/** The document with other content in one of its blocks. */
export function withBlock(text: string, { start, end, indent }: Block, content: string[]): string {
  const lines = content.map((line) => (line === '' ? '' : `${indent}${line}`));
  return text
    .split('\n')
    .toSpliced(start, end - start - 1, ...lines)
    .join('\n');
}
