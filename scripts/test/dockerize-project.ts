import type { Framework } from '../project/frameworks.ts';
import { type Project, readManifest } from '../project/read-project.ts';

/** A framework of which nothing is known but its port. */
export const FRAMEWORK: Framework = {
  name: 'Next',
  cache: '.next',
  source: '',
  command: null,
  copies: null,
  needsModules: false,
  port: 3000,
  env: {},
  handlesSigterm: true,
};

/** A project in memory: path → text; objects become JSON. `app` is the directory of the app in a workspace. */
export function projectOf(contents: Record<string, unknown>, app = ''): Project {
  const texts = new Map(
    Object.entries({ 'package.json': {}, ...contents }).map(([path, content]) => [
      path,
      typeof content === 'string' ? content : JSON.stringify(content, null, 2),
    ]),
  );
  const read = (path: string) => texts.get(path) ?? null;
  const manifestOf = (path: string) => {
    const manifest = readManifest({ directory: '/project', read }, path);
    if (!manifest) throw new Error(`There is no package.json in ${path}`);
    return manifest;
  };
  return {
    directory: '/project',
    app,
    manifest: manifestOf(app),
    rootManifest: manifestOf(''),
    files: [...texts.keys()].sort(),
    has: (path) => texts.has(path),
    read,
  };
}
