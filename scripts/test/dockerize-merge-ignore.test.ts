import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeIgnoreFile } from '../dockerize/write/write-ignore-file.ts';
import { ignorePatterns } from '../lib/dockerignore.ts';
import { cpuTimeOf } from './cpu-time.ts';

const readTemplate = (chapter: string) =>
  readFileSync(join(import.meta.dirname, '../..', chapter, '.dockerignore'), 'utf8');
const CHAPTERS = ['01-first-dockerfile', '02-multi-stage', '03-distroless', '04-three-stage'];
const TEMPLATE = readTemplate('02-multi-stage');
const NEEDED = ['package.json', 'package-lock.json', 'tsconfig.json', 'src'];

type Request = Parameters<typeof writeIgnoreFile>[2];
const requestOf = (request: Partial<Request>): Request => ({
  needed: NEEDED,
  others: [],
  outputs: ['dist'],
  ...request,
});

/** Merges, checks what holds for every merge, and returns the text. */
function merge(existing: string | null, partial: Partial<Request> = {}, template = TEMPLATE): string {
  const request = requestOf(partial);
  const text = writeIgnoreFile(existing, template, request);
  expect(text.startsWith(existing ?? '')).toBe(true);
  expect(writeIgnoreFile(text, template, request)).toBe(text);
  const { skips } = ignorePatterns(text);
  const isDirectory = (path: string) => /^[^.]+$/.test(path);
  const files = request.needed.map((path) => (isDirectory(path) ? `${path}/file.ts` : path));
  expect(files.filter((path) => skips(path, false))).toEqual([]);
  expect(request.needed.filter((path) => skips(path, isDirectory(path)))).toEqual([]);
  const leftOut = ['.env', '.npmrc', 'key.pem', 'tls.key', 'node_modules/x', '.git/config', ...request.others];
  const expected = leftOut.filter((path) => !request.needed.includes(path));
  expect(expected.filter((path) => !skips(path, false))).toEqual([]);
  return text;
}
const addedTo = (existing: string, partial: Partial<Request> = {}) =>
  merge(existing, partial).slice(existing.length).trim().split(/\r?\n/).slice(1);

