// The engines that the tests can start, each in a container of this machine's Docker. They are Debian's packages.

export interface EngineContainer {
  /** The program, its version, and how it runs. */
  name: string;
  engine: 'docker' | 'podman';
  /** The release of Debian that the engine is from. */
  release: 'bookworm' | 'trixie' | 'sid';
  rootless: boolean;
  /** Docker's image store. */
  store?: 'containerd' | 'overlay2';
  /** Whether the image tests include it: the others take minutes. */
  inTests: boolean;
}

const ROWS: [name: string, release: EngineContainer['release'], inTests?: 'in tests'][] = [
  ['docker 26 containerd', 'trixie', 'in tests'],
  ['docker 26 overlay2', 'trixie'],
  ['docker 26 overlay2 rootless', 'trixie'],
  ['docker 28 containerd', 'sid'],
  ['docker 28 overlay2', 'sid'],
  ['podman 4.3 rootful', 'bookworm'],
  ['podman 4.3 rootless', 'bookworm'],
  ['podman 5.4 rootful', 'trixie', 'in tests'],
  ['podman 5.4 rootless', 'trixie', 'in tests'],
  ['podman 5.8 rootful', 'sid'],
  ['podman 5.8 rootless', 'sid'],
];

export const ENGINE_CONTAINERS: EngineContainer[] = ROWS.map(([name, release, inTests]) => ({
  name,
  release,
  engine: name.startsWith('docker') ? 'docker' : 'podman',
  rootless: name.endsWith('rootless'),
  store: (['containerd', 'overlay2'] as const).find((store) => name.includes(store)),
  inTests: inTests !== undefined,
}));
