import { stripVTControlCharacters } from 'node:util';
import type { Look } from './look-at-project.ts';

const ENDS = 'exit code 0 before it responded';

/** What a failed build or container printed, and what to do about it. The first that matches is taken. */
const ADVICE: [pattern: RegExp, advise: (look: Look, ...groups: string[]) => string | null][] = [
  [
    /gyp ERR! cwd \S*node_modules\/((?:@[^\s/]+\/)?[^\s/]+)/,
    ({ node }, name) =>
      `${name} cannot be compiled for Node ${node.major}: update it, or name an older Node: --node 20`,
  ],
  [
    /Cannot find (?:module|package) '([^'./][^']*)'/,
    ({ project }, name) => {
      const isDev = [project.manifest, project.rootManifest].some((one) => name in one.devDependencies);
      if (isDev) return `${name} is imported at run time but is a devDependency. Move it: npm install ${name}`;
      return `${name} is imported but is not in package.json. Add it: npm install ${name}`;
    },
  ],
  [
    /Cannot find module '\/app\/([^']+)'/,
    ({ start }, path) =>
      start.entry !== null && path.endsWith(start.entry)
        ? `The build does not make ${path}. Name the file that it makes: --entry dist/server.js`
        : `${path} is not in the image. Add a line above USER: COPY ${path} ./${path}`,
  ],
  [
    /ENOENT: no such file or directory, \w+ '(?:\/app\/|\.\/)?([^'/][^']*)'/,
    (_look, path) => `The app reads ${path}, which is not in the image. Add a line above USER: COPY ${path} ./${path}`,
  ],
  [
    /(?:EACCES|EROFS)[^']*'([^']+)'/,
    (_look, path) =>
      `The app writes to ${path}. Let it write to a volume: VOLUME in the Dockerfile, owned by its user.`,
  ],
  [
    /^(?!docker build).*(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/s,
    () => 'The app waits for another service. Pass its address with --env, or use --no-verify.',
  ],
  [
    /(?:missing|required|must be set|undefined).*?\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b/i,
    (_look, name) => `The app expects ${name}: pass --env ${name}=value`,
  ],
  [
    /\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b.*(?:missing|required|must be|not set|undefined|not defined)/,
    (_look, name) => `The app expects ${name}: pass --env ${name}=value`,
  ],
  [new RegExp(`${ENDS}[^]*\\busage:`, 'i'), () => 'The app expects arguments: --args "data.json --port 3000"'],
  [
    new RegExp(ENDS),
    () => 'The app is not a server: it ends by itself. --no-verify writes the files without trying them.',
  ],
];

/** What to change when the image was not built or does not respond; null when the error says nothing that is known. */
export function advise(error: string, look: Look): string | null {
  // A log may be coloured.
  const text = stripVTControlCharacters(error);
  for (const [pattern, create] of ADVICE) {
    const match = pattern.exec(text);
    if (match) return create(look, ...match.slice(1));
  }
  return null;
}
