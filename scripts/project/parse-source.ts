import { type Node, parseSync, visitorKeys } from 'oxc-parser';
import { keyOf, nameOf } from './evaluate.ts';

/** An expression of the source code. */
export type Site = { file: string; node: Node };
/** With the name of a callee: `app.listen`, `new Worker`; or of a value: `config.db.port`, `default.port`, `PORT`. */
export type NamedSite = Site & { name: string; args: Node[] };
export type SourceFile = ReturnType<typeof collect>;

const CHARACTERS_LIMIT = 2_000_000;
const DEPTH_LIMIT = 1000;
/** Where only the type checker looks. */
const TYPES = /^(TS(TypeAnnotation|TypeReference|TypeAliasDeclaration|InterfaceDeclaration)|ImportDeclaration)$/;
/** What may not run when the program starts. */
const CONDITIONS = /^(IfStatement|TryStatement|Function(Declaration|Expression)|ArrowFunctionExpression)$/;
const ENV = /^(?:process\.|import\.meta\.)?env$/;
const REQUIRED = /^(?:await\s+)?(?:require|import)\(\s*(['"`])([^'"`]+)\1\s*\)/;
const NESTED =
  /[;,}](?!\s{0,99}else\b)|([([{])|([)\]}])|[!~?:=>+*-]|\b(?:if|for|while|else|do|typeof|new|await|with|extends)\b/g;

/** Parses a file. Null when it cannot be, or is nested so deeply that the parser's stack would overflow and end the process. */
export function parseSource(file: string, text: string): SourceFile | null {
  if (text.length > CHARACTERS_LIMIT) return null;
  let [brackets, operators] = [0, 0];
  // A colour of a terminal is in a string: nowhere else may this character stand.
  for (const [token, opening] of text.replaceAll('\u001b[', '').matchAll(NESTED)) {
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

function collect(file: string, text: string) {
  const { program, module } = parseSync(/\.\w+$/.test(file) ? file : `${file}.js`, text, { preserveParens: false });
  /** Imports and exports of other modules, not those of types alone. The compiler may remove what is not used. */
  const imports: { from: string; start: number; isUnused: boolean }[] = [];
  /** What is given to `require` and `import()`; optional in a function or under a condition. */
  const required: { node: Node; isOptional: boolean }[] = [];
  /** Calls, `new` and decorators; constants, functions, properties, assignments and defaults. */
  const [calls, values]: [NamedSite[], NamedSite[]] = [[], []];
  /** Imported name → from where; what is exported with `*` has a name that begins with `*`. */
  const bindings = new Map<string, string>();
  /** The strings in the file, and `env.X` for each variable of the environment that it reads. */
  const words = new Set<string>();
  const used = new Set<string>();
  /** `around` is the name of the value that the node is part of. */
  const visit = (node: Node, around: string, isType: boolean, isOptional: boolean) => {
    const [key, value] = namedValue(node);
    const name = key?.startsWith('.') && around ? around + key : (key?.replace(/^\./, '') ?? around);
    if (value) values.push({ file, node: value, name, args: [] });
    if (node.type === 'CallExpression' || node.type === 'NewExpression') {
      const callee = (node.type === 'NewExpression' ? 'new ' : '') + nameOf(node.callee);
      calls.push({ file, node, name: callee, args: node.arguments });
      const isRequire = /^(require\.resolve|\w*[rR]equire)$/.test(callee);
      if (isRequire && node.arguments[0]) required.push({ node: node.arguments[0], isOptional });
    } else if (node.type === 'ImportExpression') required.push({ node: node.source, isOptional });
    else if (node.type === 'TSExternalModuleReference') required.push({ node: node.expression, isOptional });
    else if (node.type === 'MemberExpression' && ENV.test(nameOf(node.object)))
      words.add(`env.${keyOf(node.property)}`);
    else if (node.type === 'Literal') words.add(String(node.value));
    else if (node.type === 'JSXIdentifier' || (node.type === 'Identifier' && !isType)) used.add(node.name);
    else if (node.type === 'VariableDeclarator' && node.init) {
      const [, , from] = REQUIRED.exec(text.slice(node.init.start, node.init.start + 300)) ?? [];
      for (const local of from ? namesIn(node.id, 'value') : []) bindings.set(local, from ?? '');
      const variables = ENV.test(nameOf(node.init)) ? namesIn(node.id, 'key') : [];
      for (const variable of variables) words.add(`env.${variable}`);
    }
    const [isInType, isInCondition] = [isType || TYPES.test(node.type), isOptional || CONDITIONS.test(node.type)];
    for (const child of visitorKeys[node.type] ?? []) {
      const nodes = [node[child as keyof Node] as unknown as Node | (Node | null)[] | null].flat();
      for (const one of nodes) if (one) visit(one, name, isInType, isInCondition);
    }
  };
  visit(program, '', false, false);
  for (const { start, moduleRequest, entries } of module.staticImports) {
    const names = entries.map(({ localName }) => localName.value);
    const [from, isNamed] = [moduleRequest.value, names.length > 0];
    const isUnused = isNamed && /tsx?$/.test(file) && !names.some((name) => used.has(name));
    for (const name of names) bindings.set(name, from);
    if (!isNamed || entries.some((one) => !one.isType)) imports.push({ from, start, isUnused });
  }
  for (const { start, moduleRequest, exportName, isType } of module.staticExports.flatMap((one) => one.entries)) {
    if (!moduleRequest) continue;
    bindings.set(exportName.name ?? `* ${moduleRequest.value}`, moduleRequest.value);
    if (!isType) imports.push({ from: moduleRequest.value, start, isUnused: false });
  }
  /** Values by name, and by the end of it: `.port`, `.db.port`. The shortest name counts, and the first of them. */
  const named = new Map<string, Site>();
  for (const value of values.toSorted((a, b) => a.name.length - b.name.length)) {
    const ends = [1, 2, 3].map((count) => `.${value.name.split('.').slice(-count).join('.')}`);
    for (const name of [value.name, ...ends]) if (!named.has(name)) named.set(name, value);
  }
  return { text, imports, required, calls, values, named, bindings, words };
}

/** The name and the value of what is named. A name with a dot belongs to the value around it. */
function namedValue(node: Node): [name?: string, value?: Node | null] {
  if (node.type === 'VariableDeclarator') return node.id.type === 'Identifier' ? [node.id.name, node.init] : [''];
  if (node.type === 'Property' || node.type === 'PropertyDefinition') return [`.${keyOf(node.key)}`, node.value];
  if (node.type === 'AssignmentPattern' || node.type === 'AssignmentExpression')
    return [nameOf(node.left).replace(/^this\./, ''), node.right];
  if (node.type === 'ExportDefaultDeclaration') return ['default', node.declaration];
  return node.type === 'FunctionDeclaration' && node.id ? [node.id.name, node] : [];
}

/** The names that a declaration gives, or those of the properties that they are taken from: `{ key: value }`. */
function namesIn(pattern: Node, part: 'key' | 'value'): string[] {
  if (pattern.type === 'ObjectPattern')
    return pattern.properties.flatMap((one) => (one.type === 'Property' ? keyOf(one[part]) : []));
  return pattern.type === 'Identifier' && part === 'value' ? [pattern.name] : [];
}
