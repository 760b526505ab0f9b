import { type Node, type ParseResult, parseSync, Visitor, type VisitorObject } from 'oxc-parser';
import { keyOf, nameOf, unwrap } from './read-path.ts';

/** An expression of the source code and where it is. */
export interface Site {
  file: string;
  line: number;
  node: Node;
}

/** A call, `new` or decorator: `app.listen`, `new Worker`. */
export interface Call extends Site {
  name: string;
  args: Node[];
}

/** A constant, property or default, named by its path: `config.db.port`, `default.port`, `PORT`. */
export interface NamedValue extends Site {
  name: string;
}

/** A source file, parsed once. */
export interface SourceFile {
  imports: { from: string; line: number; isType: boolean; isConditional: boolean }[];
  /** Modules that are named by an expression. */
  dynamic: Site[];
  calls: Call[];
  values: NamedValue[];
  /** Expressions that may be paths, an outer one before those in it. */
  paths: Site[];
  /** Names from other files, and from where. */
  bindings: Map<string, string>;
  /** The files that this one exports all of. */
  reexports: string[];
  /** The strings that are written in the file, and the variables of the environment that it reads. */
  strings: Set<string>;
  variables: Set<string>;
}

const CHARACTERS_LIMIT = 2_000_000;
const DEPTH_LIMIT = 1000;
/** Where only the type checker looks. */
const TYPES = [
  'TSTypeAnnotation',
  'TSTypeReference',
  'TSTypeAliasDeclaration',
  'TSInterfaceDeclaration',
  'ImportDeclaration',
];

const CONDITIONS = [
  'IfStatement',
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'TryStatement',
];

/**
 * Collects what the other files of look/ ask for, in one walk. Null for a file that is too large, or nested so deeply that
 * the parser's stack would overflow, which ends the process.
 */
export function parseSource(file: string, text: string): SourceFile | null {
  if (text.length > CHARACTERS_LIMIT || isTooDeep(text)) return null;
  try {
    const parsed = parseSync(/\.\w+$/.test(file) ? file : `${file}.js`, text, { preserveParens: false });
    return collect(file, text, parsed);
  } catch {
    return null;
  }
}

/** Whether brackets or operators may be nested too deeply. Counts too much rather than too little: after `;` it begins again. */
function isTooDeep(text: string): boolean {
  let [brackets, operators] = [0, 0];
  for (const [token] of text.matchAll(
    /[;,}](?!\s*else\b)|[([{)\]!~?:=>+*-]|\b(?:if|for|while|else|do|typeof|new|await|with|extends)\b/g,
  )) {
    if (/[([{]/.test(token)) brackets++;
    else if (/[)\]}]/.test(token)) brackets = Math.max(0, brackets - 1);
    operators = /[;,}]/.test(token) ? 0 : operators + 1;
    if (brackets > DEPTH_LIMIT || operators > 3 * DEPTH_LIMIT) return true;
  }
  return false;
}

