import { createHash } from 'node:crypto';
import type { Component } from '@cyclonedx/cyclonedx-library/Models';
import { usageError } from '../../lib/errors.ts';
import { PACKAGE_NAME } from '../model/budgets.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import type { Components, OsPackage } from '../model/sbom-schema.ts';
import { NAMED_IMAGES, subjectName } from '../model/subject.ts';
import { packageUrl } from './package-url.ts';
import type { Extras } from './terminal.ts';

/** The longest version that CycloneDX accepts, in characters. */
const MAX_VERSION_LENGTH = 1024;

/** What a component is made of: it is the same for all kinds. */
interface Part {
  type: 'application' | 'library' | 'operating-system' | 'container';
  /** Names it in this document. */
  ref: string;
  name: string;
  group?: string;
  version: string | null;
  purl?: string;
  cpe?: string;
  description?: string;
  properties?: Record<string, string | false>;
}

/**
 * The software bill of materials of the report's image: CycloneDX 1.6. Null where the image was not measured.
 * https://cyclonedx.org/docs/1.6/json/
 */
export async function renderSbom(report: Report, { version }: Extras = {}): Promise<string | null> {
  const [image] = report.images;
  if (!image?.components) return null;
  // Only here: the other outputs do not require it.
  const [{ ComponentType, LifecyclePhase }, models, { JSON: format }, { Spec1dot6 }] = await Promise.all([
    import('@cyclonedx/cyclonedx-library/Enums'),
    import('@cyclonedx/cyclonedx-library/Models'),
    import('@cyclonedx/cyclonedx-library/Serialize'),
    import('@cyclonedx/cyclonedx-library/Spec'),
  ]);
  const refCounts = new Map<string, number>();
  const toComponent = ({ type, ref, name, properties = {}, version: given, ...rest }: Part): Component => {
    const pairs = Object.entries(properties).flatMap(([key, value]) =>
      value ? [new models.Property(key, value)] : [],
    );
    return new models.Component(type as Component['type'], name, {
      bomRef: uniqueRef(refCounts, ref),
      version: given?.slice(0, MAX_VERSION_LENGTH),
      properties: new models.PropertyRepository(pairs),
      ...rest,
    });
  };
  const tool = new models.Component(ComponentType.Application, PACKAGE_NAME, { version });
  const bom = new models.Bom({
    serialNumber: serialNumber(report),
    metadata: new models.Metadata({
      timestamp: new Date(report.createdAt),
      lifecycles: new models.LifecycleRepository([LifecyclePhase.PostBuild]),
      tools: new models.Tools({ components: new models.ComponentRepository([tool]) }),
      component: toComponent(describeImage(image, image.components)),
    }),
    components: new models.ComponentRepository(listParts(image, image.components).map(toComponent)),
  });
  const document = new format.Normalize.Factory(Spec1dot6).makeForBom().normalize(bom, {});
  // The library adds an empty graph, which would say that no package requires another one.
  return JSON.stringify({ ...document, dependencies: undefined }, null, 2);
}

/** @throws {ToolError} with the code `usage` for a report that has no list of components. */
export function requireComponents({ images }: Report): void {
  if (images.length === 1 && images[0]?.components) return;
  throw usageError(
    'The report has no list of packages for --sbom: it was made without --sbom, or its image was not measured.',
    'To make one that has it: --json FILE --sbom FILE',
  );
}

/** Of a path, which may end with `#NAME`. An SBOM is for others, and does not name the user's directories. */
const DIRECTORIES = /^\.{0,2}\/(?:[^#]*\/)?(?=[^/])/;

const describeImage = ({ chapter, variant, standIn }: ImageReport, { imageId }: Components): Part => ({
  type: 'container',
  ref: 'image',
  name: chapter === NAMED_IMAGES ? variant.replace(DIRECTORIES, '') : subjectName({ chapter, variant }),
  version: imageId,
  properties: { [`${PACKAGE_NAME}:stand-in`]: standIn && 'true' },
});

function listParts({ contents }: ImageReport, components: Components): Part[] {
  const { os, osPackages, npmPackages } = components;
  const programs = contents?.facts.node ?? [];
  const system = { type: 'operating-system', ref: 'operating-system' } as const;
  return [
    ...(os ? [{ ...system, name: os.id, version: os.version, description: os.name ?? undefined }] : []),
    ...programs.map(({ path, version }) => ({
      // By its definition it is a `platform`, but Syft and Grype skip those.
      type: 'application' as const,
      ref: `node:${path}`,
      name: 'node',
      version,
      purl: packageUrl({ type: 'generic', name: 'node', version }),
      cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
      properties: { [`${PACKAGE_NAME}:path`]: path },
    })),
    ...osPackages.map((one) => toOsPart(one, os)),
    ...npmPackages.map(toNpmPart),
  ];
}

/** As Syft and Trivy write them: a scanner looks for the distribution's notices about the source package. */
function toOsPart(one: OsPackage, os: Components['os']): Part {
  const { format, name, version, architecture, source, sourceVersion } = one;
  const purl = packageUrl({
    type: format,
    namespace: os?.id.toLowerCase() ?? (format === 'deb' ? 'debian' : 'alpine'),
    name,
    version,
    qualifiers: {
      arch: architecture,
      distro: os && [os.id, os.version].filter(Boolean).join('-'),
      upstream: source && [source, sourceVersion].filter(Boolean).join('@'),
    },
  });
  return { type: 'library', ref: purl ?? `${format}:${name}`, name, version, purl };
}

/** The names of the properties are those of https://cyclonedx.github.io/cyclonedx-property-taxonomy/cdx/npm.html */
function toNpmPart({ path, name: full, version, dev, app }: Components['npmPackages'][number]): Part {
  const [, group, name = full] = /^(@[^/]+)\/([^/]+)$/.exec(full) ?? [];
  return {
    type: app ? 'application' : 'library',
    ref: `npm:${path}`,
    name,
    group,
    version,
    purl: app ? undefined : packageUrl({ type: 'npm', namespace: group, name, version }),
    properties: { 'cdx:npm:package:path': path.slice(1), 'cdx:npm:package:development': dev && 'true' },
  };
}

/** A name that no other component of the document has: a database may list a package twice. */
function uniqueRef(counts: Map<string, number>, ref: string): string {
  // Counted on from the last one: a hostile database may list one package a million times.
  let count = counts.get(ref) ?? 0;
  let unique: string;
  do {
    count += 1;
    unique = count === 1 ? ref : `${ref}#${count}`;
  } while (counts.has(unique));
  counts.set(unique, 1).set(ref, count);
  return unique;
}

/** A UUID that follows from the report: the same report gives the same bytes. */
function serialNumber(report: Report): string {
  const digits = createHash('sha256').update(JSON.stringify(report)).digest('hex');
  // Version 8 is for values of one's own: https://www.rfc-editor.org/rfc/rfc9562#section-5.8
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `8${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`];
  return `urn:uuid:${[...parts, digits.slice(20, 32)].join('-')}`;
}
