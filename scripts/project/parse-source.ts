import { type Node, parseSync, Visitor, type VisitorObject } from 'oxc-parser';
import { keyOf, nameOf, unwrap } from './read-path.ts';

/** An expression of the source code, and where it is. */
export interface Site {
  file: string;
  line: number;
  node: Node;
}

/** With the name of a callee: `app.listen`, `new Worker`; or of a value: `config.db.port`, `default.port`, `PORT`. */
export interface NamedSite extends Site {
  name: string;
  args: Node[];
}

/** A source file, parsed once. */
export interface SourceFile {
  imports: { from: string; line: number; isType: boolean; isUnused: boolean; isOptional: boolean }[];
  /** Modules that are named by an expression. */
  dynamic: Site[];
  /** Calls, `new` and decorators. */
  calls: NamedSite[];
  /** Constants, properties, assignments and defaults. */
  values: NamedSite[];
  /** Expressions that may be paths, an outer one before those in it. */
  paths: Site[];
  /** Imported name → from where; what is exported with `*` has a name that begins with `*`. */
  bindings: Map<string, string>;
  /** The strings in the file, and `env.X` for each variable of the environment that it reads. */
  words: Set<string>;
}

const CHARACTERS_LIMIT = 2_000_000;
const DEPTH_LIMIT = 1000;
/** Where only the type checker looks, and what may not run when the program starts. */
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
const NESTED =
  /[;,}](?!\s{0,99}else\b)|([([{])|([)\]}])|[!~?:=>+*-]|\b(?:if|for|while|else|do|typeof|new|await|with|extends)\b/g;

/** Parses a file. Null when it cannot be, or is nested so deeply that the parser's stack would overflow and end the process. */
export function parseSource(file: string, text: string): SourceFile | null {
  let [brackets, operators] = [0, 0];
  // A colour of a terminal is in a string: nowhere else may this character stand.
  const code = text.replaceAll('\u001b[', '');
  for (const [token, opening] of text.length > CHARACTERS_LIMIT ? [] : code.matchAll(NESTED)) {
    brackets = Math.max(0, brackets + (opening ? 1 : 0) - (/[)\]}]/.test(token) ? 1 : 0));
    operators = /[;,}]/.test(token) ? 0 : operators + 1;
    if (brackets > DEPTH_LIMIT || operators > 3 * DEPTH_LIMIT) return null;
  }
  try {
    return text.length > CHARACTERS_LIMIT ? null : collect(file, text);
  } catch {
    return null;
  }
}

