import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// What the cheat sheet repeats from another file. Its commands are run by images/documents.test.ts.

const ROOT = join(import.meta.dirname, '../..');
const readText = (path: string) => readFile(join(ROOT, path), 'utf8');

/** The first block of a document with this word after its fence. */
const block = (text: string, language: string) =>
  new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(text)?.[1] ?? '';

test("the cheat sheet's Dockerfile is that of chapter 02", async () => {
  const instructions = (text: string) =>
    text
      .replace(/ *\\\n +/g, ' ')
      .replaceAll('${NODE_VERSION}', '26')
      .split('\n')
      .filter((line) => line !== '' && !/^(#|ARG|EXPOSE|HEALTHCHECK)/.test(line));
  const short = instructions(block(await readText('docs/cheat-sheet.md'), 'dockerfile'));
  expect(short).toEqual(instructions(await readText('02-multi-stage/Dockerfile.multi')));
});
