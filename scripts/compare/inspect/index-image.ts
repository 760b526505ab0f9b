import type { ImageFacts } from '../../engine/engine.ts';
import type { Group } from '../model/groups.ts';
import type { ImageLayers } from './layer.ts';
import { mergeLayers } from './merge-layers.ts';
import { findPackages, isGlobal, type Package, packageDirectory } from './packages.ts';

/** Everything about an image that its contents and findings follow from. */
export type IndexedImage = ReturnType<typeof indexImage>;

/** `baseLayers` is how many of the lowest layers are those of the base image; null when that is not known. */
export function indexImage(image: ImageFacts, { layers, history }: ImageLayers, baseLayers: number | null) {
  const tree = mergeLayers(layers.map(({ files }) => files));
  const { packages, projects } = findPackages(tree);
  return {
    image,
    history,
    baseLayers,
    /** The instruction that made each layer. */
    instructions: layers.map(({ instruction }) => instruction),
    tree,
    /** What a container sees, sorted by path. */
    visibleFiles: [...tree.visible.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    packages,
    groupOf: groupPaths(packages, [image.workingDirectory.replace(/^\/+|\/+$/g, ''), ...projects.filter(Boolean)]),
  };
}

const CACHES =
  /^(tmp|var\/tmp|var\/cache|var\/log|var\/lib\/apt\/lists|usr\/local\/share\/\.cache)\/|(^|\/)(\.npm|\.cache|\.yarn\/cache|\.node-gyp|\.local\/share\/pnpm\/store|\.pnpm-store)\/|(^|\/)node_modules\/\.(cache|vite)\//;

/** Of the official images, of distroless (nodejs/), and of Debian's and Alpine's own packages. */
const NODE =
  /^(usr\/(local\/)?bin\/node(js)?|nodejs\/bin\/node)$|^usr\/(local\/)?(include\/node|share\/doc\/node(js)?|share\/systemtap\/tapset)\/|^usr\/local\/share\/man\/man1\/node\.1$|^usr\/local\/(CHANGELOG\.md|LICENSE|README\.md)$|^nodejs\//;

const MANAGERS =
  /^(usr\/local\/lib|usr\/lib|usr\/local\/share)\/node_modules\/(npm|corepack|yarn|pnpm|@pnpm\/exe)\/|^usr\/(local\/)?bin\/(npm|npx|corepack|yarn|yarnpkg|pnpm|pnpx)$|^opt\/yarn[^/]*\/|^usr\/(local\/)?share\/(man\/man\d\/npm|doc\/npm)|^(usr\/)?(bin|sbin)\/(apk|apt|apt-[^/]+|dpkg|dpkg-[^/]+)$|^usr\/lib\/(apt|dpkg)\/|^(usr\/)?lib\/apk\/|^(usr\/lib\/.*|lib\/)libapk[^/]*$|^var\/lib\/(apt|dpkg)\/|^etc\/(apt|dpkg|apk)\/|^usr\/share\/(apt|dpkg|perl5\/Dpkg)\//;

const SYSTEM =
  /^(bin|boot|dev|etc|home|lib|lib32|lib64|libx32|media|mnt|opt|proc|root|run|sbin|srv|sys|usr|var|tmp)(\/|$)/;

/** Directories of the system that are not an app's, even if an image works in one of them. */
const NEVER_AN_APP =
  /^(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|tmp|home|opt|usr(\/(local(\/.*)?|bin|sbin|lib\w*|share\/.*|share|include\/.*))?|var(\/(lib|cache|log)(\/.*)?)?)$/;

/** Makes the function that returns the group of a path in this image. `appDirectories` have no slash at their ends. */
function groupPaths(packages: Map<string, Package>, appDirectories: string[]): (path: string) => Group {
  const apps = appDirectories.filter((directory) => directory !== '' && !NEVER_AN_APP.test(directory));
  return (path) => {
    if (CACHES.test(path)) return 'caches';
    if (MANAGERS.test(path)) return 'packageManagers';
    if (NODE.test(path)) return 'node';
    const directory = packageDirectory(path);
    if (directory !== null) return packages.get(directory)?.dev ? 'devDependencies' : 'productionDependencies';
    if (/(^|\/)node_modules\//.test(path)) return isGlobal(path) ? 'packageManagers' : 'productionDependencies';
    if (apps.some((app) => path.startsWith(`${app}/`))) return 'application';
    if (SYSTEM.test(path)) return 'baseSystem';
    return appDirectories.includes('') ? 'application' : 'other';
  };
}