test.each(CHAPTERS)('the file of %s is its own template', (chapter) => {
  const template = readTemplate(chapter);
  expect(merge(template, {}, template)).toBe(template);
  const own = template.replace(/\n# Only in this chapter\.[\s\S]*/, '');
  expect(merge(null, {}, template)).toBe(own);
  expect(own).not.toMatch(/mistakes|lean|company|native/);
});

test('a new file has the outputs, the other apps, and what the build needs', () => {
  const needed = [...NEEDED, 'README.md', '.npmrc', 'test', 'logs', '.env.production', 'apps/web/package.json'];
  expect(merge(null, { needed, others: ['apps/web', 'apps/[x]'], outputs: ['build'] })).toMatchInlineSnapshot(`
    "# Keep the build context small and free of secrets, and avoid needless rebuilds.

    # The build installs and compiles these itself
    **/node_modules
    build
    coverage
    *.tsbuildinfo

    # Other apps of the workspace
    apps/\\[x\\]
    apps/web

    # Git history and secrets
    .git
    **/.env
    **/.env.*
    **/*.pem
    **/*.key

    # Logs, and files of editors, tools and operating systems
    **/*.log
    .turbo
    .vscode
    .idea
    **/.DS_Store

    # Not required for the build
    **/Dockerfile*
    .dockerignore
    compose.yaml
    *.md
    README.*

    # Added by dockerize
    !.env.production
    !README.md
    !apps/web/package.json
    "
  `);
});

test.each<[string, string[], string[], string[]]>([
  ['another output instead of dist', ['.next'], ['.next'], ['**/dist']],
  ['both outputs', ['dist', 'build/client'], ['**/dist', 'build/client'], []],
  ['outputs of packages', ['apps/api/dist'], ['**/dist'], ['apps/api/dist']],
  ['no build', [], ['**/dist'], []],
  ['an output with source code in it', ['src', '.', 'lib'], ['lib'], ['src', '.', '**/dist']],
])('%s', (_, outputs, present, absent) => {
  const lines = merge(null, { outputs }).split('\n');
  expect(lines).toEqual(expect.arrayContaining(present));
  expect(lines.filter((line) => absent.includes(line))).toEqual([]);
});

test('a committed dist that the app runs from stays in', () => {
  expect(merge(null, { needed: [...NEEDED, 'dist'], outputs: [] })).not.toMatch(/dist/);
  expect(merge(null, { needed: [...NEEDED, 'lib/x/dist'] })).toMatch(/^\*\*\/dist\n[\s\S]*^!lib\/x\/dist$/m);
});

test('a comment goes with the last of its lines', () => {
  const template =
    '# About\n\n# Outputs\n**/node_modules\n**/dist\n\n# Secrets\n.git\n.npmrc\n**/.env\n**/*.pem\n**/*.key\n\n# Tests\ntest\n';
  const text = merge(null, { needed: [...NEEDED, 'test'] }, template);
  expect(text).toBe(template.replace('\n# Tests\ntest\n', ''));
});

test('an existing file keeps its text, and gets what is missing', () => {
  const existing = '# ours\nnode_modules/\n/dist\n.git\n.env*\n*.md\n!README.md\nlogs/**';
  expect(merge(existing)).toMatchInlineSnapshot(`
    "# ours
    node_modules/
    /dist
    .git
    .env*
    *.md
    !README.md
    logs/**

    # Added by dockerize
    coverage
    *.tsbuildinfo
    **/*.log
    .turbo
    .vscode
    .idea
    **/.DS_Store
    **/Dockerfile*
    .dockerignore
    compose.yaml
    README.*
    test
    !README.md
    .npmrc
    **/*.pem
    **/*.key
    "
  `);
});

test.each([
  ['node_modules'],
  ['**/node_modules'],
  ['/node_modules/'],
  ['node_modules/'],
  ['./node_modules'],
  ['node_modules/**'],
  ['node_*'],
])('%s covers node_modules', (line) => {
  expect(addedTo(`${line}\n`).filter((added) => added.includes('node_modules'))).toEqual([]);
});

test('node_modules at the root does not cover those of a workspace', () => {
  const needed = [...NEEDED, 'packages/a/package.json'];
  expect(addedTo('node_modules\n', { needed })).toContain('**/node_modules');
  expect(addedTo('**/node_modules\n', { needed })).not.toContain('**/node_modules');
});

test('the line ends of an existing file stay', () => {
  expect(merge('node_modules\r\n.env').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(merge('node_modules\n.env')).not.toContain('\r');
});

test.each<[string, string, string[], string[]]>([
  ['a file', 'package-lock.json\n', NEEDED, ['!package-lock.json']],
  ['files of a kind', '*.json\n', NEEDED, ['!package-lock.json', '!package.json', '!tsconfig.json']],
  ['a directory', 'public\n', ['public', 'public/x.css'], ['!public']],
  ['what is in a directory', 'public/*\n', ['public'], ['!public/**']],
  ['a file in a directory', 'prisma\n', ['prisma/schema.prisma'], ['!prisma/schema.prisma']],
  ['a directory whose name is a pattern', 'app\n', ['app/[id]'], ['!app/\\[id\\]']],
  ['a later line than the exception', '!src\nsrc\n', ['src'], ['!src']],
])('a needed path that the existing file leaves out gets an exception: %s', (_, existing, needed, expected) => {
  expect(addedTo(existing, { needed }).filter((line) => line.startsWith('!'))).toEqual(expected);
});

test.each(['*', '**', '/*', '**/*', '# first\n*'])('an allow-list that begins with %j', (first) => {
  const existing = `${first}\n!src\n!package*.json\n`;
  const needed = [...NEEDED, '.npmrc'];
  const secrets = ['**/.env', '**/.env.*', '**/*.pem', '**/*.key'];
  expect(addedTo(existing, { needed })).toEqual(['!.npmrc', '!tsconfig.json', ...secrets]);
  expect(ignorePatterns(merge(existing, { needed })).skips('src/.env', false)).toBe(true);
});

test('an allow-list of files only needs no line against secrets', () => {
  const existing = '*\n!package.json\n!index.js\n';
  expect(merge(existing, { needed: ['package.json', 'index.js'] })).toBe(existing);
});

test.each([
  ['*\n!.env\n!.npmrc\n!src\n!*.json\n', ['.env', '.npmrc', 'src/tls.key']],
  ['*\n!*/**\n', ['.env', 'src/.env', 'node_modules/a', 'test/a']],
  ['**\n!**/*\n', ['.env', 'node_modules/a', 'id.pem']],
  ['*/*\n!src\n', ['.env', 'a.key', 'src/.env']],
  ['*\n!**/*.pem\n!**/*.json\n!src\n', ['a.pem', 'src/a.pem']],
  ['src\n**/.env\n**/*.key\n', ['src/.env', 'src/a.key']],
])('what exceptions let in: %j', (existing, secrets) => {
  const { skips } = ignorePatterns(merge(existing));
  expect(secrets.filter((path) => !skips(path, false))).toEqual([]);
});

test('exceptions of the existing file keep their effect', () => {
  const existing = '*.md\n!README.md\n.env\n!.env.example\n!certs/ca.pem\n';
  const { skips } = ignorePatterns(merge(existing));
  expect(['README.md', '.env.example', 'certs/ca.pem'].filter((path) => skips(path, false))).toEqual([]);
  expect(skips('.env.local', false)).toBe(true);
});

test('a needed directory in another app', () => {
  const request = { needed: [...NEEDED, 'apps/web/shared', 'apps/web/package.json'], others: ['apps/web'] };
  for (const existing of [null, '**/.env\n.env\n', '*\n!src\n']) {
    const { skips } = ignorePatterns(merge(existing, request));
    expect(['apps/web/shared/.env', 'apps/web/src/a.ts'].filter((path) => !skips(path, false))).toEqual([]);
  }
});

test('an empty file is like none', () => {
  expect(writeIgnoreFile('\n', TEMPLATE, requestOf({}))).toBe(merge(null));
});

test('thousands of files are merged quickly', () => {
  const needed = [...NEEDED, ...Array.from({ length: 5000 }, (_, index) => `src/${index % 50}/${index}.ts`)];
  const merge = () => expect(writeIgnoreFile('*\n', TEMPLATE, requestOf({ needed }))).toContain('\n!src\n');
  expect(cpuTimeOf(merge)).toBeLessThan(3000);
});
