import { posix } from 'node:path';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty, nameOf } from '../../project/evaluate.ts';
import type { NamedSite } from '../../project/parse-source.ts';
import type { Manifest, Project } from '../../project/read-project.ts';
import type { SourceScan } from '../../project/scan-source.ts';
import { type Fact, fact, firstFact } from './fact.ts';
import type { Framework } from './frameworks.ts';

/** The last part of a health check's path, the best first. */
const NAMES =
  'healthz health health-check healthcheck _health livez live liveness readyz ready status ping heartbeat'.split(' ');
/** Under another prefix, /status is rather a resource of the app. */
const PREFIXES = /^(\/(api|rest|v\d+|system|resources|internal|monitoring|healthz?))*\/?$/;
/** Packages that end the program on SIGTERM by themselves, or when they are called. */
const HANDLERS =
  /^(close-with-grace|@godaddy\/terminus|lightship|(http|fastify|node)-graceful-shutdown|death|async-exit-hook)$/;
/** Files that are routes: of Next (both routers), SvelteKit, Nuxt, Nitro, Astro, React Router and Remix. */
const ROUTE_FILES = [
  /^(?:src\/)?(?:app|routes)\/(.+)\/(?:route|\+server)\.[jt]s$/,
  /^(?:(?:src\/)?pages|server\/routes|server(?=\/api\/))\/(.+?)(?:\/index|\.get)?\.[jt]s$/,
  /^app\/routes\/([^_].*?)(?:\/route)?\.[jt]sx?$/,
];
const PROBE =
  /(?:liveness|readiness)Probe: *\n *httpGet: *\n(?: *(?:port|scheme|host): .*\n)* *path: *["']?(\/[\w./-]*)/;

/** Finds a route that says whether the program is well: of the project's own health check, else one that its source code has. */
export function findHealthRoute(
  project: Project,
  scan: SourceScan,
  framework: Framework | null,
  own: DockerFiles,
): Fact<string> | null {
  const rank = ({ value }: Fact<string>) => NAMES.indexOf(value.split('/').at(-1) ?? '');
  const known = [...findFileRoutes(project, framework), ...findRoutes(scan)].filter(
    (one) => rank(one) >= 0 && PREFIXES.test(posix.dirname(one.value)),
  );
  const [best] = known.sort((a, b) => rank(a) - rank(b) || a.value.length - b.value.length);
  return firstFact(...own.checks, best, ...findProbes(project));
}

/** Finds what ends the program on SIGTERM; null when nothing does, and PID 1 ignores the signal. */
export function findSigtermHandler(scan: SourceScan, framework: Framework | null): Fact<true> | null {
  if (framework?.handlesSigterm) return fact(true, framework.name);
  const call = scan.calls.find(({ name, file, args: [first] }) => {
    if (/(^|\.)enableShutdownHooks$/.test(name)) return true;
    if (!/(^|\.)process\.(on|once|addListener)$/.test(name)) return false;
    return first?.type === 'Literal' ? first.value === 'SIGTERM' : scan.sources.get(file)?.words.has('SIGTERM');
  });
  if (call) return fact(true, scan.placeOf(call));
  const [name, place] = [...scan.packages].find(([one]) => HANDLERS.test(one)) ?? [];
  return place ? fact(true, `${name} in ${place}`) : null;
}

/** Finds development dependencies that the program always imports: a production install leaves them out. The source is the import. */
export function findMisplacedPackages(manifests: Map<string, Manifest>, scan: SourceScan): Fact<string>[] {
  if (scan.entry === null) return [];
  const all = [...manifests.values()];
  const installed = all.map((one) => ({ ...one.dependencies, ...one.optionalDependencies, ...one.peerDependencies }));
  const isMisplaced = (name: string) =>
    !installed.some((one) => name in one) && all.some((one) => name in one.devDependencies);
  const names = [...scan.packages].filter(([name]) => isMisplaced(name) && !scan.optional.has(name));
  return names.map(([name, place]) => fact(name, place));
}

function findFileRoutes(project: Project, framework: Framework | null): Fact<string>[] {
  if (framework === null) return [];
  return project.files.flatMap((file) => {
    const path = posix.relative(project.app, file);
    const found = ROUTE_FILES.map((pattern) => pattern.exec(path)?.[1]).find(Boolean);
    // React Router writes / as a dot, and [.] for a dot. Groups in parentheses are not part of the path.
    const route = path.startsWith('app/routes/') ? found?.replace(/\[|\]/g, '').replace(/\+?[./]/g, '/') : found;
    return route ? [fact(`/${route.replace(/\([^)/]*\)\//g, '')}`, file)] : [];
  });
}

/** The routes of Express, Fastify, Koa, Hono and Nest, with the prefixes under which their routers are mounted. */
function findRoutes(scan: SourceScan): Fact<string>[] {
  const textOf = ({ file, args }: NamedSite, node = args[0]) => {
    const isText = node?.type === 'Literal' || node?.type === 'TemplateLiteral';
    const value = isText ? scan.evaluate({ file, node }) : null;
    return value?.isPartial === false ? value.text : '';
  };
  const rootOf = (name: string) => name.split('.')[0] ?? '';
  const mounting = scan.calls.filter(({ name, args }) => /\.(use|route|register|mount)$/.test(name) && args.length > 0);
  const mounts = mounting.slice(0, 500).map((call) => {
    const names = call.args.map((one) => {
      const callee = one.type === 'CallExpression' ? one.callee : one;
      const isRequire = one.type === 'CallExpression' && nameOf(callee) === 'require';
      return isRequire ? textOf(call, one.arguments[0]) : rootOf(nameOf(callee));
    });
    return { call, names, targets: names.map((name) => scan.importedFile(call.file, name)) };
  });
  const prefixOf = (file: string, router: string, depth = 0): string => {
    const mount = mounts.find(({ call, names, targets }) =>
      call.file === file ? names.includes(router) && rootOf(call.name) !== router : targets.includes(file),
    );
    if (!mount || depth > 5) return '';
    const { call } = mount;
    const prefix = textOf(call, findProperty(call.args[1], /^prefix$/) ?? call.args[0]);
    return posix.join(prefixOf(call.file, rootOf(call.name), depth + 1), prefix);
  };
  const global =
    scan.calls.filter(({ name }) => name.endsWith('.setGlobalPrefix')).map((call) => textOf(call))[0] ?? '';
  let controller: NamedSite | undefined;
  return scan.calls.flatMap((call) => {
    const toFact = (...parts: string[]) => {
      const path = posix.join('/', ...parts).replace(/(.)\/$/, '$1');
      return NAMES.includes(posix.basename(path)) ? [fact(path, scan.placeOf(call))] : [];
    };
    if (call.name === 'Controller') controller = call;
    if (call.name === 'Get' && controller?.file === call.file) return toFact(global, textOf(controller), textOf(call));
    const isRoute = call.name.endsWith('.route');
    if (!isRoute && (call.args.length < 2 || !/\.(get|all|head|use)$/.test(call.name))) return [];
    const path = textOf(call, isRoute ? findProperty(call.args[0], /^(url|path)$/) : call.args[0]);
    return path.startsWith('/') ? toFact(prefixOf(call.file, rootOf(call.name)), path) : [];
  });
}

/** The paths of probes in the manifests of Kubernetes. */
function findProbes({ files, read }: Project): Fact<string>[] {
  const paths = files.filter((file) => /(^|\/)(k8s|kubernetes|manifests?|deploy\w*|helm|chart)\/.*\.ya?ml$/.test(file));
  return paths.slice(0, 50).flatMap((file) => {
    const path = PROBE.exec(read(file) ?? '')?.[1];
    return path ? [fact(path, `probe in ${file}`)] : [];
  });
}
