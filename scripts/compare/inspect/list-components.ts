import type { Components } from '../model/sbom-schema.ts';
import type { IndexedImage } from './index-image.ts';
import { packageDirectory } from './packages.ts';

/** What is kept of a name or a version, in characters: a package.json can have megabytes of it. */
const MAX_TEXT_LENGTH = 500;

/** What a container sees of an image's parts, for its SBOM, sorted by path or in the order of the database. */
export function listComponents({ image, tree, visibleFiles, packages, groupOf }: IndexedImage): Components {
  const release = ['etc/os-release', 'usr/lib/os-release'].map((path) => tree.visible.get(path)?.note);
  const [os] = release.flatMap((note) => (note?.type === 'osRelease' ? [note] : []));
  const npmPackages = visibleFiles.flatMap(({ path: file, note }): Components['npmPackages'] => {
    if (note?.type !== 'packageJson') return [];
    const directory = file.slice(0, -'/package.json'.length);
    const installed = packages.get(directory);
    if (installed) return [toComponent({ ...installed, app: false })];
    const { name, version } = note;
    // Inside of a package, and without a name, it only tells Node which kind of modules there are.
    if (!name || !version || packageDirectory(file) !== null) return [];
    return [toComponent({ path: directory, name, version, dev: false, app: groupOf(file) === 'application' })];
  });
  return {
    imageId: image.id,
    os: os ? { id: os.id, version: os.version, name: os.name } : null,
    osPackages: visibleFiles.flatMap(({ note }) => (note?.type === 'osPackages' ? note.packages : [])),
    npmPackages,
  };
}

const toComponent = ({ path, name, version, dev, app }: Components['npmPackages'][number]) => ({
  path: `/${path}`,
  name: name.slice(0, MAX_TEXT_LENGTH),
  version: version?.slice(0, MAX_TEXT_LENGTH) ?? null,
  dev,
  app,
});
