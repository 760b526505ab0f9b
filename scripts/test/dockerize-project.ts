import { type Manifest, type Project, readManifest } from '../dockerize/look/read-project.ts';

/** A project in memory: paths to texts. Objects are written as JSON. Without a package.json it gets an empty one. */
export function projectOf(texts: Record<string, unknown>): Project {
  const all = new Map(
    Object.entries({ 'package.json': {}, ...texts }).map(([path, text]) => [
      path,
      typeof text === 'string' ? text : JSON.stringify(text, null, 2),
    ]),
  );
  const read = (path: string) => all.get(path) ?? null;
  const directory = '/project';
  const manifest = readManifest({ directory, read }, '') as Manifest;
  const files = [...all.keys()].sort();
  return { directory, app: '', manifest, rootManifest: manifest, files, has: (path) => all.has(path), read };
}
