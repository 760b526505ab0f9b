import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Report } from '../compare/model/report-schema.ts';
import type { Engine } from '../engine/engine.ts';
import { isStandIn } from '../engine/labels.ts';
import { withBlock } from './code-blocks.ts';
import { difference, refreshed } from './compare-output.ts';
import { type Ran, runDocument } from './run-document.ts';

/** What a document says that is not so, after its commands were run. */
export interface Problem {
  /** The line of the document, counted from 1. */
  line: number;
  text: string;
}

/**
 * Runs a document in a copy of the repository and says what is not as it says.
 *
 * @param sameBases whether the engine's base images are those that the document was written with: sizes must agree then.
 */
export async function tryDocument(
  copy: string,
  file: string,
  { sameBases, ...rest }: { engine: Engine; signal: AbortSignal; sameBases: boolean },
) {
  const text = await readFile(join(copy, file), 'utf8');
  const { ran, left } = await runDocument(text, dirname(join(copy, file)), rest);
  const problems = ran.flatMap((one) => problemOf(one, sameBases) ?? []);
  const last = (ran.at(-1)?.commands.block.from ?? 0) + 1;
  if (left.length > 0) problems.push({ line: last, text: `At its end there is still ${left.join(', and ')}.` });
  return { text, ran, problems };
}

function problemOf({ commands: { block, output }, lines, problem }: Ran, sameBases: boolean): Problem | null {
  const line = block.from + 1;
  if (problem !== null) return { line, text: [problem, ...lines.map((one) => `  | ${one}`)].join('\n') };
  if (!output) return null;
  const varies = output.marks.includes('varies');
  const text = difference({ lines: output.lines, varies, sameBases }, lines);
  return text === null ? null : { line: output.from + 1, text };
}

/** The document with the outputs of now. A block that is empty gets all that was printed. */
export function withOutputs(text: string, ran: Ran[]): string {
  return [...ran].reverse().reduce((document, { commands: { output }, lines, problem }) => {
    if (!output || problem !== null) return document;
    const expected = { lines: output.lines, varies: true, sameBases: false };
    const content = output.lines.length === 0 ? lines : refreshed(expected, lines);
    return content === null ? document : withBlock(document, output, content);
  }, text);
}

/**
 * Whether the engine's base images are those that a report was measured on. Real ones change under the same name, so only
 * stand-ins are known to be the same.
 */
export async function hasBasesOf({ images }: Report, engine: Engine): Promise<boolean> {
  return images.some(({ standIn }) => standIn) && isStandIn(await engine.image('node:26-alpine'), 'node:26-alpine');
}
