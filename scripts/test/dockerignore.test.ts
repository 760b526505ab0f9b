import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ignorePatterns, readIgnoreFile } from '../lib/dockerignore.ts';

const ignores = (patterns: string, path: string) => ignorePatterns(patterns).skips(path, false);

// test/images/dockerfiles.test.ts compares the same rules with what the builder sends.
test.each([
  ['node_modules', 'node_modules/a', true],
  ['node_modules', 'a/node_modules', false],
  ['**/node_modules', 'a/b/node_modules/x', true],
  ['**/node_modules', 'node_modules', true],
  ['/dist/', 'dist/x', true],
  ['*.md', 'a/x.md', false],
  ['**/*.md', 'a/b/x.md', true],
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['a/**', 'a/x', true],
  ['a/**', 'a', false],
  ['**', 'x/y', true],
  ['a**b', 'ax/b', true],
  ['**a', 'xa', false],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['[a-c]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['[]]x', ']x', true],
  ['[z-a]x', 'zx', false],
  ['[\\]a]x', ']x', true],
  ['[^\\]a]x', ']x', false],
  ['a[^b]c', 'a/c', true],
  ['a[!b]c', 'a!c', true],
  ['a/b/../c', 'a/c', true],
  ['./a/./b', 'a/b', true],
  ['//a', 'a', true],
  ['a\r\nb\r\n', 'a', true],
  ['a  \t\r\n', 'a', true],
  ['\\#a\n\\!b', '#a', true],
  ['\\#a\n\\!b', '!b', true],
  ['**/x/**', 'x', false],
  ['**/x/**', 'a/x/b', true],
  ['**/x/**\n!**/x/b', 'a/x/b', false],
  ['n\n!**/m/a\n**/b', 'n/m/a', false],
  ['**\n!**/c', 'q/a/c', false],
  ['a***b', 'a/x/yb', true],
  ['a\n!a/b\na/b/c', 'a/b/c', true],
  ['a\n!a/b\na/b/c', 'a/b/d', false],
  ['! a', 'a', false],
  ['*\n! ./a/', 'a/x', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a+b(c){d}|e', 'a+b(c){d}|e', true],
  ['.git', 'xgit', false],
  ['ü?', 'üä', true],
  ['*.md\n!README.md', 'README.md', false],
  ['*\n!src', 'src/a', false],
  ['*\n!src/a', 'src/b', true],
  ['!', 'a', false],
  ['\uFEFFa', 'a', true],
  ['# a\n  b  ', 'b', true],
  ['# a', '# a', false],
])('the pattern %j and the path %j: %j', (patterns, path, expected) => {
  expect(ignores(patterns, path)).toBe(expected);
});

test('what is not a file is not read', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ignore-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await symlink('/dev/zero', join(directory, '.dockerignore'));
  execFileSync('mkfifo', [join(directory, 'Dockerfile.dockerignore')]);
  expect(await readIgnoreFile(directory, join(directory, 'Dockerfile'))).toMatchObject({ name: null, text: null });
});

test('the ignore file that counts, for each builder', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ignore-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const dockerfile = join(directory, 'Dockerfile');
  // As tried with Podman 5.4: of two files for the same Dockerfile, it takes Docker's.
  const names = ['.dockerignore', '.containerignore', 'Dockerfile.containerignore', 'Dockerfile.dockerignore'];
  const used: unknown[] = [];
  for (const name of names) {
    await writeFile(join(directory, name), name);
    const files = [await readIgnoreFile(directory, dockerfile), await readIgnoreFile(directory, dockerfile, 'buildah')];
    used.push(files.map((file) => file.name));
  }
  const [inDirectory, , , ofDockerfile] = names;
  expect(used).toEqual(names.map((name) => [name === ofDockerfile ? ofDockerfile : inDirectory, name]));
});

test('a pattern that could be read in very many ways takes no longer', () => {
  const pattern = `**/**/**/${'*x'.repeat(20)}*y`;
  const path = `${'a/'.repeat(500)}${'x'.repeat(3000)}`;
  expect(ignores(pattern, path)).toBe(false);
  expect(ignores(pattern, `${path}y`)).toBe(true);
});
