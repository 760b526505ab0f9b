import { findInExamples, findInScripts, isPort, portFact } from '../../project/declared-ports.ts';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty } from '../../project/evaluate.ts';
import { fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import type { Site } from '../../project/parse-source.ts';
import type { Project } from '../../project/read-project.ts';
import type { SourceScan } from '../../project/scan-source.ts';

/** `PORT`, `APP_PORT`, `config.server.port`, but not the ports of databases and other services. */
const PORT_NAME = /^(.*[._])?((app|server|api|http|node|web|service|listen|listening|express|backend)_?)?port$/i;
const OTHER_SERVICE =
  /(db|database|redis|smtp|e?mail|postgres|pg|my?sql|mongo\w*|rabbit\w*|amqp|kafka|cache|proxy|ldap|metrics|debug|inspect|https|ssl|tls|grpc_web|elastic\w*|client|front\w*|hmr|vite|ws|test\w*|knex|memcached|influx\w*|statsd|graphite|ssh|imap|admin|mgmt)[._]?(\w*[._])?port$/i;
/** Redis, Postgres, MySQL, MongoDB, AMQP, Elasticsearch, IRC, SOCKS, and those of the system but 80 and 443: none is the app's. */
const OTHER_PORTS = /^(6379|5432|3306|27017|5672|9200|6667|6697|1080|(?!80$|443$)\d{1,3})$/;
const LISTENERS = /(^|[.\s])(listen|serve|startStandaloneServer|createServer|WebSocketServer|Server)$/;
const isPortName = (name: string) => name.length < 100 && PORT_NAME.test(name) && !OTHER_SERVICE.test(name);
const isOwnPort = (text: string) => isPort(text) && !OTHER_PORTS.test(text);

/** Whether the program reads the variable PORT of its environment, so that the image can set it. */
export function readsPort(scan: SourceScan): boolean {
  // A configuration that is asked by name, or a schema of the environment (zod, envalid, joi).
  const isNamed = [...scan.sources.values()].some(({ words }) => words.has('env.PORT') || words.has('PORT'));
  return (
    isNamed || scan.values.some(({ name, node }) => /(^|\.)PORT$/.test(name) && /^Call|^AssignmentP/.test(node.type))
  );
}

/**
 * Finds the port that the program listens on, and the one that it listens on without PORT. A port that nothing can change comes
 * first, then what the project declares.
 */
export function findPorts(project: Project, scan: SourceScan, framework: Framework | null, { ports }: DockerFiles) {
  const { listened: found, named, plain, all } = findInSource(scan);
  const usual = framework && portFact(String(framework.port), `default of ${framework.name}`);
  // Beside a framework's own server, what listens in the source code is another one: that of its metrics.
  const [listened, defaultPort] = framework?.command ? [null, usual] : [found, firstFact(found, named, usual)];
  const source = listened ?? named;
  // Only PORT is set in the image: another variable keeps its default.
  const isFixed = !ports.some(({ value }) => all.has(value)) && !readsPort(scan);
  if (source && isFixed && (listened || !framework)) return { port: source, defaultPort };
  const isFrameworkFirst = framework !== null && listened === null && framework.name !== '@nestjs/core';
  const declared = [...ports.map((one) => portFact(one.value, one.source)), ...findInScripts(project)];
  const any = readsPort(scan) ? fact(3000, 'no file names a port, so the image sets PORT') : null;
  const others = [...findInExamples(project), usual, plain, any];
  return { port: firstFact(...declared, isFrameworkFirst ? null : source, ...others), defaultPort };
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
