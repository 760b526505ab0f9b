import { expect, test } from 'vitest';
import { duration, markdownBlock, markdownText, percent, printable, shorten, withRange } from '../lib/format.ts';

test.each([
  ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
  ['C1: \u009b2J', 'C1: \\u009b2J'],
  ['txt.\u202ecod', 'txt.\\u202ecod'],
  ['\u2066a\u2069\u200e\u200f\u061c', '\\u2066a\\u2069\\u200e\\u200f\\u061c'],
  ['two\u2028lines\u2029', 'two\\u2028lines\\u2029'],
  ['tab\tand\nline', 'tab and line'],
  ['grüße 漢字 👋', 'grüße 漢字 👋'],
])('%j is printed as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('Markdown shows a text as it is', () => {
  expect(markdownText('<b> @all [x](y) a_b `c` | #1\u202e')).toBe(
    '\\<b\\> \\@&#8203;all \\[x\\](y) a\\_b \\`c\\` \\| \\#&#8203;1\\\\u202e',
  );
  expect(markdownBlock('a\n```\nb\u001b')).toBe('````text\na\n```\nb\\u001b\n````');
  expect(markdownBlock('a')).toBe('```text\na\n```');
  // GitHub makes links and mentions of these, whether a backslash is before them or not.
  expect(markdownText('&#64;me http://a.b WWW.c.d GH-1 gh-pages a#b')).toBe(
    '\\&\\#&#8203;64;me http:&#8203;//a.b WWW&#8203;.c.d GH-&#8203;1 gh-pages a\\#b',
  );
  // And a formula of these.
  expect(markdownText('$HOME/a:$PATH')).toBe('<span>$</span>HOME/a:$PATH');
  expect(markdownText('$PORT')).toBe('$PORT');
});

test('a long text is shortened to one line', () => {
  expect(shorten('a  b\n c', 10)).toBe('a b c');
  expect(shorten('abcdef', 4)).toBe('abc…');
  expect(shorten('abcd', 4)).toBe('abcd');
});

test.each([
  [7.4, '7 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [9_990, '9.99 s'],
  [65_400, '65.4 s'],
  [654_000, '654 s'],
])('%d milliseconds are %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

test('a range is in the unit of its median', () => {
  expect(withRange('time', 410.4, 374, 1447)).toBe('410 ms (374–1447)');
  expect(withRange('time', 6540, 980, 12_000)).toBe('6.54 s (0.98–12.00)');
  expect(withRange('bytes', 21_400_000, 900_000, 121_000_000)).toBe('21.4 MB (0.9–121.0)');
  expect(withRange('bytes', 12, 0, 900)).toBe('12 B (0–900)');
});

test('a ratio is in percent', () => {
  expect(percent(0.567)).toBe('57 %');
});