function collect(file: string, text: string, { program }: ParseResult): SourceFile {
  const found: SourceFile = {
    imports: [],
    dynamic: [],
    calls: [],
    values: [],
    paths: [],
    bindings: new Map(),
    reexports: [],
    strings: new Set(),
    variables: new Set(),
  };
  const used = new Set<string>();
  // The names around a value. One that begins with = begins a name: a declaration in a function is not a property of it.
  const names: string[] = [];
  let [types, conditions, line, offset] = [0, 0, 1, 0];
  // Nodes come almost in the order of the text.
  const lineOf = ({ start }: Node) => {
    if (start < offset) [line, offset] = [1, 0];
    for (let at = text.indexOf('\n', offset); at !== -1 && at < start; at = text.indexOf('\n', at + 1)) {
      line++;
      offset = at + 1;
    }
    return line;
  };
  const siteOf = (node: Node): Site => ({ file, line: lineOf(node), node });
  const addImport = (node: Node | null | undefined, isType: boolean, at: Node) => {
    if (!node) return;
    const from = literalOf(node);
    if (from !== null) found.imports.push({ from, line: lineOf(at), isType, isConditional: conditions > 0 });
    else found.dynamic.push(siteOf(node));
  };
  const addPath = (node: Node) => found.paths.push(siteOf(node));
  const addName = (name: string, node: Node | null) => {
    names.push(name);
    const path = names
      .slice(names.findLastIndex((one) => one.startsWith('=')))
      .join('.')
      .replace(/^=(this\.)?/, '');
    if (node) found.values.push({ ...siteOf(node), name: path });
  };
  const call = (node: Extract<Node, { type: 'CallExpression' | 'NewExpression' }>) => {
    const name = (node.type === 'NewExpression' ? 'new ' : '') + nameOf(node.callee);
    found.calls.push({ ...siteOf(node), name, args: node.arguments });
    if (/^(require|require\.resolve|\w*[rR]equire)$/.test(name)) addImport(node.arguments[0], false, node);
    if (/(^|[.\s])(join|resolve|URL|dirname)$/.test(name)) addPath(node);
  };
  const visitor: VisitorObject = {
    ImportExpression: (node) => addImport(node.source, false, node),
    ExportAllDeclaration: (node) => {
      addImport(node.source, node.exportKind === 'type', node);
      found.reexports.push(node.source.value);
    },
    ExportNamedDeclaration: (node) => {
      addImport(node.source, node.exportKind === 'type', node);
      if (node.source) for (const one of node.specifiers) found.bindings.set(keyOf(one.exported), node.source.value);
    },
    TSImportEqualsDeclaration: ({ moduleReference: from, id }) => {
      if (from.type !== 'TSExternalModuleReference') return;
      addImport(from.expression, false, from);
      found.bindings.set(id.name, from.expression.value);
    },
    CallExpression: call,
    NewExpression: call,
    BinaryExpression: (node) => void (node.operator === '+' && addPath(node)),
    TemplateLiteral: addPath,
    MemberExpression: (node) => {
      const name = nameOf(node);
      const variable = /^(?:process\.|import\.meta\.|Bun\.)?env\.(\w+)$/.exec(name)?.[1];
      if (variable) found.variables.add(variable);
      if (name === 'import.meta.dirname') addPath(node);
    },
    Literal: (node) => {
      if (typeof node.value !== 'string') return;
      found.strings.add(node.value);
      if (/\.(db|sqlite3?)$/.test(node.value)) addPath(node);
    },
    Identifier: (node) => {
      if (types === 0) used.add(node.name);
      if (node.name === '__dirname') addPath(node);
    },
    JSXIdentifier: (node) => void used.add(node.name),
    VariableDeclarator: ({ id, init }) => {
      const from = init && requiredBy(init);
      for (const name of namesIn(id)) if (from) found.bindings.set(name, from);
      if (id.type === 'ObjectPattern' && init && /(^|\.)env$/.test(nameOf(init))) {
        for (const one of id.properties) if (one.type === 'Property') found.variables.add(keyOf(one.key));
      }
      addName(id.type === 'Identifier' ? `=${id.name}` : '=', id.type === 'Identifier' ? init : null);
    },
    'VariableDeclarator:exit': () => void names.pop(),
    Property: (node) => addName(keyOf(node.key), node.value),
    'Property:exit': () => void names.pop(),
    PropertyDefinition: (node) => addName(keyOf(node.key), node.value),
    'PropertyDefinition:exit': () => void names.pop(),
    AssignmentPattern: (node) => addName(`=${keyOf(node.left)}`, node.right),
    'AssignmentPattern:exit': () => void names.pop(),
    AssignmentExpression: (node) => addName(`=${nameOf(node.left)}`, node.right),
    'AssignmentExpression:exit': () => void names.pop(),
    ExportDefaultDeclaration: (node) => addName('=default', node.declaration),
    'ExportDefaultDeclaration:exit': () => void names.pop(),
  };
  for (const type of TYPES)
    Object.assign(visitor, { [type]: () => void types++, [`${type}:exit`]: () => void types-- });
  for (const type of CONDITIONS) {
    Object.assign(visitor, { [type]: () => void conditions++, [`${type}:exit`]: () => void conditions-- });
  }
  new Visitor(visitor).visit(program);
  for (const node of program.body) {
    if (node.type !== 'ImportDeclaration') continue;
    const locals = node.specifiers.map(({ local }) => local.name);
    const isUnused = locals.length > 0 && /ts[x]?$/.test(file) && !locals.some((name) => used.has(name));
    // A class that is only named in a constructor is still used: decorators hand it over.
    addImport(node.source, node.importKind === 'type' || (isUnused && !node.source.value.startsWith('.')), node);
    for (const name of locals) found.bindings.set(name, node.source.value);
  }
  return found;
}

const literalOf = (node: Node): string | null => {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  return node.type === 'TemplateLiteral' && node.expressions.length === 0
    ? (node.quasis[0]?.value.cooked ?? null)
    : null;
};

/** The module of `require('x')`, `require('x').y` and `await import('x')`. */
function requiredBy(node: Node): string | null {
  const inner = unwrap(node);
  if (inner.type === 'MemberExpression') return requiredBy(inner.object);
  if (inner.type === 'ImportExpression') return literalOf(inner.source);
  if (inner.type !== 'CallExpression' || !inner.arguments[0]) return null;
  return nameOf(inner.callee) === 'require' ? literalOf(inner.arguments[0]) : requiredBy(inner.callee);
}

function namesIn(pattern: Node): string[] {
  if (pattern.type === 'Identifier') return [pattern.name];
  if (pattern.type !== 'ObjectPattern') return [];
  return pattern.properties.flatMap((one) => (one.type === 'Property' ? namesIn(one.value) : []));
}
