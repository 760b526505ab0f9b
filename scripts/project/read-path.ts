import { posix } from 'node:path';
import type { Node } from 'oxc-parser';

/** A path that is written in source code. */
export interface PathValue {
  /** The source file whose directory the path is relative to; null for the working directory. */
  from: string | null;
  /** Normalized; absolute when it names a place outside of the project. */
  path: string;
  /** What follows is not known: the path is the directory that it is in. */
  isPartial: boolean;
}

type FindValue = (file: string, name: string) => { file: string; node: Node } | null;

/** An expression without what only the type checker reads, or only waits. */
export function unwrap(node: Node): Node {
  if (node.type === 'AwaitExpression') return unwrap(node.argument);
  const isWrapped = /^TS(As|NonNull|Satisfies)Expression$|^ChainExpression$/.test(node.type) && 'expression' in node;
  return isWrapped ? unwrap(node.expression as Node) : node;
}

/** The name of a callee or a member: `express.static`, `express().use`, `process.env.PORT`; `?` for what has none. */
export function nameOf(node: Node, depth = 0): string {
  const inner = unwrap(node);
  if (depth > 12) return '?';
  if (inner.type === 'Identifier') return inner.name;
  if (inner.type === 'ThisExpression') return 'this';
  if (inner.type === 'MetaProperty') return 'import.meta';
  if (inner.type === 'CallExpression') return `${nameOf(inner.callee, depth + 1)}()`;
  if (inner.type === 'NewExpression') return `new ${nameOf(inner.callee, depth + 1)}()`;
  if (inner.type !== 'MemberExpression') return '?';
  const { computed, property } = inner;
  const key = computed && property.type !== 'Literal' ? '?' : keyOf(property);
  return `${nameOf(inner.object, depth + 1)}.${key}`;
}

/** The name of a property. */
export const keyOf = (key: Node): string => (key.type === 'Literal' ? String(key.value) : nameOf(key));

/** The path that an expression stands for; null when nothing of it is known. */
export function readPath(node: Node, file: string, findValue: FindValue, depth = 0): PathValue | null {
  const inner = unwrap(node);
  if (depth > 40) return null;
  const read = (one: Node) => readPath(one, file, findValue, depth + 1);
  const joined = (parts: (Node | string)[], join: (a: string, b: string) => string): PathValue | null => {
    const [first, ...rest] = parts;
    let value = typeof first === 'string' ? known(null, first) : first && read(first);
    for (const part of rest) {
      if (!value || value.isPartial) break;
      const next = typeof part === 'string' ? known(null, part) : read(part);
      if (!next || next.from !== null) value = { ...value, isPartial: true };
      else value = { ...value, path: join(value.path, next.path), isPartial: next.isPartial };
    }
    return value ?? null;
  };
  const concatenated = (parts: (Node | string)[]) => {
    const value = joined(
      parts.filter((one) => one !== ''),
      (a, b) => a + b,
    );
    if (!value) return null;
    const path = value.from === null ? value.path : value.path.replace(/^\/+/, '');
    return { ...value, path: value.isPartial ? path.slice(0, path.lastIndexOf('/') + 1) : path };
  };
  switch (inner.type) {
    case 'Literal':
      return typeof inner.value === 'string' ? known(null, inner.value) : null;
    case 'TemplateLiteral':
      return concatenated(inner.quasis.flatMap((one, at) => [one.value.cooked ?? '', inner.expressions[at] ?? '']));
    case 'BinaryExpression':
      return inner.operator === '+' ? concatenated([inner.left, inner.right]) : null;
    case 'LogicalExpression':
      return read(inner.right) ?? read(inner.left);
    case 'ConditionalExpression':
      return read(inner.alternate) ?? read(inner.consequent);
    case 'Identifier':
    case 'MemberExpression': {
      const name = nameOf(inner);
      if (/^(__dirname|import\.meta\.dirname)$/.test(name)) return known(file, '');
      if (/^(__filename|import\.meta\.(url|filename))$/.test(name)) return known(file, posix.basename(file));
      if (inner.type === 'MemberExpression' && /\.(pathname|href)$/.test(name)) return read(inner.object);
      const found = name.startsWith('process.env') ? null : findValue(file, name.replace(/^this\./, ''));
      return found && found.node !== inner ? readPath(found.node, found.file, findValue, depth + 1) : null;
    }
    case 'CallExpression':
    case 'NewExpression': {
      const name = nameOf(inner.callee);
      const [first, second] = inner.arguments;
      if (/(^|\.)cwd$/.test(name)) return known(null, '');
      if (!first || /^(Promise|require)\./.test(name)) return null;
      if (name === 'URL' && second) return joined([{ ...second }, first], (a, b) => posix.join(a, '..', b));
      if (/(^|\.)(fileURLToPath|URL|String|toString|normalize)$/.test(name)) return read(first);
      if (/(^|\.)dirname$/.test(name)) return joined([first, '..'], posix.join);
      // path.join(__dirname, '/views') stays below.
      if (/(^|\.)join$/.test(name)) return joined(inner.arguments, (a, b) => posix.join(a || '.', b));
      return /(^|\.)resolve$/.test(name)
        ? joined(inner.arguments, (a, b) => posix.join(posix.isAbsolute(b) ? '' : a, b))
        : null;
    }
  }
  return null;
}

const known = (from: string | null, path: string): PathValue => ({ from, path, isPartial: false });
