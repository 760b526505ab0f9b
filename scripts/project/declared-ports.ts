import { posix } from 'node:path';
import { fact } from './fact.ts';
import type { Project } from './read-project.ts';

const EXAMPLES =
  /^((\.env|example\.env|sample\.env|\.env\.(example|sample|defaults|template|dist|production|development\.example))|config\/(production|default)\.json)$/;
/** In a script: `PORT=3000 node .`, `${PORT:=3000}`. */
const SET = /(?:^|[\s{])PORT(?:=|:[=-])["']?(\d+)/;
/** `PORT=3000`, or `"port": 3000` (https://github.com/node-config/node-config). */
const EXAMPLE = /^(?:export | {2}|\t)?"?(?:(?:APP|SERVER|API|HTTP)_)?PORT"? *[=:] *["']?(\d+)/im;

export const isPort = (text = '') => /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536;
export const portFact = (text: string | undefined, source: string) =>
  isPort(text) ? fact(Number(text), source) : null;

/** The ports that the scripts set which start the app. */
export function findInScripts({ manifest }: Project) {
  const scripts = Object.entries(manifest.scripts).filter(([name]) => /^(start|serve|preview)/.test(name));
  return scripts.map(([name, line]) => portFact(SET.exec(line)?.[1], `script ${name} in package.json`));
}

/** The ports that examples of the environment and node-config set. */
export function findInExamples({ app, files, read }: Project) {
  const paths = files.filter((path) => EXAMPLES.test(path) || EXAMPLES.test(posix.relative(app, path)));
  return paths.map((path) => portFact(EXAMPLE.exec(read(path) ?? '')?.[1], `PORT in ${path}`));
}
