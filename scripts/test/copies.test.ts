import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appFiles, chapterFolders, chapterPackages, expectedFiles, type Lock } from '../src/copies.ts';
import { REPORT_SCHEMA_FILE, reportJsonSchema } from '../src/report/schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const workspace = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;

// What differs here is put right by `npm run sync`.

describe.each(await chapterFolders(ROOT))('%s', (chapter) => {
  test('has the same app as the first chapter', async () => {
    expect(await appFiles(ROOT, chapter)).toEqual(await expectedFiles(ROOT, chapter));
  });

  test('its lock file fits its package.json and the versions of the workspace', async () => {
    const lock = JSON.parse(await readFile(join(ROOT, chapter, 'package-lock.json'), 'utf8')) as Lock;
    const manifest = JSON.parse(await readFile(join(ROOT, chapter, 'package.json'), 'utf8'));
    const { dependencies, devDependencies } = manifest;
    expect(lock.packages['']).toMatchObject({ name: chapter, dependencies, devDependencies });

    const { '': _top, ...locked } = lock.packages;
    const expected = chapterPackages(workspace, chapter);
    const versions = (packages: Lock['packages']) =>
      Object.fromEntries(Object.keys(locked).map((path) => [path, packages[path]?.version]));
    expect(versions(locked)).toEqual(versions(expected));
  });

  test('its Dockerfile is Dockerfile.multi', async () => {
    expect(await readlink(join(ROOT, chapter, 'Dockerfile'))).toBe('Dockerfile.multi');
  });
});

test('the published JSON Schema is that of the code', async () => {
  expect(await readFile(REPORT_SCHEMA_FILE, 'utf8')).toBe(reportJsonSchema());
});

test('no lock file names a registry', async () => {
  for (const folder of ['.', ...(await chapterFolders(ROOT))]) {
    expect(await readFile(join(ROOT, folder, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/);
  }
});
