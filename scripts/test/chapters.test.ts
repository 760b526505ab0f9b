import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findChapters } from '../compare/discover/chapters.ts';

let root = '';

afterEach(() => rm(root, { recursive: true, force: true }));

async function writeDockerfiles(files: string[]): Promise<void> {
  root = await mkdtemp(join(tmpdir(), 'chapters-'));
  for (const file of files) {
    await mkdir(join(root, file, '..'), { recursive: true });
    await writeFile(join(root, file), 'FROM scratch\n');
  }
}

test('every numbered directory is a chapter and every Dockerfile.* a variant, single and multi first', async () => {
  await writeDockerfiles([
    '02-b/Dockerfile.multi',
    '02-b/Dockerfile.single',
    '02-b/Dockerfile.lean',
    '02-b/Dockerfile.lean.dockerignore',
    '10-ten/Dockerfile.only',
    '01-empty/README.md',
    'scripts/Dockerfile.no',
  ]);
  await symlink('Dockerfile.multi', join(root, '02-b/Dockerfile'));
  const found = await findChapters(root);
  expect(found.map(({ chapter, variant }) => `${chapter} ${variant}`)).toEqual([
    '02-b single',
    '02-b multi',
    '02-b lean',
    '10-ten only',
  ]);
  expect(found[0]).toMatchObject({
    context: join(root, '02-b'),
    dockerfile: join(root, '02-b/Dockerfile.single'),
    file: '02-b/Dockerfile.single',
  });
});
