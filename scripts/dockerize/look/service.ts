import { posix } from 'node:path';
import { type Fact, fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import { findComposeServices, findOwnStage } from '../../project/own-files.ts';
import type { NamedSite } from '../../project/parse-source.ts';
import { nameOf } from '../../project/read-path.ts';
import type { Manifest, Project } from '../../project/read-project.ts';
import { findProperty, type SourceScan } from '../../project/scan-source.ts';

/** The last part of a health check's path, the best first. */
const NAMES =
  'healthz health health-check healthcheck _health livez live liveness readyz ready status ping heartbeat'.split(' ');
/** Under another prefix, /status is rather a resource of the app. */
const PREFIXES = /^(\/(api|rest|v\d+|system|resources|internal|monitoring|healthz?))*\/?$/;
/** Packages that end the program on SIGTERM by themselves, or when they are called. */
const HANDLERS = new Set(
  'close-with-grace @godaddy/terminus lightship http-graceful-shutdown fastify-graceful-shutdown death node-graceful-shutdown async-exit-hook'.split(
    ' ',
  ),
);
/** Files that are routes: Next (both routers), SvelteKit, Nuxt and Nitro, React Router and Remix. */
const ROUTE_FILES = [
  /^(?:src\/)?app\/(.+)\/route\.[jt]s$/,
  /^(?:src\/)?pages\/(api\/.+?)(?:\/index)?\.[jt]s$/,
  /^src\/routes\/(.+)\/\+server\.[jt]s$/,
  /^server\/(api\/.+?)(?:\.get)?\.[jt]s$/,
  /^server\/routes\/(.+?)(?:\.get)?\.[jt]s$/,
  /^src\/pages\/(.+)\.[jt]s$/,
  /^app\/routes\/([^_].*?)(?:\/route)?\.[jt]sx?$/,
];

/** Finds a route that says whether the program is well: of the project's own health check, else one that its source code has. */
export function findHealthRoute(project: Project, scan: SourceScan, framework: Framework | null): Fact<string> | null {
  const routes = [...findFileRoutes(project, framework), ...findRoutes(scan)];
  const rank = ({ value }: Fact<string>) => NAMES.indexOf(value.split('/').at(-1) ?? '');
  const known = routes.filter((one) => rank(one) >= 0 && PREFIXES.test(posix.dirname(one.value)));
  const [best = null] = known.sort((a, b) => rank(a) - rank(b) || a.value.length - b.value.length);
  return firstFact(findOwnCheck(project), best, findProbe(project));
}

/** Finds what ends the program on SIGTERM; null when nothing does, and PID 1 ignores the signal. */
export function findSigtermHandler(_: Project, scan: SourceScan, framework: Framework | null): Fact<true> | null {
  if (framework?.handlesSigterm) return fact(true, framework.name);
  const isHandler = ({ name, file, args: [first] }: NamedSite) => {
    if (/(^|\.)enableShutdownHooks$/.test(name)) return true;
    if (!/(^|\.)process\.(on|once|addListener)$/.test(name) || !first) return false;
    return first.type === 'Literal' ? first.value === 'SIGTERM' : Boolean(scan.sources.get(file)?.words.has('SIGTERM'));
  };
  const call = scan.calls.find(isHandler);
  if (call) return fact(true, `${call.file}:${call.line}`);
  const [name, place] = [...scan.packages].find(([one]) => HANDLERS.has(one)) ?? [];
  return place ? fact(true, `${name} in ${place}`) : null;
}

/** Finds development dependencies that the program always imports: a production install leaves them out. The source is the import. */
export function findMisplacedPackages(manifests: Map<string, Manifest>, scan: SourceScan): Fact<string>[] {
  if (scan.entry === null) return [];
  const all = [...manifests.values()];
  const installed = all.flatMap((one) =>
    Object.keys({ ...one.dependencies, ...one.optionalDependencies, ...one.peerDependencies }),
  );
  const isMisplaced = (name: string) =>
    !installed.includes(name) && all.some((one) => name in one.devDependencies) && !scan.optional.has(name);
  return [...scan.packages].filter(([name]) => isMisplaced(name)).map(([name, place]) => fact(name, place));
}

function findFileRoutes(project: Project, framework: Framework | null): Fact<string>[] {
  if (framework === null) return [];
  return project.files.flatMap((file) => {
    const path = posix.relative(project.app, file);
    const found = ROUTE_FILES.map((pattern) => pattern.exec(path)?.[1]).find(Boolean);
    if (!found) return [];
    // React Router writes / as a dot, and [.] for a dot. Groups in parentheses are not part of the path.
    const isFlat = path.startsWith('app/routes/');
    const route = (isFlat ? found.replace(/\[|\]/g, '').replace(/\+?[./]/g, '/') : found).replace(/\([^)/]*\)\//g, '');
    return [fact(`/${route}`, file)];
  });
}

/** The routes of Express, Fastify, Koa, Hono and Nest, with the prefixes under which their routers are mounted. */
function findRoutes(scan: SourceScan): Fact<string>[] {
  const textOf = (call: NamedSite, node = call.args[0]) => {
    const value =
      node && (node.type === 'Literal' || node.type === 'TemplateLiteral')
        ? scan.pathOf({ file: call.file, node })
        : null;
    return value && !value.isPartial ? value.path : '';
  };
  const mounting = scan.calls.filter(({ name, args }) => /\.(use|route|register|mount)$/.test(name) && args.length > 0);
  const mounts = mounting.slice(0, 500).map((call) => {
    const names = call.args.map((one) => {
      const isRequire = one.type === 'CallExpression' && nameOf(one.callee) === 'require';
      const named = one.type === 'CallExpression' && !isRequire ? one.callee : one;
      return isRequire ? textOf(call, one.arguments[0]) : (nameOf(named).split('.')[0] ?? '');
    });
    return { ...call, call, names, targets: names.map((name) => scan.importedFile(call.file, name)) };
  });
  const prefixOf = (file: string, router: string, depth = 0): string => {
    const mount = mounts.find((one) =>
      one.file === file ? one.names.includes(router) && !one.name.startsWith(`${router}.`) : one.targets.includes(file),
    );
    if (!mount || depth > 5) return '';
    const prefix = textOf(mount.call, findProperty(mount.args[1], /^prefix$/) ?? mount.args[0]);
    return posix.join(prefixOf(mount.file, mount.name.split('.')[0] ?? '', depth + 1), prefix);
  };
  const [global = ''] = scan.calls.filter(({ name }) => name.endsWith('.setGlobalPrefix')).map((call) => textOf(call));
  let controller: NamedSite | undefined;
  return scan.calls.flatMap((call) => {
    const toFact = (...parts: string[]) => [
      fact(posix.join('/', ...parts).replace(/(.)\/$/, '$1'), `${call.file}:${call.line}`),
    ];
    if (call.name === 'Controller') controller = call;
    if (call.name === 'Get' && controller?.file === call.file) return toFact(global, textOf(controller), textOf(call));
    const isRoute = call.name.endsWith('.route');
    if (!isRoute && (call.args.length < 2 || !/\.(get|all|head|use)$/.test(call.name))) return [];
    const path = textOf(call, isRoute ? findProperty(call.args[0], /^(url|path)$/) : call.args[0]);
    return path.startsWith('/') ? toFact(prefixOf(call.file, call.name.split('.')[0] ?? ''), path) : [];
  });
}

const URL_PATH = /(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[\w${}:-]*)?(\/[\w./-]*)/;

function findOwnCheck(project: Project): Fact<string> | null {
  const stage = findOwnStage(project);
  const own = stage
    ?.find('HEALTHCHECK')
    .map((one) => URL_PATH.exec(stage.expand(one.getArgumentsContent() ?? ''))?.[1]);
  const inFile = own?.find(Boolean);
  const services = findComposeServices(project).map(({ path, healthcheck }) => {
    const value = URL_PATH.exec(JSON.stringify(healthcheck ?? ''))?.[1];
    return value ? fact(value, `healthcheck in ${path}`) : null;
  });
  return firstFact(inFile && stage ? fact(inFile, `HEALTHCHECK in ${stage.path}`) : null, ...services);
}

/** The path of a probe in the manifests of Kubernetes. */
function findProbe(project: Project): Fact<string> | null {
  const files = project.files
    .filter((file) => /(^|\/)(k8s|kubernetes|manifests?|deploy\w*|helm|chart)\/.*\.ya?ml$/.test(file))
    .slice(0, 50);
  const facts = files.map((file) => {
    const found =
      /(?:liveness|readiness)Probe: *\n *httpGet: *\n(?: *(?:port|scheme|host): .*\n)* *path: *["']?(\/[\w./-]*)/.exec(
        project.read(file) ?? '',
      )?.[1];
    return found ? fact(found, `probe in ${file}`) : null;
  });
  return firstFact(...facts);
}
