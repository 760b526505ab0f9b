import { type ChangedPackage, type Diff, MAX_DIFF_PACKAGES } from '../model/diff-schema.ts';
import type { IndexedImage } from './index-image.ts';
import { isGlobal, packageDirectory } from './packages.ts';

/** The longest name that npm accepts has 214 characters; a hostile package.json must not fill the report. */
const MAX_TEXT_LENGTH = 256;

/** An image, and the bytes that each of its visible paths counts. */
type Counted = Pick<IndexedImage, 'packages' | 'visibleFiles' | 'groupOf'> & { bytesOf: (path: string) => number };

/** All visible copies of a package. */
interface Copies {
  versions: (string | null)[];
  bytes: number;
}

/** The npm packages that came, went or have other versions. One that only moved to another directory does not count. */
export function diffPackages(before: Counted, after: Counted): Pick<Diff, 'packageCount' | 'packages'> {
  const copiesBefore = collectCopies(before);
  const copiesAfter = collectCopies(after);
  const none: Copies = { versions: [], bytes: 0 };
  const packages = [...new Set([...copiesBefore.keys(), ...copiesAfter.keys()])].flatMap((name): ChangedPackage[] => {
    const one = copiesBefore.get(name) ?? none;
    const other = copiesAfter.get(name) ?? none;
    if (JSON.stringify(one.versions) === JSON.stringify(other.versions)) return [];
    return [{ name, before: one.versions, after: other.versions, beforeBytes: one.bytes, afterBytes: other.bytes }];
  });
  const change = ({ beforeBytes, afterBytes }: ChangedPackage) => Math.abs(afterBytes - beforeBytes);
  packages.sort((a, b) => change(b) - change(a) || (a.name < b.name ? -1 : 1));
  return { packageCount: packages.length, packages: packages.slice(0, MAX_DIFF_PACKAGES) };
}

/** The packages that a container sees, by name. A package manager counts as one package, with everything in it. */
function collectCopies({ packages, visibleFiles, groupOf, bytesOf }: Counted): Map<string, Copies> {
  const managerOf = (path: string) =>
    isGlobal(path) && groupOf(path) === 'packageManagers'
      ? /^.*?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]
      : undefined;
  const bytes = new Map<string, number>();
  for (const { path } of visibleFiles) {
    const count = bytesOf(path);
    const directory = count > 0 ? (managerOf(path) ?? packageDirectory(path)) : null;
    if (directory) bytes.set(directory, (bytes.get(directory) ?? 0) + count);
  }
  const copies = new Map<string, Copies>();
  for (const { path, name, version, deleted } of packages.values()) {
    if (deleted || (managerOf(`${path}/`) ?? path) !== path) continue;
    const key = name.slice(0, MAX_TEXT_LENGTH);
    const { versions, bytes: others } = copies.get(key) ?? { versions: [], bytes: 0 };
    versions.push(version?.slice(0, MAX_TEXT_LENGTH) ?? null);
    copies.set(key, { versions, bytes: others + (bytes.get(path) ?? 0) });
  }
  for (const { versions } of copies.values()) versions.sort((a, b) => compareVersions(a ?? '', b ?? ''));
  return copies;
}

const compareVersions = new Intl.Collator('en', { numeric: true }).compare;
