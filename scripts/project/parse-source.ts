import { type Node, parseSync, visitorKeys } from 'oxc-parser';
import { keyOf, nameOf, unwrap } from './evaluate.ts';

/** An expression of the source code. */
export interface Site {
  file: string;
  node: Node;
}

/** With the name of a callee: `app.listen`, `new Worker`; or of a value: `config.db.port`, `default.port`, `PORT`. */
export interface NamedSite extends Site {
  name: string;
  args: Node[];
}

/** A source file, parsed once. */
export interface SourceFile {
  text: string;
  /** An import of `isType` is not followed; one of `isUnused` may be removed by the compiler. */
  imports: { from: string; start: number; isType: boolean; isUnused: boolean; isOptional: boolean }[];
  /** Modules that are named by an expression. */
  dynamic: Node[];
  /** Calls, `new` and decorators. */
  calls: NamedSite[];
  /** Constants, functions, properties, assignments and defaults. */
  values: NamedSite[];
  /** The same by name, and by the end of it: `.port`, `.db.port`. */
  named: Map<string, NamedSite>;
  /** Imported name → from where; what is exported with `*` has a name that begins with `*`. */
  bindings: Map<string, string>;
  /** The strings in the file, and `env.X` for each variable of the environment that it reads. */
  words: Set<string>;
}

const CHARACTERS_LIMIT = 2_000_000;
const DEPTH_LIMIT = 1000;
/** Where only the type checker looks. */
const TYPES = /^(TS(TypeAnnotation|TypeReference|TypeAliasDeclaration|InterfaceDeclaration)|ImportDeclaration)$/;
/** What may not run when the program starts. */
const CONDITIONS = /^(IfStatement|TryStatement|Function(Declaration|Expression)|ArrowFunctionExpression)$/;
const ENV = /^(?:process\.|import\.meta\.)?(env\.\w+)$/;
const NESTED =
  /[;,}](?!\s{0,99}else\b)|([([{])|([)\]}])|[!~?:=>+*-]|\b(?:if|for|while|else|do|typeof|new|await|with|extends)\b/g;

/** Parses a file. Null when it cannot be, or is nested so deeply that the parser's stack would overflow and end the process. */
export function parseSource(file: string, text: string): SourceFile | null {
  if (text.length > CHARACTERS_LIMIT) return null;
  let [brackets, operators] = [0, 0];
  for (const [token, opening] of text.matchAll(NESTED)) {
    brackets = Math.max(0, brackets + (opening ? 1 : 0) - (/[)\]}]/.test(token) ? 1 : 0));
    operators = /[;,}]/.test(token) ? 0 : operators + 1;
    if (brackets > DEPTH_LIMIT || operators > 3 * DEPTH_LIMIT) return null;
  }
  try {
    return collect(file, text);
  } catch {
    return null;
  }
}

