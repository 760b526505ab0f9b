import { posix } from 'node:path';
import type { DockerFiles } from '../../project/docker-files.ts';
import { type Fact, fact, firstFact } from '../../project/fact.ts';
import type { Framework } from '../../project/frameworks.ts';
import type { Manifest, Project } from '../../project/read-project.ts';
import { readFileRoutes, readRoutes } from '../../project/routes.ts';
import type { SourceScan } from '../../project/scan-source.ts';

/** The last part of a health check's path, the best first. */
const NAMES =
  'healthz health health-check healthcheck _health livez live liveness readyz ready status ping heartbeat'.split(' ');
/** Under another prefix, /status is rather a resource of the app. */
const PREFIXES = /^(\/(api|rest|v\d+|system|resources|internal|monitoring|healthz?))*\/?$/;
/** Packages that end the program on SIGTERM by themselves, or when they are called. */
const HANDLERS =
  /^(close-with-grace|@godaddy\/terminus|lightship|(http|fastify|node)-graceful-shutdown|death|async-exit-hook)$/;

/** Finds a route that says whether the program is well: of the project's own health check, else one that its source code has. */
export function findHealthRoute(project: Project, scan: SourceScan, framework: Framework | null, own: DockerFiles) {
  const rank = ({ path }: { path: string }) => NAMES.indexOf(posix.basename(path));
  const routes = [...(framework ? readFileRoutes(project) : []), ...readRoutes(scan)];
  const known = routes.filter((one) => rank(one) >= 0 && PREFIXES.test(posix.dirname(one.path)));
  const [best] = known.sort((a, b) => rank(a) - rank(b) || a.path.length - b.path.length);
  return firstFact(...own.checks, best && fact(best.path, scan.placeOf(best)));
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
