import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import type { DockerFiles } from '../../project/docker-files.ts';
import { findProperty, nameOf } from '../../project/evaluate.ts';
import { type Fact, fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import type { Manifest, Project } from '../../project/read-project.ts';
import type { SourceScan } from '../../project/scan-source.ts';

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

/** Finds a route that says whether the program is well: of the project's own health check, else one that its source code has. */
export function findHealthRoute(project: Project, scan: SourceScan, framework: Framework | null, own: DockerFiles) {
  const rank = ({ value }: Fact<string>) => NAMES.indexOf(posix.basename(value));
  const isKnown = (one: Fact<string>) => rank(one) >= 0 && PREFIXES.test(posix.dirname(one.value));
  const routes = [...(framework ? findFileRoutes(project) : []), ...findRoutes(scan)].filter(isKnown);
  const [best] = routes.sort((a, b) => rank(a) - rank(b) || a.value.length - b.value.length);
  return firstFact(...own.checks, best);
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
  const always = [...scan.packages].filter(
    ([name]) => !scan.optional.has(name) && !installed.some((one) => name in one),
  );
  const misplaced = always.filter(([name]) => all.some((one) => name in one.devDependencies));
  return misplaced.map(([name, place]) => fact(name, place));
}

function findFileRoutes({ app, files }: Project): Fact<string>[] {
  return files.flatMap((file) => {
    const path = posix.relative(app, file);
    const found = ROUTE_FILES.map((pattern) => pattern.exec(path)?.[1]).find(Boolean);
    // React Router writes / as a dot, and [.] for a dot. Groups in parentheses are not part of the path.
    const route = path.startsWith('app/routes/') ? found?.replace(/\[|\]/g, '').replace(/\+?[./]/g, '/') : found;
    return route ? [fact(`/${route.replace(/\([^)/]*\)\//g, '')}`, file)] : [];
  });
}

/** The routes of Express, Fastify, Koa, Hono and Nest, with the prefixes under which their routers are mounted. */
function findRoutes(scan: SourceScan): Fact<string>[] {
  const textOf = (file: string, node: Node | undefined) => {
    const value = node && /Literal$/.test(node.type) ? scan.evaluate({ file, node }) : null;
    return value?.isPartial === false ? value.text : '';
  };
  const rootOf = (name: string) => name.split(/[.(]/)[0] ?? '';
  const routerOf = (file: string, node: Node) => {
    const name = rootOf(nameOf(node));
    const from = name === 'require' && node.type === 'CallExpression' ? textOf(file, node.arguments[0]) : name;
    return scan.importedFile(file, from) ?? `${file} ${name}`;
  };
  const mounting = scan.calls.filter(({ name }) => /\.(use|route|register|mount)$/.test(name)).slice(0, 500);
  const mounts = mounting.map((call) => {
    const routers = call.args.map((one) => routerOf(call.file, one));
    return { ...call, routers, owner: `${call.file} ${rootOf(call.name)}` };
  });
  const prefixOf = (file: string, router: string, depth = 0): string => {
    const names = [file, `${file} ${router}`];
    const mount = mounts.find((one) => one.routers.some((name) => names.includes(name)) && one.owner !== names[1]);
    if (!mount || depth > 5) return '';
    const prefix = textOf(mount.file, findProperty(mount.args[1], /^prefix$/) ?? mount.args[0]);
    return posix.join(prefixOf(mount.file, rootOf(mount.name), depth + 1), prefix);
  };
  let [global, controller, controllerFile] = ['', '', ''];
  return scan.calls.flatMap(({ name, file, node, args }) => {
    const [first] = args;
    const isRoute = name.endsWith('.route');
    const own = textOf(file, isRoute ? findProperty(first, /^(url|path)$/) : first);
    if (name.endsWith('.setGlobalPrefix')) global = own;
    if (name === 'Controller') [controller, controllerFile] = [own, file];
    const isOfController = name === 'Get' && file === controllerFile;
    const isCall = isRoute || (args.length > 1 && /\.(get|all|head|use)$/.test(name));
    if (!isOfController && !(isCall && own.startsWith('/'))) return [];
    const prefix = isOfController ? posix.join(global, controller) : prefixOf(file, rootOf(name));
    const path = posix.join('/', prefix, own).replace(/(.)\/$/, '$1');
    return NAMES.includes(posix.basename(path)) ? [fact(path, scan.placeOf({ file, node }))] : [];
  });
}
