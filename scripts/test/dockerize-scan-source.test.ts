import { describe, expect, test } from 'vitest';
import { scanSource } from '../project/scan-source.ts';
import { projectOf } from './dockerize-project.ts';

describe('what the entry point reaches', () => {
  test.each([
    ['without an extension', `import './a'`, 'src/a.ts'],
    ['with that of the output', `import './a.js'`, 'src/a.ts'],
    ['an index file', `export * from './b'`, 'src/b/index.ts'],
    ['what the build makes of it', `if (isProduction) require('../dist/a.js')`, 'src/a.ts'],
    ['a require', `const a = require('./a')`, 'src/a.ts'],
    ['a dynamic import', `await import('./a')`, 'src/a.ts'],
    ['tsconfig paths', `import { x } from '@/a'`, 'src/a.ts'],
    ['#imports', `import '#lib/index.js'`, 'src/b/index.ts'],
    [
      'a directory that is read',
      `for (const name of names) require(path.join(__dirname, 'b', name))`,
      'src/b/index.ts',
    ],
    ['a plugin loader', `app.register(autoload, { dir: join(import.meta.dirname, 'b') })`, 'src/b/index.ts'],
    ['a worker', `new Worker(new URL('./a.js', import.meta.url))`, 'src/a.ts'],
    [
      'a class that is only named in a constructor',
      `import { A } from './a'; @B() class C { constructor(a: A) {} }`,
      'src/a.ts',
    ],
  ])('%s', (_, source, file) => {
    const project = projectOf({
      'package.json': { imports: { '#lib/*': './dist/b/*' } },
      'tsconfig.json': '{ // comment\n "compilerOptions": { "paths": { "@/*": ["./src/*"], }, } }',
      'src/index.ts': source,
      'src/a.ts': '',
      'src/b/index.ts': '',
    });
    expect(scanSource(project, 'src/index.ts').files).toStrictEqual([file, 'src/index.ts'].sort());
  });

  test('a package of the workspace', () => {
    const project = projectOf(
      {
        'apps/api/package.json': {},
        'apps/api/src/index.ts': `import 'greeting'`,
        'packages/greeting/package.json': { name: 'greeting' },
        'packages/greeting/src/index.ts': '',
      },
      'apps/api',
    );
    expect(scanSource(project, 'src/index.ts').files).toContain('packages/greeting/src/index.ts');
  });

  test('without an entry point: all but tests, configuration and stories', () => {
    const project = projectOf({
      'src/a.ts': '',
      'src/a.test.ts': '',
      'test/b.ts': '',
      'next.config.js': '',
      'src/a.stories.tsx': '',
    });
    expect(scanSource(project, null).files).toStrictEqual(['src/a.ts']);
  });
});

test.each([
  ['value', `import { a } from 'x'; a()`, ['x']],
  ['scoped, with a path', `import '@a/b/c.js'`, ['@a/b']],
  ['import type', `import type { a } from 'x'`, []],
  ['only a type', `import { A } from 'x'; const a: A = 1`, []],
  ['builtin', `import 'node:fs'; import 'path'; import 'fs/promises'`, []],
  ['require', `const { a } = require('x').b`, ['x']],
  ['export from', `export { a } from 'x'`, ['x']],
])('packages: %s', (_, source, names) => {
  expect([...scanSource(projectOf({ 'index.ts': source }), 'index.ts').packages.keys()]).toStrictEqual(names);
});

test('a package is optional where only a condition imports it, also by a file', () => {
  const project = projectOf({
    'index.ts': `import 'always'; if (dev) await import('./mocks.ts'); function f() { require('late') }`,
    'mocks.ts': `import 'mock'; import 'always'`,
  });
  const { packages, optional } = scanSource(project, 'index.ts');
  expect([packages.get('always'), [...optional].sort()]).toStrictEqual(['index.ts:1', ['late', 'mock']]);
});

describe('paths', () => {
  test.each([
    [`'views'`, null, 'views'],
    [`path.join(__dirname, '..', 'views')`, 'src/index.ts', '../views'],
    ['`${__dirname}/views`', 'src/index.ts', 'views'],
    [`__dirname + '/views'`, 'src/index.ts', 'views'],
    [`fileURLToPath(new URL('../views', import.meta.url))`, 'src/index.ts', '../views'],
    [`join(dirname(fileURLToPath(import.meta.url)), 'views')`, 'src/index.ts', 'views'],
    [`join(import.meta.dirname, 'views')`, 'src/index.ts', 'views'],
    [`path.resolve(process.cwd(), 'views')`, null, 'views'],
    [`path.resolve('a', '/data', 'b')`, null, '/data/b'],
    [`process.env.DATA ?? './data'`, null, './data'],
    [`path.join(root, 'x')`, 'src/paths.ts', '../x'],
    [`path.join(paths.public, 'x')`, 'src/paths.ts', '../public/x'],
  ])('%s', (expression, from, path) => {
    const project = projectOf({
      'src/index.ts': `import { root } from './paths'; const paths = require('./paths'); f(${expression})`,
      'src/paths.ts': `export const root = path.join(__dirname, '..'); export const all = { public: path.join(root, 'public') }`,
    });
    const scan = scanSource(project, 'src/index.ts');
    const call = scan.calls.find(({ name }) => name === 'f');
    const node = call?.args[0];
    expect(node && scan.evaluate({ file: 'src/index.ts', node })).toStrictEqual({ from, text: path, isPartial: false });
  });

  test('an unknown end leaves the directory', () => {
    const scan = scanSource(projectOf({ 'index.js': 'f(`locales/${language}.json`)' }), 'index.js');
    const node = scan.calls[0]?.args[0];
    expect(node && scan.evaluate({ file: 'index.js', node })).toStrictEqual({
      from: null,
      text: 'locales/',
      isPartial: true,
    });
  });
});

test.each(['(', '{', '[', 'a(', '!', 'a=>', 'a?b:', '1+', 'if(1)', 'if(1);else ', 'typeof ', 'a:', '`${', 'x.a().'])(
  'a file that nests %s 150,000 times is left out, and does not end the process',
  (unit) => {
    const scan = scanSource(
      projectOf({ 'index.js': `require('./a'); ${unit.repeat(150_000)}1`, 'a.js': '' }),
      'index.js',
    );
    expect(scan.files.length).toBeLessThan(3);
  },
);

test('cycles end: of imports, of constants, of tsconfig files', () => {
  const project = projectOf({
    'tsconfig.json': '{ "extends": "./tsconfig.json" }',
    'index.ts': `import { a } from './b'; export const b = a; f(path.join(a, 'x'))`,
    'b.ts': `import { b } from './index'; export const a = b; export * from './index'`,
  });
  const scan = scanSource(project, 'index.ts');
  const node = scan.calls.find(({ name }) => name === 'f')?.args[0];
  expect(node && scan.evaluate({ file: 'index.ts', node })).toBeNull();
});

test('a picture of coloured signs is not nested code', () => {
  const project = projectOf({ 'index.js': `app.listen(80); console.log('${'\u001b[38;5;1m'.repeat(2000)}')` });
  expect(scanSource(project, 'index.js').calls.map(({ name }) => name)).toStrictEqual(['app.listen', 'console.log']);
});