function collect(file: string, text: string): SourceFile {
  const { program } = parseSync(/\.\w+$/.test(file) ? file : `${file}.js`, text, { preserveParens: false });
  const [imports, dynamic, calls]: [SourceFile['imports'], Site[], NamedSite[]] = [[], [], []];
  const [values, paths, bindings]: [NamedSite[], Site[], SourceFile['bindings']] = [[], [], new Map()];
  const [words, used] = [new Set<string>(), new Set<string>()];
  // The names around a value. One that begins with = begins a name: a declaration in a function is not a property of it.
  const names: string[] = [];
  let [types, conditions, line, offset] = [0, 0, 1, 0];
  // Nodes come almost in the order of the text.
  const siteOf = (node: Node): Site => {
    if (node.start < offset) [line, offset] = [1, 0];
    for (let at = text.indexOf('\n', offset); at !== -1 && at < node.start; at = text.indexOf('\n', offset)) {
      line++;
      offset = at + 1;
    }
    return { file, line, node };
  };
  const addPath = (node: Node) => void paths.push(siteOf(node));
  const addImport = (node: Node | null | undefined, isType = false, isUnused = false) => {
    const from = node && literalOf(node);
    if (from) imports.push({ from, line: siteOf(node).line, isType, isUnused, isOptional: conditions > 0 });
    else if (node) dynamic.push(siteOf(node));
  };
  const enterName = (name: string, node: Node | null) => {
    names.push(name);
    const path = names.slice(
      Math.max(
        0,
        names.findLastIndex((one) => one.startsWith('=')),
      ),
    );
    if (node) values.push({ ...siteOf(node), name: path.join('.').replace(/^=(this\.)?/, ''), args: [] });
  };
  const addCall = (node: Extract<Node, { type: 'CallExpression' | 'NewExpression' }>) => {
    const name = (node.type === 'NewExpression' ? 'new ' : '') + nameOf(node.callee);
    calls.push({ ...siteOf(node), name, args: node.arguments });
    if (/^(require|require\.resolve|\w*[rR]equire)$/.test(name)) addImport(node.arguments[0]);
    if (/(^|[.\s])(join|resolve|URL|dirname)$/.test(name)) addPath(node);
  };
  const visitor: VisitorObject = {
    ImportExpression: ({ source }) => addImport(source),
    ExportAllDeclaration: ({ source, exportKind }) => {
      addImport(source, exportKind === 'type');
      bindings.set(`* ${source.value}`, source.value);
    },
    ExportNamedDeclaration: ({ source, exportKind, specifiers }) => {
      addImport(source, exportKind === 'type');
      if (source) for (const { exported } of specifiers) bindings.set(keyOf(exported), source.value);
    },
    TSImportEqualsDeclaration: ({ moduleReference, id }) => {
      if (moduleReference.type !== 'TSExternalModuleReference') return;
      addImport(moduleReference.expression);
      bindings.set(id.name, moduleReference.expression.value);
    },
    CallExpression: addCall,
    NewExpression: addCall,
    BinaryExpression: (node) => void (node.operator === '+' && addPath(node)),
    TemplateLiteral: addPath,
    MemberExpression: (node) => {
      const name = nameOf(node);
      if (/^(process\.|import\.meta\.)?env\.\w+$/.test(name)) words.add(name.slice(name.lastIndexOf('env.')));
      if (name === 'import.meta.dirname') addPath(node);
    },
    Literal: (node) => {
      if (typeof node.value === 'string') words.add(node.value);
      if (/\.(db|sqlite3?)$/.test(String(node.value))) addPath(node);
    },
    Identifier: (node) => {
      if (types === 0) used.add(node.name);
      if (node.name === '__dirname') addPath(node);
    },
    JSXIdentifier: ({ name }) => void used.add(name),
    VariableDeclarator: ({ id, init }) => {
      const from = init && requiredBy(init);
      for (const name of namesIn(id)) if (from) bindings.set(name, from);
      const isEnv = init && /(^|\.)env$/.test(nameOf(init)) && id.type === 'ObjectPattern';
      for (const one of isEnv ? id.properties : []) if (one.type === 'Property') words.add(`env.${keyOf(one.key)}`);
      enterName(id.type === 'Identifier' ? `=${id.name}` : '=', id.type === 'Identifier' ? init : null);
    },
    Property: ({ key, value }) => enterName(keyOf(key), value),
    PropertyDefinition: ({ key, value }) => enterName(keyOf(key), value),
    AssignmentPattern: ({ left, right }) => enterName(`=${keyOf(left)}`, right),
    AssignmentExpression: ({ left, right }) => enterName(`=${nameOf(left)}`, right),
    ExportDefaultDeclaration: ({ declaration }) => enterName('=default', declaration),
  };
  const add = (type: string, exit: () => void, enter?: () => void) =>
    Object.assign(visitor, enter && { [type]: enter }, { [`${type}:exit`]: exit });
  const named =
    'VariableDeclarator Property PropertyDefinition AssignmentPattern AssignmentExpression ExportDefaultDeclaration';
  for (const type of named.split(' ')) add(type, () => void names.pop());
  for (const type of TYPES) add(type, () => void types--, () => void types++); // biome-ignore format: one line each
  for (const type of CONDITIONS) add(type, () => void conditions--, () => void conditions++); // biome-ignore format: as above
  new Visitor(visitor).visit(program);
  for (const node of program.body) {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    if (declared?.type === 'FunctionDeclaration' && declared.id)
      values.push({ ...siteOf(declared), name: declared.id.name, args: [] });
    if (node.type !== 'ImportDeclaration') continue;
    const locals = node.specifiers.map(({ local }) => local.name);
    const isUnused = locals.length > 0 && /tsx?$/.test(file) && !locals.some((name) => used.has(name));
    addImport(node.source, node.importKind === 'type', isUnused);
    for (const name of locals) bindings.set(name, node.source.value);
  }
  return { imports, dynamic, calls, values, paths, bindings, words };
}

function literalOf(node: Node): string | null {
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0]?.value.cooked ?? null;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : null;
}

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
  const properties = pattern.type === 'ObjectPattern' ? pattern.properties : [];
  return properties.flatMap((one) => (one.type === 'Property' ? namesIn(one.value) : []));
}
