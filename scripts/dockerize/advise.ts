import { stripVTControlCharacters } from 'node:util';
import type { Look } from './look-at-project.ts';

const ENDS = 'exit code 0 before it responded';
const expectsVariable = (_: Look, name: string) => `The app expects ${name}: pass --env ${name}=value`;
const addCopy = (path: string) => `which is not in the image. Add a line above USER: COPY ${path} ./${path}`;

/** What a failed build or container printed, and what to do about it. The first that matches is taken. */
const ADVICE: [pattern: RegExp, advise: (look: Look, ...groups: string[]) => string][] = [
  [
    /gyp ERR! cwd \S*node_modules\/((?:@[^\s/]+\/)?[^\s/]+)/,
    ({ node: { major } }, name) =>
      `${name} cannot be compiled for Node ${major}: update it, or use an older Node: --node ${major - 2}`,
  ],
  [
    /Cannot find (?:module|package) '([^'./][^']*)'/,
    ({ project: { manifest, rootManifest } }, name) =>
      name in { ...manifest.devDependencies, ...rootManifest.devDependencies }
        ? `${name} is imported at run time but is a devDependency. Move it: npm install ${name}`
        : `${name} is imported but is not in package.json. Add it: npm install ${name}`,
  ],
  [
    /Cannot find module '\/app\/([^']+)'/,
    ({ start: { entry } }, path) =>
      entry !== null && path.endsWith(entry)
        ? `The build does not create ${path}. Name the file that it creates: --entry dist/server.js`
        : `The app imports ${path}, ${addCopy(path)}`,
  ],
  [
    /ENOENT: no such file or directory, \w+ '(?:\/app\/|\.\/)?([^'/][^']*)'/,
    (_, path) => `The app reads ${path}, ${addCopy(path)}`,
  ],
  [
    /(?:EACCES|EROFS)[^']*'([^']+)'/,
    (_, path) => `The app writes to ${path}. Let it write to a volume: VOLUME in the Dockerfile, owned by its user.`,
  ],
  [
    /^(?!docker build).*(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/s,
    () => 'The app waits for another service. Pass its address with --env, or use --no-verify.',
  ],
  [/(?:missing|required|must be set|undefined).*?\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b/i, expectsVariable],
  [/\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b.*(?:missing|required|must be|not set|undefined|not defined)/, expectsVariable],
  [new RegExp(`${ENDS}[^]*\\busage:`, 'i'), () => 'The app expects arguments: --args "data.json --port 3000"'],
  [
    new RegExp(ENDS),
    () =>
      'The app exits by itself, so it is not a server. To write the files without running the app, use --no-verify.',
  ],
];

/** What to change when the image was not built or does not respond; null when the error says nothing that is known. */
export function advise(error: string, look: Look): string | null {
  // A log may be coloured.
  const text = stripVTControlCharacters(error);
  const found = ADVICE.flatMap(([pattern, create]) => {
    const match = pattern.exec(text);
    return match ? create(look, ...match.slice(1)) : [];
  });
  return found[0] ?? null;
}
