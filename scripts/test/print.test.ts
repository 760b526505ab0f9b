import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { cleanOutput } from '../lib/print.ts';
import { createProgress } from '../lib/progress.ts';

const SCRIPTS = join(import.meta.dirname, '..');
const HOSTILE = 'a\u001b]0;title\u0007b\u009b2Jc\u202ed\re\u001b[31mf';
const CLEAN = 'a\\u001b]0;title\\u0007b\\u009b2Jc\\u202ed\\u000de\\u001b[31mf';

test('control characters become visible', () => {
  expect(cleanOutput(HOSTILE, false)).toBe(CLEAN);
  expect(cleanOutput('one\ntwo', false)).toBe('one\ntwo');
});

test('with colour, only colours stay', () => {
  expect(cleanOutput('\u001b[31mred\u001b[39m \u001b[2J', true)).toBe('\u001b[31mred\u001b[39m \\u001b[2J');
});

test('a JSON document stays the same', () => {
  const document = { [HOSTILE]: HOSTILE };
  expect(JSON.parse(cleanOutput(JSON.stringify(document, null, 2), false))).toEqual(document);
});

test('progress shows neither names nor texts with control characters', () => {
  let printed = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      printed += chunk;
      done();
    },
  });
  const progress = createProgress(stream as NodeJS.WriteStream);
  const task = progress.task(HOSTILE);
  task.update(HOSTILE);
  task.done(HOSTILE);
  progress.note(HOSTILE);
  progress.close();
  expect(printed).toMatch(/^.*: .* \(.*\)\n.*\n$/);
  expect(printed.split(CLEAN).length).toBe(4);
  expect(printed.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});

test('nothing is printed past the functions that clean it', async () => {
  const entries = await readdir(SCRIPTS, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(node_modules|test)\//.test(path) && !path.endsWith('/lib/print.ts'));
  expect(files.length).toBeGreaterThan(90);
  for (const path of files) {
    expect([path, (await readFile(path, 'utf8')).match(/console\.|process\.std(out|err)\.write/)]).toEqual([
      path,
      null,
    ]);
  }
});
