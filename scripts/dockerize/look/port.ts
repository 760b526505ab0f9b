import { posix } from 'node:path';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty, nameOf, unwrap } from '../../project/evaluate.ts';
import { type Fact, fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import type { Site } from '../../project/parse-source.ts';
import type { Project } from '../../project/read-project.ts';
import type { SourceScan } from '../../project/scan-source.ts';

/** `PORT`, `APP_PORT`, `config.server.port`, but not the ports of databases and other services. */
const PORT_NAME = /^(.*[._])?((app|server|api|http|node|web|service|listen|listening|express|backend)_?)?port$/i;
const OTHER_SERVICE =
  /(db|database|redis|smtp|e?mail|postgres|pg|my?sql|mongo\w*|rabbit\w*|amqp|kafka|cache|proxy|ldap|metrics|debug|inspect|https|ssl|tls|grpc_web|elastic\w*|client|front\w*|hmr|vite|ws|test\w*|knex|memcached|influx\w*|statsd|graphite|ssh|imap|admin|mgmt)[._]?(\w*[._])?port$/i;
/** Redis, Postgres, MySQL, MongoDB, AMQP, Elasticsearch, IRC, and those of the system but 80 and 443: none is the app's. */
const OTHER_PORTS = /^(6379|5432|3306|27017|5672|9200|6667|6697|(?!80$|443$)\d{1,3})$/;
const LISTENERS = /(^|[.\s])(listen|serve|startStandaloneServer|createServer|WebSocketServer|Server)$/;
const EXAMPLES =
  /^((\.env|example\.env|sample\.env|\.env\.(example|sample|defaults|template|dist|production|development\.example))|config\/(production|default)\.json)$/;
/** In a script: `PORT=3000 node .`, `${PORT:=3000}`. */
const SET = /(?:^|[\s{])PORT(?:=|:[=-])["']?(\d+)/;
/** `PORT=3000`, or `"port": 3000` (https://github.com/node-config/node-config). */
const EXAMPLE = /^(?:export | {2}|\t)?"?(?:(?:APP|SERVER|API|HTTP)_)?PORT"? *[=:] *["']?(\d+)/im;

const isPortName = (name: string) => name.length < 100 && PORT_NAME.test(name) && !OTHER_SERVICE.test(name);
const isPort = (text = '') => /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536;
const isOwnPort = (text: string) => isPort(text) && !OTHER_PORTS.test(text);
const portFact = (text: string | undefined, source: string) => (isPort(text) ? fact(Number(text), source) : null);

/** Whether the program reads the variable PORT of its environment, so that the image can set it. */
export function readsPort(scan: SourceScan): boolean {
  // A configuration that is asked by name, or a schema of the environment (zod, envalid, joi).
  const isNamed = [...scan.sources.values()].some(({ words }) => words.has('env.PORT') || words.has('PORT'));
  return (
    isNamed || scan.values.some(({ name, node }) => /(^|\.)PORT$/.test(name) && /^Call|^AssignmentP/.test(node.type))
  );
}

/** The port that the program listens on without PORT. */
export function findDefaultPort(scan: SourceScan, framework: Framework | null): Fact<number> | null {
  const { listened, named } = findInSource(scan);
  return framework?.command ? defaultOf(framework) : firstFact(listened, named, defaultOf(framework));
}

const defaultOf = (framework: Framework | null) =>
  framework && portFact(String(framework.port), `default of ${framework.name}`);

/** Finds the port that the program listens on. A port that nothing can change comes first, then what the project declares. */
export function findPort(project: Project, scan: SourceScan, framework: Framework | null, { ports }: DockerFiles) {
  const { listened: found, named, plain, all } = findInSource(scan);
  // Beside a framework's own server, what listens in the source code is another one: that of its metrics.
  const listened = framework?.command ? null : found;
  const source = listened ?? named;
  // Only PORT is set in the image: another variable keeps its default.
  const isFixed = !ports.some(({ value }) => all.has(value)) && !readsPort(scan);
  if (source && isFixed && (listened || !framework)) return source;
  const isFrameworkFirst = framework !== null && listened === null && framework.name !== '@nestjs/core';
  const declared = [...ports.map((one) => portFact(one.value, one.source)), ...findInScripts(project)];
  const any = readsPort(scan) ? fact(3000, 'nothing names one: the image sets PORT') : null;
  const others = [...findInExamples(project), defaultOf(framework), plain, any];
  return firstFact(...declared, isFrameworkFirst ? null : source, ...others);
}

/** The variable of the address to listen on, if that is localhost without it: nothing outside of the container reaches that. */
export function findHostVariable(scan: SourceScan): Fact<string> | null {
  const listens = scan.calls.filter(({ name }) => /(^|[.\s])(listen|serve)$/.test(name));
  const hosts = listens.flatMap(({ file, args }) =>
    args.map((one) => {
      const host = findProperty(one, /^host(name)?$/i) ?? one;
      const { file: place, node } = scan.findValue(file, nameOf(host)) ?? { file, node: host };
      const inner = unwrap(node);
      const isLocal =
        inner.type === 'LogicalExpression' &&
        /^(localhost|127\.|::1)/.test(scan.evaluate({ file: place, node: inner.right })?.text ?? '');
      const name = isLocal ? /env\.(\w+)$/.exec(nameOf(inner.left))?.[1] : null;
      return name ? fact(name, scan.placeOf({ file: place, node })) : null;
    }),
  );
  return firstFact(...hosts);
}

/** The ports of the source code: of a call that listens, of a value with such a name, and of a name that may be of anything. */
function findInSource(scan: SourceScan) {
  const all = new Set<string>();
  const find = (sites: Site[]) => {
    const ports = sites.map((site) => ({ site, text: scan.evaluate(site, isOwnPort)?.text }));
    for (const { text } of ports) if (text) all.add(text);
    const first = ports.find(({ text }) => text);
    return first ? portFact(first.text, scan.placeOf(first.site)) : null;
  };
  const listened = scan.calls
    .filter(({ name }) => LISTENERS.test(name))
    .flatMap(({ name, file, args }) => {
      const options = args.flatMap((one) => findProperty(one, /^port$/i) ?? []);
      const nodes = [...options, ...(/listen$/.test(name) ? args : [])].slice(0, 1);
      return nodes.map((node) => ({ file, node }));
    });
  const asked = scan.calls
    .filter(
      ({ name, args: [key] }) =>
        /(^|\.)(set|get\w*)$/.test(name) && key?.type === 'Literal' && isPortName(String(key.value)),
    )
    .flatMap(({ file, args }) => args.slice(1, 2).map((node) => ({ file, node })));
  const ports = scan.values.filter(({ name }) => isPortName(name));
  const plain = ports.filter(({ node }) => node.type === 'Literal');
  const named = ports.filter(({ node }) => node.type !== 'Literal');
  return { listened: find(listened), named: find([...named, ...asked]), plain: find(plain), all };
}

function findInScripts({ manifest }: Project) {
  const scripts = Object.entries(manifest.scripts).filter(([name]) => /^(start|serve|preview)/.test(name));
  return scripts.map(([name, line]) => portFact(SET.exec(line)?.[1], `script ${name} in package.json`));
}

function findInExamples({ app, files, read }: Project) {
  const paths = files.filter((path) => EXAMPLES.test(path) || EXAMPLES.test(posix.relative(app, path)));
  return paths.map((path) => portFact(EXAMPLE.exec(read(path) ?? '')?.[1], `PORT in ${path}`));
}
