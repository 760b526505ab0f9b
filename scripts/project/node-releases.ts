import semver from 'semver';
import { supportedMajors } from '../lib/node-schedule.ts';

/** The LTS versions that get fixes, as of November 2026. */
export const SUPPORTED = supportedMajors('2026-11-01');
/** From 4 on, every second version: https://nodejs.org/en/about/previous-releases */
const CODE_NAMES = 'argon boron carbon dubnium erbium fermium gallium hydrogen iron jod krypton'.split(' ');
/** Names of the newest version, and tags of images without a version. */
const ANY = /^(\*|node|lts(\/\*)?|current|latest|stable|system|alpine|slim|trixie|bookworm|bullseye|)$/;

/** What a version file, a tag of an image or `engines` says, as a range; null when it is none. */
export function toNodeRange(text: string): string | null {
  const version = /(?:^|\/)node(?:js)?(?::|-|@|$)?(\d[^-@:]*|[^-@:]*)/.exec(text);
  const name = (text.includes('node') ? (version?.[1] ?? '') : text).toLowerCase().replace(/^v(?=\d)/, '');
  const codeName = CODE_NAMES.indexOf(name.replace(/^lts\//, ''));
  if (ANY.test(name)) return '*';
  return codeName === -1 ? semver.validRange(name) : `${codeName * 2 + 4}`;
}

/** Whether a version of Node can satisfy a range. Without a range, any does. */
export const fits = (range: string | null | undefined, major: number) => semver.intersects(range ?? '*', `${major}`);
