import { appendFile, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ToolError } from '../../lib/errors.ts';
import { isInside } from '../../lib/is-inside.ts';
import { parseJson } from '../../lib/parse-json.ts';

/** The usual names of source files. The first that a project has is edited. */
const SOURCE_FILES = ['app', 'index', 'main', 'server'].flatMap((name) =>
  ['ts', 'js', 'mjs', 'cjs', 'py', 'go'].flatMap((ending) => [`src/${name}.${ending}`, `${name}.${ending}`]),
);

/** Small packages without dependencies and scripts. The first that a project does not have is added. */
const DEPENDENCIES = [
  {
    name: 'mitt',
    version: '3.0.1',
    integrity: 'sha512-vKivATfr97l2/QBCYAkXYDbrIWPM2IIKEl7YPhjCvKlG3kE2gm+uBo6nEXK3M5/Ffh/FLpKExzOQ3JJoJGFKBw==',
  },
  {
    name: 'tiny-invariant',
    version: '1.3.3',
    integrity: 'sha512-+FbBPE1o9QAYvviau/qC5SE3caw21q3xkvWKBtja5vgqOWIHHJ3ioaq1VPfn/Szqctz2bU/oYeKd9/z5BL+PVg==',
  },
];

const OTHER_LOCKFILES = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/**
 * Appends a line to a source file in `directory`: to `file`, or to the first with a usual name.
 *
 * @throws {ToolError} when there is no such file, or it is outside of the directory.
 */
export async function editSource(directory: string, file: string | undefined): Promise<void> {
  for (const name of file === undefined ? SOURCE_FILES : [file]) {
    const path = await findFile(directory, name);
    if (path === null) continue;
    // A statement, because compilers remove comments and empty lines. Other languages get an empty line.
    const isScript = /^\.[mc]?[jt]sx?$/.test(extname(path));
    return appendFile(path, isScript ? "\nprocess.env['BENCH_EDIT'] = '1';\n" : '\n');
  }
  throw new ToolError(
    file === undefined
      ? 'no source file with a usual name, such as src/index.ts: --edit <file> names the file to edit'
      : `the build context has no file ${file}`,
  );
}

/**
 * Adds a dependency to package.json in `directory`, and to npm's lockfile where there is one, as `npm install` writes it.
 * npm itself does not run: with a project's .npmrc it may start any program.
 *
 * @throws {ToolError} with the reason when the project does not use npm, or its files cannot be edited.
 */
export async function addDependency(directory: string): Promise<void> {
  const packageJson = await readJson(directory, 'package.json');
  if (!packageJson) throw new ToolError('the build context has no package.json');
  for (const name of OTHER_LOCKFILES) {
    if ((await findFile(directory, name)) !== null)
      throw new ToolError(`the project has ${name}, and only npm's lockfile can be edited`);
  }
  const text = JSON.stringify(packageJson.value);
  const added = DEPENDENCIES.find(({ name }) => !text.includes(`"${name}"`));
  if (!added) throw new ToolError('the project already has the packages that --bench adds');
  const { name, version, integrity } = added;
  const addTo = (object: JsonObject, key: string, entry: unknown) => {
    object[key] = { ...(isObject(object[key]) ? object[key] : {}), [name]: entry };
  };
  addTo(packageJson.value, 'dependencies', version);
  await packageJson.write();
  for (const lockName of ['package-lock.json', 'npm-shrinkwrap.json']) {
    const lockfile = await readJson(directory, lockName);
    if (!lockfile) continue;
    const { packages } = lockfile.value;
    // https://docs.npmjs.com/cli/configuring-npm/package-lock-json#file-format: `packages` since version 2, `dependencies`
    // up to version 2. Without `resolved`, npm asks the registry that is set.
    if (isObject(packages)) {
      const root = isObject(packages['']) ? packages[''] : {};
      addTo(root, 'dependencies', version);
      Object.assign(packages, { '': root, [`node_modules/${name}`]: { version, integrity } });
    }
    if (!isObject(packages) || 'dependencies' in lockfile.value)
      addTo(lockfile.value, 'dependencies', { version, integrity });
    await lockfile.write();
  }
}

type JsonObject = Record<string, unknown>;

/** The object in a JSON file, and how to write it back; null when there is no such file. */
async function readJson(directory: string, name: string) {
  const path = await findFile(directory, name);
  if (path === null) return null;
  const text = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  const value = parseJson(text);
  if (!isObject(value)) throw new ToolError(`${name} is not a JSON object`);
  return { value, write: () => writeFile(path, `${JSON.stringify(value, null, 2)}\n`) };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The real path of a file in `directory`; null when there is none.
 *
 * @throws {ToolError} for a path, or a link, that leads out of the directory: a project must not make us write elsewhere.
 */
async function findFile(directory: string, name: string): Promise<string | null> {
  const path = await realpath(join(directory, name)).catch(() => null);
  if (path === null || !(await stat(path)).isFile()) return null;
  if (isInside(path, await realpath(directory))) return path;
  throw new ToolError(`${name} leads out of the build context`);
}
