import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { type Change, change, readRows, takeHomeRows } from './take-home.ts';
import { EXPECTED, PRIVATE } from './take-home-expected.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROJECTS = join(ROOT, 'scripts/test/projects');

describe('the table of docs/take-home.md', async () => {
  const rows = await takeHomeRows();
  const projects = await readdir(PROJECTS);

  test('has a row for each project, and a project for each row', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...projects].sort());
  });

  test('has only rows that the image tests try', () => {
    expect([...Object.keys(EXPECTED), PRIVATE].sort()).toEqual(rows.map(({ name }) => name).sort());
  });

  test.each(await findChapterDirectories(ROOT))('finds all that it changes in %s', async (chapter) => {
    const files = { Dockerfile: 'Dockerfile.multi', '.dockerignore': '.dockerignore' } as const;
    for (const [file, name] of Object.entries(files) as [Change['file'], string][]) {
      const text = await readFile(join(ROOT, chapter, name), 'utf8');
      for (const { changes } of rows) change(text, file, chapter, changes); // Throws where there is nothing to change.
    }
  });

  test.each(projects)('no file of the project %s names a registry', async (project) => {
    const files = await readdir(join(PROJECTS, project), { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toMatch(
        /^ +"?resolved"?:? "http|tarball:|registry *=/m,
      );
    }
  });
});

/** A table with one row that says this. */
const tableWith = (cell: string) =>
  `| your project | what to change | why |\n|---|---|---|\n| [x](../scripts/test/projects/x/) | ${cell} | y |\n`;

describe('a change', () => {
  const text = 'FROM a AS b\n  RUN c \\\n  && d\nEXPOSE 3000\n';
  const changed = (cell: string, file: Change['file'] = 'Dockerfile', chapter = '02-multi-stage') =>
    change(text, file, chapter, readRows(tableWith(cell))[0]?.changes as Change[]);

  test.each([
    ['nothing', text],
    ['run `npm install`', text],
    ['`a` → `$&`', 'FROM $& AS b\n  RUN c \\\n  && d\nEXPOSE 3000\n'],
    ['`EXPOSE 3000` → `1` `2`', 'FROM a AS b\n  RUN c \\\n  && d\n1\n2\n'],
    ['after `EXPOSE 3000`: `1` `2`', 'FROM a AS b\n  RUN c \\\n  && d\nEXPOSE 3000\n1\n2\n'],
    ['delete `&& d`', 'FROM a AS b\n  RUN c \\\nEXPOSE 3000\n'],
    ['`RUN c \\` → `RUN c`<br>02, 03: delete `&& d`', 'FROM a AS b\n  RUN c\nEXPOSE 3000\n'],
    ['01, 03: delete `nowhere`', text],
    ['`.dockerignore`: delete `nowhere`', text],
  ])('%s', (cell, expected) => {
    expect(changed(cell)).toBe(expected);
  });

  test('of another file', () => {
    expect(changed('`a` → `x`<br>01: `.dockerignore`: `a` → `y`', '.dockerignore', '01-first')).toMatch(/^FROM y AS b/);
  });

  test.each(['`nowhere` → `x`', 'delete `RUN c`', 'after `EXPOSE`: `x`', '02: delete `nowhere`'])(
    '%s is refused, because there is nothing to change',
    (cell) => {
      expect(() => changed(cell)).toThrow(/^02-multi-stage: nothing to/);
    },
  );

  test.each([
    '',
    'a → b',
    '`a` → b',
    '`a`',
    'before `a`: `b`',
    '`a` → `b` and `c`',
    '`a` → `b`,',
    '5: delete `a`',
    'delete `a`: `b`',
    'after `a`',
    'x',
  ])('%j is refused, because it cannot be read', (cell) => {
    expect(() => changed(cell)).toThrow(/cannot be read/);
  });
});
