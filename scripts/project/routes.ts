import { posix } from 'node:path';
import type { Node } from 'oxc-parser';
import { findProperty, nameOf } from './evaluate.ts';
import type { Project } from './read-project.ts';
import type { SourceScan } from './scan-source.ts';

/** A path that the program answers, and where that is said. */
type Route = { path: string; file: string; node?: Node };

/** Files that are routes: of Next (both routers), SvelteKit, Nuxt, Nitro, Astro, React Router and Remix. */
const ROUTE_FILES = [
  /^(?:src\/)?(?:app|routes)\/(.+)\/(?:route|\+server)\.[jt]s$/,
  /^(?:(?:src\/)?pages|server\/routes|server(?=\/api\/))\/(.+?)(?:\/index|\.get)?\.[jt]s$/,
  /^app\/routes\/([^_].*?)(?:\/route)?\.[jt]sx?$/,
];

/** The routes that are files. */
export function readFileRoutes({ app, files }: Project): Route[] {
  return files.flatMap((file) => {
    const path = posix.relative(app, file);
    const found = ROUTE_FILES.map((pattern) => pattern.exec(path)?.[1]).find(Boolean);
    // React Router writes / as a dot, and [.] for a dot. Groups in parentheses are not part of the path.
    const route = path.startsWith('app/routes/') ? found?.replace(/\[|\]/g, '').replace(/\+?[./]/g, '/') : found;
    return route ? [{ path: `/${route.replace(/\([^)/]*\)\//g, '')}`, file }] : [];
  });
}

/** The routes of Express, Fastify, Koa, Hono and Nest, with the prefixes under which their routers are mounted. */
export function readRoutes(scan: SourceScan): Route[] {
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
  const isRouter = (file: string, name: string) => {
    const node = scan.findValue(file, name)?.node;
    return node?.type === 'CallExpression' && /(^|\.)Router$/.test(nameOf(node.callee));
  };
  /** Null for a router whose place is not known. */
  const prefixOf = (file: string, router: string, depth = 0): string | null => {
    const names = [file, `${file} ${router}`];
    const mount = mounts.find((one) => one.routers.some((name) => names.includes(name)) && one.owner !== names[1]);
    if (!mount || depth > 5) return isRouter(file, router) ? null : '';
    const outer = prefixOf(mount.file, rootOf(mount.name), depth + 1);
    const prefix = textOf(mount.file, findProperty(mount.args[1], /^prefix$/) ?? mount.args[0]);
    return outer === null ? null : posix.join(outer, prefix);
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
    if (prefix === null) return [];
    return [{ path: posix.join('/', prefix, own).replace(/(.)\/$/, '$1'), file, node }];
  });
}
