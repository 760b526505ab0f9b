import { existsSync } from 'node:fs';
import semver from 'semver';
import type { Report } from '../../compare/model/report-schema.ts';
import type { EngineInfo } from '../../engine/engine.ts';

/** Something that an engine cannot do, and the reason that it gives. */
export interface Gap {
  /** The key of a figure or behaviour in the report, or what is not in it. */
  figure: string;
  reason: string;
}

/** What the tests need to know of an engine. */
export interface TestedEngine extends Pick<EngineInfo, 'name' | 'version' | 'builder' | 'imageStore' | 'rootless'> {
  /** The version of the control groups of its machine. */
  cgroup: 1 | 2;
}

interface AcceptedGap {
  isOf(engine: TestedEngine): boolean;
  figures: string[];
  reason: RegExp;
}

/** Everything that an engine may lack. What is not listed has to work. */
const ACCEPTED: AcceptedGap[] = [
  {
    isOf: ({ name }) => name === 'podman',
    figures: ['size of the build cache'],
    reason: /^Podman does not report the size of its build cache/,
  },
  {
    isOf: ({ name }) => name === 'podman',
    figures: ['buildColdMs', 'buildAfterDependencyMs'],
    reason: /^Podman has one set of cache mounts/,
  },
  {
    isOf: ({ builder }) => builder === 'buildah',
    figures: ['build steps'],
    reason: /^the builder does not list its steps/,
  },
  {
    isOf: ({ name }) => name === 'podman',
    figures: ['nodeStartMs'],
    reason: /^the engine does not report when it started/,
  },
  {
    isOf: ({ name, version }) => name === 'podman' && semver.lt(version, '5.5.0'),
    figures: ['unhealthy'],
    reason: /^Podman [\d.]+ does not end a health check that hangs/,
  },
  {
    isOf: ({ rootless, cgroup }) => rootless && cgroup === 1,
    figures: ['memoryBytes'],
    reason: /stats is not supported in rootless mode without cgroups v2|does not count the memory of each container/,
  },
  {
    isOf: ({ rootless, cgroup }) => rootless && cgroup === 1,
    figures: ['memory-limit'],
    reason: /the engine cannot limit memory/,
  },
  {
    // runc finds the processes of a container by its control group.
    isOf: ({ name, rootless, cgroup }) => name === 'docker' && rootless && cgroup === 1,
    figures: ['pid-1'],
    reason: /docker top failed/,
  },
];

export const describeEngine = (info: EngineInfo): TestedEngine => ({
  name: info.name,
  version: info.version,
  builder: info.builder,
  imageStore: info.imageStore,
  rootless: info.rootless,
  cgroup: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1,
});

export const isAccepted = (engine: TestedEngine, { figure, reason }: Gap) =>
  ACCEPTED.some((one) => one.isOf(engine) && one.figures.includes(figure) && one.reason.test(reason));

/** The figures of a report that are n/a, each once. */
export function findGaps({ images }: Report): Gap[] {
  const gaps = images.flatMap(({ behaviour, bench }) => [
    ...(behaviour ?? []).flatMap(({ name, ok, reason }) => (ok === null ? { figure: name, reason: reason ?? '' } : [])),
    ...Object.entries(bench ?? {}).flatMap(([figure, value]) => {
      if (typeof value === 'number') return [];
      if (value.samples.length === 0) return { figure, reason: value.reason ?? '' };
      return 'steps' in value && value.steps === null
        ? { figure: 'build steps', reason: 'the builder does not list its steps' }
        : [];
    }),
  ]);
  return [...new Map(gaps.map((gap) => [gap.figure, gap])).values()];
}
