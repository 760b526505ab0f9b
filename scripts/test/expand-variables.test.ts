import { expect, test } from 'vitest';
import { expandVariables } from '../lib/expand-variables.ts';

const VALUES: Record<string, string> = {
  EMPTY: '',
  V: '26',
  STARS: 'a*b*',
  IMAGE: 'registry.example/team/node:26-slim',
};
const expand = (word: string) => expandVariables(word, (name) => VALUES[name]);

// test/images/dockerfiles.test.ts compares the same rules with what the builder resolves.
test.each([
  ['node:${EMPTY:-${V}}-alpine', 'node:26-alpine'],
  ['${A:-${B:-${C:-deep}}}', 'deep'],
  ['$V-$NONE-${V}x', '26--26x'],
  ['${EMPTY-x}${NONE-y}', 'y'],
  ['${EMPTY:+x}${EMPTY+y}${V:+z$V}', 'yz26'],
  ['${V:?no value}', '26'],
  ['\\$V \'$V\' "$V" a$', '$V $V 26 a$'],
  ['${IMAGE##*/}', 'node:26-slim'],
  ['${IMAGE#*/}', 'team/node:26-slim'],
  ['${IMAGE%-*}', 'registry.example/team/node:26'],
  ['${IMAGE%%/*}', 'registry.example'],
  ['${IMAGE/node/bun}', 'registry.example/team/bun:26-slim'],
  ['${IMAGE//e/3}', 'r3gistry.3xampl3/t3am/nod3:26-slim'],
  ['${IMAGE/t?*m/x}', 'regisx'],
  ['${IMAGE//[a-z]/x}${IMAGE/no-such/x}', 'registry.example/team/node:26-slimregistry.example/team/node:26-slim'],
  ['${IMAGE#r?g*e}', 'xample/team/node:26-slim'],
  ['${IMAGE:##r*e}', ':26-slim'],
  ['${IMAGE%%e*}', 'r'],
  ['${IMAGE%?}', 'registry.example/team/node:26-sli'],
  ['${STARS#a\\*}', 'b*'],
  ['${STARS%\\*}', 'a*b'],
  ["${STARS//\\*/'s'}", 'asbs'],
  ['${STARS/#/x}', 'a*b*'],
  ['$1a $12 $$x $@ ${_}$Ü', 'a  x  '],
  ['"a\\b \\" \\$V \\\\ \'" a\\b', 'a\\b " $V \\ \' ab'],
  ['${NONE:-"}"}${NONE:-\\}}\'}\'', '}}}'],
])('%s is %s', (word, expected) => {
  expect(expand(word)).toBe(expected);
});

test('what cannot be expanded is an error', () => {
  expect(() => expand('${V')).toThrow('it has no closing }');
  expect(() => expand('${NONE:?set it}')).toThrow('set it');
  expect(() => expand('"$V')).toThrow('it has no closing "');
  expect(() => expand("'$V")).toThrow("it has no closing '");
  for (const word of ['${V', '${}', '${:-x}', '${{V}}', '${V x}', '${V^}', '${V:x}', '${V:}']) {
    expect(() => expand(word)).toThrow(/no closing }/);
  }
});

test('another escape character', () => {
  expect(expandVariables('`$V \\x "`$V`a" ${V}', (name) => VALUES[name], '`')).toBe('$V \\x $V`a 26');
});

test('a pattern that could be read in very many ways takes no longer, and a value may not be too long', () => {
  const lookup = (name: string) => (name === 'A' ? 'a'.repeat(450) : 'a'.repeat(1000));
  for (const operator of ['#', '##', '%', '%%', '/']) {
    expect(expandVariables(`\${A${operator}${'*a'.repeat(30)}*b${operator === '/' ? '/' : ''}}`, lookup)).toHaveLength(
      450,
    );
  }
  expect(() => expandVariables('${LONG#*a}', lookup)).toThrow('longer than 500 characters');
});
