import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { type Fact, fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import { findComposeServices, findOwnStage } from '../../project/own-files.ts';
import { nameOf, unwrap } from '../../project/read-path.ts';
import type { Project } from '../../project/read-project.ts';
import { findProperty, limitSteps, type SourceScan } from '../../project/scan-source.ts';

/** `PORT`, `APP_PORT`, `config.server.port`, but not the ports of databases and other services. */
const PORT_NAME = /^(.*[._])?((app|server|api|http|node|web|service|listen|listening|express|backend)_?)?port$/i;
const OTHER_SERVICE =
  /(db|database|redis|smtp|e?mail|postgres|pg|my?sql|mongo\w*|rabbit\w*|amqp|kafka|cache|proxy|ldap|metrics|debug|inspect|https|ssl|tls|grpc_web|elastic\w*|client|front\w*|hmr|vite|ws|test\w*|knex|memcached|influx\w*|statsd|graphite|ssh|imap|admin|mgmt)[._]?(\w*[._])?port$/i;
const EXAMPLES =
  '.env.example .env.sample .env.defaults .env.template .env.dist example.env sample.env .env.development.example .env.production .env config/production.json config/default.json'.split(
    ' ',
  );
/** Redis, Postgres, MySQL, MongoDB, AMQP, Elasticsearch, IRC, and those of the system but 80 and 443: none is the app's. */
const OTHER_PORTS = /^(6379|5432|3306|27017|5672|9200|6667|6697|(?!80$|443$)\d{1,3})$/;
const LIMITS = /\.(min|max|gte?|lte?|int|length|positive|refine|transform|nonnegative)$/;

const isPortName = (name: string) => name.length < 100 && PORT_NAME.test(name) && !OTHER_SERVICE.test(name);
const toPort = (text: string | undefined) =>
  /^\d{1,5}$/.test(text ?? '') && Number(text) > 0 && Number(text) < 65_536 ? Number(text) : null;

/** Whether the program reads the variable PORT of its environment, so that the image can set it. */
export function readsPort(scan: SourceScan): boolean {
  const isRead = [...scan.sources.values()].some(({ words }) => words.has('env.PORT'));
  // A schema of the environment (zod, envalid, joi), or a configuration service that is asked by name.
  const isDeclared = scan.values.some(
    ({ name, node }) =>
      (/(^|\.)PORT$/.test(name) && /^Call|^AssignmentP/.test(node.type)) ||
      (/\.env$/.test(name) && node.type === 'Literal' && node.value === 'PORT'),
  );
  const isAsked = ({ name, args: [first] }: SourceScan['calls'][number]) =>
    /(^|\.)(get\w*|env|has|required?|default)$/.test(name) && first?.type === 'Literal' && first.value === 'PORT';
  return isRead || isDeclared || scan.calls.some(isAsked);
}

/** The port that the program listens on without PORT. */
export function findDefaultPort(scan: SourceScan, framework: Framework | null): Fact<number> | null {
  const { listened, named } = findInSource(scan);
  const isOfFramework = framework?.command && framework.name !== '@nestjs/core';
  return isOfFramework ? defaultOf(framework) : (listened ?? named ?? defaultOf(framework));
}

const defaultOf = (framework: Framework | null) =>
  framework && framework.port > 0 ? fact(framework.port, `default of ${framework.name}`) : null;

/** Finds the port that the program listens on. A port that nothing can change comes first, then what the project declares. */
export function findPort(project: Project, scan: SourceScan, framework: Framework | null): Fact<number> | null {
  const { listened: found, named, plain, all } = findInSource(scan);
  // Beside a framework's own server, what listens in the source code is another one: that of its metrics.
  const listened = framework?.command ? null : found;
  const source = listened ?? named;
  const declared = [findExposed(project), findInCompose(project)];
  const isConfirmed = declared.some((one) => one && all.includes(one.value));
  // Only PORT is set in the image: another variable keeps its default.
  const isFixed = source !== null && !isConfirmed && !readsPort(scan) && (listened !== null || framework === null);
  if (isFixed) return source;
  const isFrameworkFirst = framework !== null && listened === null && framework.name !== '@nestjs/core';
  const last = isFrameworkFirst ? [] : [source];
  const any = readsPort(scan) ? fact(3000, 'nothing names one: the image sets PORT') : null;
  const others = [findInExamples(project), defaultOf(framework), plain, any];
  return firstFact(...declared, findInScripts(project), ...last, ...others);
}

/** Sets the variable for the address to listen on, if it is localhost without it: nothing outside of the container reaches that. */
export function findHostVariable(scan: SourceScan): Record<string, string> {
  const listens = scan.calls.filter(({ name }) => /(^|[.\s])(listen|serve)$/.test(name));
  const names = listens.flatMap(({ file, args }) =>
    args.map((one) => {
      const host = findProperty(one, /^host(name)?$/i) ?? one;
      const node = unwrap(limitSteps(scan.findValue)(file, nameOf(host))?.node ?? host);
      if (node.type !== 'LogicalExpression' || node.right.type !== 'Literal') return undefined;
      const isLocal = /^(localhost|127\.|::1)/.test(String(node.right.value));
      return isLocal ? /env\.(\w+)$/.exec(nameOf(node.left))?.[1] : undefined;
    }),
  );
  const name = names.find(Boolean);
  return name ? { [name]: '0.0.0.0' } : {};
}

/** The number that an expression stands for, or falls back to. */
function numberOf(findValue: SourceScan['findValue'], file: string, node: Node, depth = 0): number | null {
  const inner = unwrap(node);
  const read = (one: Node | null | undefined) => (one && depth < 20 ? numberOf(findValue, file, one, depth + 1) : null);
  if (inner.type === 'Literal') return toPort(String(inner.value));
  if (inner.type === 'LogicalExpression') return read(inner.right) ?? read(inner.left);
  if (inner.type === 'ConditionalExpression') return read(inner.alternate) ?? read(inner.consequent);
  // https://github.com/mozilla/node-convict, and options of a command line
  if (inner.type === 'ObjectExpression') return read(findProperty(inner, /^default$/));
  if (inner.type === 'AssignmentPattern') return read(inner.right);
  // [process.env.PORT, 3000].find(...)
  if (inner.type === 'ArrayExpression') return read(inner.elements.at(-1));
  if (inner.type === 'UnaryExpression') return inner.operator === '+' ? read(inner.argument) : null;
  const name = nameOf(inner.type === 'CallExpression' ? inner.callee : inner).replace(/^this\./, '');
  const found = name.includes('env.') ? null : findValue(file, name);
  if (inner.type === 'CallExpression') {
    // Not the 10 of parseInt(text, 10). A function of the program may have a default: readPort(port = 3000).
    const given = inner.arguments.slice(0, /parseInt$/.test(name) ? 1 : undefined).map(read);
    const defaults = found?.node.type === 'FunctionDeclaration' ? found.node.params.map(read) : [];
    const numbers = LIMITS.test(name) ? [] : [...given, ...defaults];
    const object = inner.callee.type === 'MemberExpression' ? read(inner.callee.object) : null;
    return numbers.find((one) => one !== null) ?? object;
  }
  const isName = inner.type === 'Identifier' || inner.type === 'MemberExpression';
  return isName && found && found.node !== inner && depth < 20
    ? numberOf(findValue, found.file, found.node, depth + 1)
    : null;
}

function findInSource(scan: SourceScan) {
  const toFact = ({ file, line, node }: SourceScan['paths'][number]) => {
    const value = numberOf(limitSteps(scan.findValue), file, node);
    return value === null || OTHER_PORTS.test(String(value)) ? null : fact(value, `${file}:${line}`);
  };
  const listens = scan.calls.filter(
    ({ name, args: [first] }) =>
      /(^|[.\s])(listen|serve|startStandaloneServer|createServer|WebSocketServer|Server)$/.test(name) && first,
  );
  const listened = listens.map((call) => {
    const options = call.args
      .map((one) => findProperty(one, /^port$/i) ?? findProperty(findProperty(one, /^listen$/), /^port$/))
      .find(Boolean);
    const isListen = /listen$/.test(call.name);
    const node = options ?? (isListen ? call.args[0] : undefined);
    return node ? toFact({ ...call, node }) : null;
  });
  const ports = scan.values.filter(({ name }) => isPortName(name));
  const isPlain = ({ node }: SourceScan['values'][number]) => node.type === 'Literal';
  const named = ports.filter((one) => !isPlain(one)).map(toFact);
  const plain = ports.filter(isPlain).map(toFact);
  const set = scan.calls
    .filter(
      ({ name, args: [first] }) =>
        /(^|\.)(set|get\w*)$/.test(name) && first?.type === 'Literal' && isPortName(String(first.value)),
    )
    .map(({ args: [, value], ...call }) => (value ? toFact({ ...call, node: value }) : null));
  return {
    listened: firstFact(...listened),
    named: firstFact(...named, ...set),
    plain: firstFact(...plain),
    all: [...listened, ...named, ...set, ...plain].map((one) => one?.value),
  };
}

function findExposed(project: Project): Fact<number> | null {
  const stage = findOwnStage(project);
  const words = (stage?.find('EXPOSE') ?? []).flatMap((one) => one.getArguments().map((word) => word.getValue()));
  const port = words.map((word) => toPort(stage?.expand(word).split('/')[0])).find(Boolean);
  return stage && port ? fact(port, `EXPOSE in ${stage.path}`) : null;
}

function findInCompose(project: Project): Fact<number> | null {
  const facts = findComposeServices(project).map(({ path, ports, expose, environment }) => {
    const pairs = Array.isArray(environment) ? environment : Object.entries(environment).map((pair) => pair.join('='));
    const set = pairs.map((pair) => /^PORT=["']?(?:\$\{PORT:?-)?(\d+)/.exec(String(pair))?.[1]).find(Boolean);
    const targets = [...ports, ...expose].map((one) => {
      const target = typeof one === 'object' && one !== null && 'target' in one ? one.target : one;
      return /(?:^|[:-])(\d+)\}?(?:\/tcp)?$/.exec(String(target))?.[1];
    });
    const port = toPort(set ?? targets.find(Boolean));
    return port ? fact(port, `${set ? 'environment' : 'ports'} in ${path}`) : null;
  });
  return firstFact(...facts);
}

function findInScripts({ manifest }: Project): Fact<number> | null {
  const facts = Object.entries(manifest.scripts).map(([name, command]) => {
    const port = toPort(/(?:^|[\s{])PORT(?:=|:[=-])["']?(\d+)/.exec(command)?.[1]);
    return port && /^(start|serve|preview)/.test(name) ? fact(port, `script ${name} in package.json`) : null;
  });
  return firstFact(...facts);
}

function findInExamples(project: Project): Fact<number> | null {
  const paths = [...new Set([project.app, ''])].flatMap((directory) =>
    EXAMPLES.map((name) => posix.join(directory, name)),
  );
  const facts = paths.map((path) => {
    const text = project.read(path) ?? '';
    // PORT=3000, or "port": 3000 (https://github.com/node-config/node-config)
    const port = toPort(
      /^(?:export | {2}|\t)?"?(?:(?:APP|SERVER|API|HTTP)_)?PORT"? *[=:] *["']?(\d+)/im.exec(text)?.[1],
    );
    return port ? fact(port, `PORT in ${path}`) : null;
  });
  return firstFact(...facts);
}
