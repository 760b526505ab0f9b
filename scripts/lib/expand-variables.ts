import { compilePattern } from './compile-pattern.ts';

/** A name after `$`: letters, digits and underscores, or a number, or a special parameter of a shell, which has no value here. */
const NAME = /^(?:\d+|[@*#?$!-]|[\p{L}_][\p{L}\p{Nd}_]*)/u;
/** What follows a name in braces and changes the value. */
const OPERATOR = /^(?::?(?:[-+?]|##?|%%?)|\/\/?|(?=\}))/;
/** A longer value is not searched for a pattern: the time grows with its length cubed. The name of an image is shorter. */
const SEARCH_LIMIT = 500;

/** The value of a variable: undefined when it has none. */
type Lookup = (name: string) => string | undefined;

/**
 * Expands the variables in a word of a Dockerfile, as BuildKit does: `$NAME`, `${NAME}`, with `:-other`, `:+other` and their
 * forms without a colon, `#`, `##`, `%`, `%%`, `/` and `//`; each may be nested. Quotes and escapes are read
 * (https://docs.docker.com/reference/dockerfile/#environment-replacement). A variable without a value is empty.
 *
 * @param escapeCharacter of the file.
 * @throws {Error} for a brace or a quote that is not closed, an unknown operator, or `${NAME:?message}` without a value.
 */
export function expandVariables(word: string, lookup: Lookup, escapeCharacter = '\\'): string {
  return readWord(word, { lookup, escapeCharacter }, '').value;
}

interface Context {
  lookup: Lookup;
  escapeCharacter: string;
}

/** A part of a text as its value, and what is left of the text after it. */
interface ParsedPart {
  value: string;
  rest: string;
}

/** Reads up to `end`, a character, or to the end of the text. Escapes stay in a pattern. */
function readWord(text: string, context: Context, end: string, isPattern = false): ParsedPart {
  let [value, rest] = ['', text];
  while (rest !== '') {
    const [character = ''] = rest;
    rest = rest.slice(character.length);
    if (character === end) return { value, rest };
    if (character === "'") {
      const length = rest.indexOf("'");
      if (length < 0) throw new Error("it has no closing '");
      value += rest.slice(0, length);
      rest = rest.slice(length + 1);
    } else if (character === '"') {
      const quoted = readQuoted(rest, context, isPattern);
      value += quoted.value;
      rest = quoted.rest;
    } else if (character === '$') {
      const variable = readVariable(rest, context);
      value += variable.value;
      rest = variable.rest;
    } else if (character === context.escapeCharacter) {
      const [escaped = ''] = rest;
      value += (isPattern ? character : '') + escaped;
      rest = rest.slice(escaped.length);
    } else value += character;
  }
  if (end !== '') throw new Error(`it has no closing ${end}`);
  return { value, rest };
}

/** Reads a text after its double quote. There, only a quote, a dollar sign and the escape character itself are escaped. */
function readQuoted(text: string, context: Context, isPattern: boolean): ParsedPart {
  let [value, rest] = ['', text];
  while (rest !== '') {
    const [character = '', next = ''] = rest;
    rest = rest.slice(character.length);
    if (character === '"') return { value, rest };
    if (character === '$') {
      const variable = readVariable(rest, context);
      value += variable.value;
      rest = variable.rest;
    } else if (character === context.escapeCharacter && ['"', '$', context.escapeCharacter].includes(next)) {
      value += (isPattern ? character : '') + next;
      rest = rest.slice(next.length);
    } else value += character;
  }
  throw new Error('it has no closing "');
}

/** Reads a variable after its `$`. */
function readVariable(text: string, context: Context): ParsedPart {
  const isBraced = text.startsWith('{');
  const [name] = NAME.exec(text.slice(isBraced ? 1 : 0)) ?? [];
  if (!isBraced) {
    if (name === undefined) return { value: '$', rest: text };
    return { value: context.lookup(name) ?? '', rest: text.slice(name.length) };
  }
  const afterName = text.slice(1 + (name ?? '').length);
  const [operator] = OPERATOR.exec(afterName) ?? [];
  if (name === undefined || operator === undefined) throw new Error('it has no closing } or an unknown operator');
  const value = context.lookup(name);
  const argument = afterName.slice(operator.length);
  if (operator.startsWith('/')) {
    const pattern = readWord(argument, context, '/', true);
    const { value: replacement, rest } = readWord(pattern.rest, context, '}', true);
    return { value: replace(value ?? '', pattern.value, replacement, operator === '//'), rest };
  }
  const { value: word, rest } = readWord(argument, context, '}', /[#%]/.test(operator));
  return { value: applyOperator(value, operator, word), rest };
}

function applyOperator(value: string | undefined, operator: string, word: string): string {
  // With a colon, an empty value counts as none.
  const has = operator.startsWith(':') ? Boolean(value) : value !== undefined;
  const text = value ?? '';
  switch (operator.replace(':', '')) {
    case '-':
      return has ? text : word;
    case '+':
      return has ? word : '';
    case '?':
      if (!has) throw new Error(word || 'a variable has no value');
      return text;
    case '#':
      return text.slice(findLength(lengthsOf(text), (length) => text.slice(0, length), word) ?? 0);
    case '##':
      return text.slice(findLength(lengthsOf(text).reverse(), (length) => text.slice(0, length), word) ?? 0);
    case '%':
      return text.slice(0, findLength(lengthsOf(text).reverse(), (length) => text.slice(length), word) ?? text.length);
    case '%%':
      return text.slice(0, findLength(lengthsOf(text), (length) => text.slice(length), word) ?? text.length);
    default:
      return text;
  }
}

/** Replaces the first longest match of a pattern, or all. */
function replace(text: string, pattern: string, replacement: string, all: boolean): string {
  for (let start = 0; start < text.length; start += 1) {
    const rest = text.slice(start);
    const length = findLength(lengthsOf(rest).reverse(), (one) => rest.slice(0, one), pattern);
    if (!length) continue;
    const after = rest.slice(length);
    return text.slice(0, start) + replacement + (all ? replace(after, pattern, replacement, all) : after);
  }
  return text;
}

/** All lengths of the beginnings of a text, shortest first. */
const lengthsOf = (text: string) => Array.from({ length: text.length + 1 }, (_, length) => length);

/** The first length whose part of a text matches a pattern: `*` is any text, `?` any character. */
function findLength(lengths: number[], partOf: (length: number) => string, pattern: string): number | undefined {
  if (lengths.length > SEARCH_LIMIT) throw new Error(`a value is longer than ${SEARCH_LIMIT} characters`);
  // A path pattern, so that each match is linear: without slashes, at which it would stop, without `**` and sets.
  const path = (text: string) => text.replaceAll('/', '\0');
  const literals: Record<string, string> = { '\\/': '/', '\\}': '}', '[': '\\[' };
  const glob = pattern.replace(/\\.|\*+|\[/gs, (part) => literals[part] ?? part.replace(/^\*+$/, '*'));
  const matches = compilePattern(path(glob));
  return lengths.find((length) => matches(path(partOf(length))));
}
