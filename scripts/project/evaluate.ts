import { posix } from 'node:path';
import type { Node } from 'oxc-parser';

/** What an expression of the source code stands for: a text, a number, or a path. */
export interface Value {
  /** The source file whose directory a path is relative to; null for the working directory. */
  from: string | null;
  text: string;
  /** What follows is not known: a path is the directory that it is in. */
  isPartial: boolean;
}

export interface Scope {
  findValue(file: string, name: string): { file: string; node: Node } | null;
  /** What a value has to be. A call of any function then stands for its first argument or default that fits. */
  fits?: (text: string) => boolean;
}

type Read = (node: Node) => Value | null;

/** Limits of a number in a schema, which are not its value. */
const LIMITS = /\.(min|max|gte?|lte?|int|length|positive|refine|transform|nonnegative)$/;

/** An expression without what only the type checker reads, or only waits. */
export function unwrap(node: Node): Node {
  const isWrapped = /^(Chain|TS(As|NonNull|Satisfies))Expression$/.test(node.type) && 'expression' in node;
  if (isWrapped) return unwrap(node.expression as Node);
  return node.type === 'AwaitExpression' ? unwrap(node.argument) : node;
}

/** The name of a callee or a member: `express.static`, `express().use`, `process.env.PORT`; `?` for what has none. */
export function nameOf(node: Node, depth = 0): string {
  const inner = depth > 12 ? null : unwrap(node);
  if (inner?.type === 'Identifier') return inner.name;
  if (inner?.type === 'ThisExpression') return 'this';
  if (inner?.type === 'MetaProperty') return 'import.meta';
  if (inner?.type === 'CallExpression') return `${nameOf(inner.callee, depth + 1)}()`;
  if (inner?.type === 'NewExpression') return `new ${nameOf(inner.callee, depth + 1)}()`;
  if (inner?.type !== 'MemberExpression') return '?';
  const key = inner.computed && inner.property.type !== 'Literal' ? '?' : keyOf(inner.property);
  return `${nameOf(inner.object, depth + 1)}.${key}`;
}

/** The name of a property. */
export const keyOf = (key: Node): string => (key.type === 'Literal' ? String(key.value) : nameOf(key));

/** The value of a property of an object expression. */
export function findProperty(node: Node | undefined, name: RegExp): Node | undefined {
  const all = node?.type === 'ObjectExpression' ? node.properties : [];
  return all.flatMap((one) => (one.type === 'Property' && name.test(keyOf(one.key)) ? one.value : []))[0];
}

const known = (from: string | null, text: string): Value => ({ from, text, isPartial: false });

/** Evaluates an expression as far as the source code says it; null when nothing of it is known. */
export function evaluate(node: Node, file: string, scope: Scope, depth = 0): Value | null {
  const inner = unwrap(node);
  if (depth > 40) return null;
  const read = (one: Node, at = file) => evaluate(one, at, scope, depth + 1);
  if (inner.type === 'Literal') {
    const isText = /^(string|number)$/.test(typeof inner.value) && scope.fits?.(String(inner.value)) !== false;
    return isText ? known(null, String(inner.value)) : null;
  }
  if (inner.type === 'TemplateElement') return known(null, inner.value.cooked ?? '');
  if (inner.type === 'TemplateLiteral')
    return joinAll(
      inner.quasis.flatMap((one, at) => [one, inner.expressions[at] ?? []].flat()),
      read,
    );
  if (inner.type === 'BinaryExpression' && inner.operator === '+' && !scope.fits)
    return joinAll([inner.left, inner.right], read);
  // Of a choice, the fallback counts.
  if (inner.type === 'LogicalExpression') return first([inner.right, inner.left], read);
  if (inner.type === 'ConditionalExpression') return first([inner.alternate, inner.consequent], read);
  if (inner.type === 'UnaryExpression' && inner.operator === '+') return read(inner.argument);
  if (inner.type === 'AssignmentPattern') return read(inner.right);
  // [process.env.PORT, 3000].find(Boolean), https://github.com/mozilla/node-convict, options of a command line
  if (inner.type === 'ArrayExpression') return first(inner.elements.slice(-1), read);
  if (inner.type === 'ObjectExpression') return first([findProperty(inner, /^default$/)], read);
  const find = (name: string) => scope.findValue(file, name.replace(/^this\./, ''));
  if (inner.type === 'CallExpression' || inner.type === 'NewExpression') {
    const name = nameOf(inner.callee);
    if (!scope.fits) return evaluatePath(name, inner.arguments, read);
    // Not the 10 of parseInt(text, 10). A function of the program may have a default: readPort(port = 3000).
    const given = LIMITS.test(name) ? [] : inner.arguments.slice(0, /parseInt$/.test(name) ? 1 : undefined);
    const called = find(name);
    const defaults = called?.node.type === 'FunctionDeclaration' ? called.node.params : [];
    const receiver = inner.callee.type === 'MemberExpression' ? [inner.callee.object] : [];
    return first(given, read) ?? first(defaults, (one) => read(one, called?.file)) ?? first(receiver, read);
  }
  const name = nameOf(inner);
  if (/^(__dirname|import\.meta\.dirname)$/.test(name)) return known(file, '');
  if (/^(__filename|import\.meta\.(url|filename))$/.test(name)) return known(file, posix.basename(file));
  if (inner.type === 'MemberExpression' && /\.(pathname|href)$/.test(name)) return read(inner.object);
  const found = /^\?$|(^|\.)env\./.test(name) ? null : find(name);
  return found && found.node !== inner ? read(found.node, found.file) : null;
}

/** The first of some expressions that has a value. */
function first(nodes: (Node | null | undefined)[], read: Read): Value | null {
  for (const node of nodes) {
    const value = node && read(node);
    if (value) return value;
  }
  return null;
}

/** The path that a call makes of others. */
function evaluatePath(name: string, args: Node[], read: Read): Value | null {
  const [path, base] = args;
  const last = /\w*$/.exec(name)?.[0] ?? '';
  if (last === 'cwd') return known(null, '');
  if (!path || /^(Promise|require)\./.test(name)) return null;
  if (last === 'URL' && base) return joinAll([base, path], read, (a, b) => posix.join(a, '..', b));
  if (/^(fileURLToPath|URL|String|toString|normalize)$/.test(last)) return read(path);
  // path.join(__dirname, '/views') stays below.
  if (last === 'join') return joinAll(args, read, (a, b) => posix.join(a || '.', b));
  if (last === 'resolve') return joinAll(args, read, (a, b) => posix.join(posix.isAbsolute(b) ? '' : a, b));
  const value = last === 'dirname' ? read(path) : null;
  return value && { ...value, text: value.isPartial ? value.text : posix.join(value.text, '..') };
}

/** Joins values up to the first that is not known. A concatenated path is then cut to its directory. */
function joinAll(parts: Node[], read: Read, join?: (a: string, b: string) => string): Value | null {
  let [value = null, ...others] = parts.map((one) => read(one));
  for (const next of others) {
    if (!value || value.isPartial) break;
    const text = join ? join(value.text, next?.text ?? '') : value.text + next?.text;
    if (value.from === null && value.text === '' && next?.from !== null) value = next;
    else value = next?.from === null ? { ...value, text, isPartial: next.isPartial } : { ...value, isPartial: true };
  }
  if (!value || join) return value;
  const text = value.from === null ? value.text : value.text.replace(/^\/+/, '');
  return { ...value, text: value.isPartial ? text.slice(0, text.lastIndexOf('/') + 1) : text };
}