function collect(file: string, text: string): SourceFile {
  const { program, module } = parseSync(/\.\w+$/.test(file) ? file : `${file}.js`, text, { preserveParens: false });
  const [imports, dynamic, bindings]: [SourceFile['imports'], Node[], SourceFile['bindings']] = [[], [], new Map()];
  const [calls, values]: [NamedSite[], NamedSite[]] = [[], []];
  const [words, used] = [new Set<string>(), new Set<string>()];
  /** `around` is the name of the value that the node is part of. */
  const visit = (node: Node, around: string, isType: boolean, isOptional: boolean) => {
    const addImport = (module: Node | undefined) => {
      const from = module && literalOf(module);
      if (from) imports.push({ from, start: node.start, isType: false, isUnused: false, isOptional });
      else if (module) dynamic.push(module);
    };
    const [key, value] = namedValue(node);
    const name = key?.startsWith('.') && around ? around + key : (key?.replace(/^\./, '') ?? around);
    if (value) values.push({ file, node: value, name, args: [] });
    switch (node.type) {
      case 'CallExpression':
      case 'NewExpression': {
        const callee = (node.type === 'NewExpression' ? 'new ' : '') + nameOf(node.callee);
        calls.push({ file, node, name: callee, args: node.arguments });
        if (/^(require\.resolve|\w*[rR]equire)$/.test(callee)) addImport(node.arguments[0]);
        break;
      }
      case 'ImportExpression':
        addImport(node.source);
        break;
      case 'TSExternalModuleReference':
        addImport(node.expression);
        break;
      case 'VariableDeclarator': {
        const from = node.init && requiredBy(node.init);
        const isEnv = node.init && ENV.test(`${nameOf(node.init)}.X`);
        for (const [property, local] of from || isEnv ? pairsIn(node.id) : []) {
          if (from) bindings.set(local, from);
          else words.add(`env.${property}`);
        }
        break;
      }
      case 'MemberExpression':
        words.add(ENV.exec(nameOf(node))?.[1] ?? '');
        break;
      case 'Literal':
        words.add(String(node.value));
        break;
      case 'Identifier':
      case 'JSXIdentifier':
        if (!isType) used.add(node.name);
    }
    const [isInType, isInCondition] = [isType || TYPES.test(node.type), isOptional || CONDITIONS.test(node.type)];
    for (const child of visitorKeys[node.type] ?? []) {
      const nodes = [node[child as keyof Node] as unknown as Node | (Node | null)[] | null].flat();
      for (const one of nodes) if (one) visit(one, name, isInType, isInCondition);
    }
  };
  visit(program, '', false, false);
  for (const { start, moduleRequest, entries } of module.staticImports) {
    const [from, names] = [moduleRequest.value, entries.map(({ localName }) => localName.value)];
    const isType = names.length > 0 && entries.every((one) => one.isType);
    const isUnused = names.length > 0 && /tsx?$/.test(file) && !names.some((name) => used.has(name));
    imports.push({ from, start, isType, isUnused, isOptional: false });
    for (const name of names) bindings.set(name, from);
  }
  for (const { start, moduleRequest, exportName, isType } of module.staticExports.flatMap((one) => one.entries)) {
    if (!moduleRequest) continue;
    imports.push({ from: moduleRequest.value, start, isType, isUnused: false, isOptional: false });
    bindings.set(exportName.name ?? `* ${moduleRequest.value}`, moduleRequest.value);
  }
  return { text, imports, dynamic, calls, values, named: indexNames(values), bindings, words };
}

/** The shortest name counts, and the first of them. */
function indexNames(values: NamedSite[]): SourceFile['named'] {
  const named: SourceFile['named'] = new Map();
  for (const value of values.toSorted((a, b) => a.name.length - b.name.length)) {
    const parts = value.name.split('.');
    const ends = [1, 2, 3].map((count) => `.${parts.slice(-count).join('.')}`);
    for (const name of [value.name, ...ends]) if (!named.has(name)) named.set(name, value);
  }
  return named;
}

/** The name and the value of what is named. A name with a dot belongs to the value around it. */
function namedValue(node: Node): [name?: string, value?: Node | null] {
  switch (node.type) {
    case 'VariableDeclarator':
      return node.id.type === 'Identifier' ? [node.id.name, node.init] : [''];
    case 'Property':
    case 'PropertyDefinition':
      return [`.${keyOf(node.key)}`, node.value];
    case 'AssignmentPattern':
    case 'AssignmentExpression':
      return [nameOf(node.left).replace(/^this\./, ''), node.right];
    case 'FunctionDeclaration':
      return node.id ? [node.id.name, node] : [];
    case 'ExportDefaultDeclaration':
      return ['default', node.declaration];
  }
  return [];
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

/** The names that a declaration gives, with the properties that they are taken from: `{ property: name }`. */
function pairsIn(pattern: Node): [property: string, name: string][] {
  if (pattern.type === 'Identifier') return [['', pattern.name]];
  const properties = pattern.type === 'ObjectPattern' ? pattern.properties : [];
  return properties.flatMap((one) => (one.type === 'Property' ? [[keyOf(one.key), nameOf(one.value)]] : []));
}
