import type { Report } from '../model/report-schema.ts';

const NAMES: Record<string, string> = { docker: 'Docker', podman: 'Podman' };
const BUILDERS: Record<string, string> = { buildkit: 'BuildKit', buildah: 'Buildah' };

/** An engine in a sentence: `Docker 28.5.2 (rootless), builder BuildKit, image store overlay2`. */
export function describeEngine({
  name,
  version,
  rootless,
  builder,
  imageStore,
}: NonNullable<Report['engine']>): string {
  const title = `${NAMES[name] ?? name} ${version}${rootless ? ' (rootless)' : ''}`;
  return `${title}, builder ${BUILDERS[builder] ?? builder}, image store ${imageStore}`;
}
