// How the documents of this repository are read: which blocks are run, what they print, which values come from a report.

/** A fenced block of a document. */
export interface Block {
  /** The word after the fence: `sh`, `text`, `dockerfile`, … */
  language: string;
  /** What stands after it, such as `varies` or `fails`. */
  marks: string[];
  /** Without the indentation of the fence. */
  lines: string[];
  indent: string;
  /** The lines of the document, counted from 0, of the opening and the closing fence. */
  from: number;
  to: number;
  /** The comment on the line above the fence. */
  comment: string | null;
}

/** A block of commands, and the block with what they print. */
export interface Commands {
  block: Block;
  output: Block | null;
  /** Why nothing can run it. */
  notRun: string | null;
}

/** A value in the text, and a part that is made as a whole. What they are called stands in their comment. */
const VALUE = /<!-- = (.+?) -->(.*?)<!-- \/ -->/g;
const PART = /(<!-- made: (.+?) -->\n)[\s\S]*?(<!-- \/made -->)/g;
const blank = (part: string) => part.replace(/[^\n]/g, '');

/** The fenced blocks of a document, in their order, but not those of parts that are made as a whole. @throws for a fence that is not closed. */
export function blocksOf(text: string): Block[] {
  const lines = text.replace(PART, blank).split('\n');
  const blocks: Block[] = [];
  for (let from = 0; from < lines.length; from += 1) {
    const [, indent = '', language = '', marks = ''] = /^(\s*)```(\S*)\s*(.*)$/.exec(lines[from] ?? '') ?? [];
    if (!/^\s*```/.test(lines[from] ?? '')) continue;
    const to = lines.findIndex((line, index) => index > from && line.trim() === '```');
    if (to === -1) throw new Error(`Line ${from + 1}: this block has no end.`);
    const [, comment = null] = /^\s*<!-- (.*) -->\s*$/.exec(lines[from - 1] ?? '') ?? [];
    blocks.push({
      ...{ language, indent, from, to, comment },
      marks: marks.split(' ').filter(Boolean),
      lines: lines.slice(from + 1, to).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)),
    });
    from = to;
  }
  return blocks;
}

/** The blocks of commands. A block of text belongs to the commands before it, if no other block is between them. */
export function commandsOf(text: string): Commands[] {
  const blocks = blocksOf(text);
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh') return [];
    const next = blocks[index + 1];
    const [, notRun = null] = /^not run: (.+)$/.exec(block.comment ?? '') ?? [];
    return { block, output: next?.language === 'text' ? next : null, notRun };
  });
}

/** The commands of a block: each line, with those that it is continued on, and with its here-document. */
export function splitCommands(lines: string[]): string[] {
  const commands: string[] = [];
  let open = '';
  let end: string | null = null;
  for (const line of lines) {
    open += open === '' ? line : `\n${line}`;
    if (end === null) end = /<<-?\s*['"]?(\w+)['"]?/.exec(line)?.[1] ?? null;
    else if (line.trim() === end) end = null;
    if (end !== null || line.endsWith('\\')) continue;
    if (!/^\s*(#|$)/.test(open)) commands.push(open);
    open = '';
  }
  if (open !== '') commands.push(open);
  return commands;
}

/** The document with another content of one of its blocks. */
export function withBlock(text: string, { from, to, indent }: Block, content: string[]): string {
  const lines = text.split('\n');
  lines.splice(from + 1, to - from - 1, ...content.map((line) => (line === '' ? '' : `${indent}${line}`)));
  return lines.join('\n');
}

/** The document with its values and parts made anew. What the two functions throw is passed on. */
export function fill(text: string, factOf: (name: string) => string, partOf: (name: string) => string): string {
  return text
    .replace(PART, (_all, begin: string, name: string, end: string) => `${begin}${partOf(name)}\n${end}`)
    .replace(VALUE, (_all, name: string) => `<!-- = ${name} -->${factOf(name)}<!-- / -->`);
}

/** The prose of a document: without blocks, made parts, values, code and comments. Lines keep their numbers. */
export function proseOf(text: string): string[] {
  const lines = text
    .replace(PART, blank)
    .replace(VALUE, '')
    .replace(/<!--[\s\S]*?-->/g, blank)
    .split('\n');
  for (const { from, to } of blocksOf(text)) lines.fill('', from, to + 1);
  return lines.map((line) => line.replace(/(`+)[^`].*?\1/g, '').replace(/\]\([^)]*\)/g, ']'));
}
