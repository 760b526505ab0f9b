import type { Code } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { visit } from 'unist-util-visit';

/** A fenced block of a document: `lang` is the word after the fence, `meta` the words after that, such as `varies`. */
export interface Block extends Code {
  /** Without the indentation of the fence. */
  lines: string[];
  /** The comment above the fence. */
  comment: string;
}

/** A block of commands that are run, and the block with what they print. */
export interface Commands {
  block: Block;
  output: Block | null;
}

/** The fenced blocks of a document, in order, without generated ones. @throws for a fence that is not closed. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  visit(fromMarkdown(text), 'code', (code, index = 0, parent) => {
    const { start, end } = placeOf(code);
    if (text.split('\n')[end.line - 1]?.trim() !== '```') throw new Error(`Line ${start.line}: this block has no end.`);
    const before = parent?.children[index - 1];
    const comment = before?.type === 'html' ? before.value : '';
    const lines = code.value === '' ? [] : code.value.split('\n');
    if (!comment.startsWith('<!-- made: ')) blocks.push({ ...code, lines, comment });
  });
  return blocks;
}

/** Where a block begins and ends, its fences included. Lines and columns are counted from 1. */
export const placeOf = ({ position }: Code) =>
  position ?? { start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };

/** The blocks of commands that are run. A block of text belongs to the commands before it, if no other is between them. */
export function commandsOf(text: string): Commands[] {
  const blocks = blocksOf(text);
  return blocks.flatMap((block, index) => {
    if (block.lang !== 'sh' || block.comment.startsWith('<!-- not run: ')) return [];
    const next = blocks[index + 1];
    return { block, output: next?.lang === 'text' ? next : null };
  });
}

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
export function withBlock(text: string, block: Block, content: string[]): string {
  const { start, end } = placeOf(block);
  const indent = ' '.repeat(start.column - 1);
  const lines = content.map((line) => (line === '' ? '' : `${indent}${line}`));
  return text
    .split('\n')
    .toSpliced(start.line, end.line - start.line - 1, ...lines)
    .join('\n');
}
