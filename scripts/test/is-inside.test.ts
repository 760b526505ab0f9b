import { expect, test } from 'vitest';
import { isInside } from '../lib/is-inside.ts';

test.each([
  ['/a/b', '/a/b', true],
  ['/a/b/c', '/a/b', true],
  ['/a/b/..c', '/a/b', true],
  ['/a', '/', true],
  ['/a', '/a/b', false],
  ['/a/bc', '/a/b', false],
  ['/a/c', '/a/b', false],
])('%s in %s: %s', (path, directory, expected) => expect(isInside(path, directory)).toBe(expected));
