import { ToolError } from '../../lib/errors.ts';
import type { OperatingSystem, OsPackage } from '../model/sbom-schema.ts';

/** More than any distribution installs: a hostile layer must not fill our memory. */
export const MAX_OS_PACKAGES = 20_000;
/** What is kept of a name or a version. In characters. */
const MAX_TEXT_LENGTH = 500;

const DPKG_FIELDS = ['Package', 'Status', 'Version', 'Architecture', 'Source'] as const;
const APK_FIELDS = ['P', 'V', 'A', 'o'] as const;

/**
 * The packages that dpkg has installed: https://man7.org/linux/man-pages/man5/deb-status.5.html
 *
 * @param hasStatus whether the file also lists packages that are not installed. Those of distroless have no Status.
 * @throws {ToolError} for more packages than we keep in memory.
 */
export function readDpkgStatus(text: string, hasStatus: boolean): OsPackage[] {
  return readPackages(text, DPKG_FIELDS, ({ Package: name, Status = '', Version, Architecture, Source = '' }) => {
    if (name === undefined || (hasStatus && !Status.endsWith(' installed'))) return undefined;
    // Such as `glibc (2.41-12)`: the version only where it is another one.
    const [, source = null, sourceVersion = null] = /^(\S+)(?:\s+\((\S+)\))?/.exec(Source) ?? [];
    const format = 'deb';
    return { format, name, version: Version ?? null, architecture: Architecture ?? null, source, sourceVersion };
  });
}

/**
 * The packages that apk has installed: https://wiki.alpinelinux.org/wiki/Apk_spec
 *
 * @throws {ToolError} for more packages than we keep in memory.
 */
export function readApkInstalled(text: string): OsPackage[] {
  return readPackages(text, APK_FIELDS, ({ P: name, V, A, o: origin = null }) => {
    if (name === undefined) return undefined;
    const source = origin === name ? null : origin;
    return { format: 'apk', name, version: V ?? null, architecture: A ?? null, source, sourceVersion: null };
  });
}

/** The packages of a database that has a paragraph for each: lines of `Key: value`, and an empty line at its end. */
function readPackages<K extends string>(
  text: string,
  keys: readonly K[],
  toPackage: (fields: { [key in K]?: string }) => OsPackage | undefined,
): OsPackage[] {
  const packages: OsPackage[] = [];
  let fields: { [key in K]?: string } = {};
  let isEmpty = true;
  const endParagraph = () => {
    const found = isEmpty ? undefined : toPackage(fields);
    if (found) requireFewPackages(packages.push(found));
    if (!isEmpty) fields = {};
    isEmpty = true;
  };
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf('\n', start);
    const end = next === -1 ? text.length : next;
    if (end === start) endParagraph();
    const key = end === start ? undefined : keys.find((one) => text.startsWith(`${one}:`, start));
    if (key !== undefined) {
      const value = text.slice(start + key.length + 1, Math.min(end, start + MAX_TEXT_LENGTH)).trim();
      if (value !== '') fields[key] = value;
      isEmpty = false;
    }
    start = end + 1;
  }
  endParagraph();
  // Copies: a part of a text keeps the whole text in memory.
  return structuredClone(packages);
}

/** @throws {ToolError} for more packages of one layer than we keep in memory. */
export function requireFewPackages(count: number): void {
  if (count > MAX_OS_PACKAGES) throw new ToolError(`A layer lists more than ${MAX_OS_PACKAGES} OS packages.`);
}

/** What an os-release says; undefined without an ID: https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
export function readOsRelease(text: string): OperatingSystem | undefined {
  const field = (name: string) => {
    const [, line = ''] = new RegExp(`^${name}=(.{0,${MAX_TEXT_LENGTH}})$`, 'm').exec(text) ?? [];
    const [, quote, value = line] = /^(["']?)(.*)\1$/.exec(line.trim()) ?? [];
    return (quote === '"' ? value.replace(/\\(["\\$`])/g, '$1') : value).trim() || null;
  };
  const id = field('ID');
  return id === null ? undefined : structuredClone({ id, version: field('VERSION_ID'), name: field('PRETTY_NAME') });
}
