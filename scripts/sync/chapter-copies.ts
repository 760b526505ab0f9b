import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { SHIPPED } from '../compare/model/subject.ts';
import { spawnText } from '../lib/spawn.ts';
import { writeChanged } from '../lib/write-changed.ts';

// The chapters repeat the same app, so that each is complete and their sizes can be compared. The first chapter has the
// original. What belongs to each chapter is its Dockerfiles, its .dockerignore, and the name and description in package.json.

const SHARED = ['tsconfig.json', 'src', 'test', 'package.json', 'package-lock.json'];

export interface Lock {
  packages: Record<string, { name?: string; version?: string; link?: boolean }>;
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

/** The files of the app in a chapter: their paths, relative to the chapter, and their texts. */
export async function appFiles(root: string, chapter: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of SHARED) {
    const below = await readdir(join(root, chapter, name)).catch(() => null);
    for (const file of below?.sort().map((one) => `${name}/${one}`) ?? [name]) {
      const text = await readFile(join(root, chapter, file), 'utf8').catch(() => null);
      if (text !== null) files.set(file, text);
    }
  }
  return files;
}

/** The files that the app of `chapter` must have, made from those of the original. */
export async function expectedFiles(root: string, chapter: string): Promise<Map<string, string>> {
  const [original = ''] = await findChapterDirectories(root);
  const files = await appFiles(root, original);
  const { description } = JSON.parse((await appFiles(root, chapter)).get('package.json') ?? '{}');
  files.set('package.json', json({ ...JSON.parse(files.get('package.json') ?? '{}'), name: chapter, description }));
  const lock: Lock = JSON.parse(files.get('package-lock.json') ?? '{ "packages": {} }');
  const packages = { ...lock.packages, '': { ...lock.packages[''], name: chapter } };
  return files.set('package-lock.json', json({ ...lock, name: chapter, packages }));
}

/** Copies the original app to every chapter. Returns the paths that changed. */
export async function syncCopies(root: string): Promise<string[]> {
  const changed: string[] = [];
  const chapters = await findChapterDirectories(root);
  for (const chapter of chapters) {
    const [expected, present] = [await expectedFiles(root, chapter), await appFiles(root, chapter)];
    const texts = [...expected].map(([name, text]): [string, string] => [join(chapter, name), text]);
    changed.push(...(await writeChanged(root, texts)));
    for (const name of [...present.keys()].filter((one) => !expected.has(one))) {
      await rm(join(root, chapter, name));
      changed.push(join(chapter, name));
    }
    changed.push(...(await addIgnoreFile(root, chapters[0] ?? '', chapter)));
    // `docker build .` builds the variant to ship, unless the chapter has a Dockerfile.
    const link = join(chapter, 'Dockerfile');
    if (existsSync(join(root, link)) || !existsSync(join(root, `${link}.${SHIPPED}`))) continue;
    await symlink(`Dockerfile.${SHIPPED}`, join(root, link));
    changed.push(link);
  }
  return changed;
}

/** Gives a chapter without a .dockerignore that of the original. Returns the path, if it was missing. */
async function addIgnoreFile(root: string, original: string, chapter: string): Promise<string[]> {
  const [from, to] = [join(original, '.dockerignore'), join(chapter, '.dockerignore')];
  if (existsSync(join(root, to)) || !existsSync(join(root, from))) return [];
  await copyFile(join(root, from), join(root, to));
  return [to];
}

/**
 * Updates the workspace's lockfile, and the original's with its versions. npm asks its registry for what neither has.
 * Returns the paths of those that changed.
 */
export async function syncLockfiles(root: string, signal: AbortSignal): Promise<string[]> {
  const [original = ''] = await findChapterDirectories(root);
  const lockfiles = ['package-lock.json', `${original}/package-lock.json`];
  const readAll = () => Promise.all(lockfiles.map((path) => readFile(join(root, path), 'utf8').catch(() => null)));
  const before = await readAll();
  const options = ['--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved'];
  const install = ['install', ...options, '--no-audit', '--no-fund'];
  await spawnText('npm', install, { cwd: root, signal });
  const workspace: Lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const lock = { ...workspace, name: original, packages: chapterPackages(workspace, original) };
  await writeFile(join(root, original, 'package-lock.json'), json(lock));
  // Adds the package itself and removes what others require. Without the option, npm would update the whole workspace.
  await spawnText('npm', [...install, '--no-workspaces'], { cwd: join(root, original), signal });
  const after = await readAll();
  return lockfiles.filter((_, index) => before[index] !== after[index]);
}

/** The packages of one chapter in the workspace's lockfile. Its own versions are nested in its directory. */
export function chapterPackages({ packages }: Lock, chapter: string): Lock['packages'] {
  const below = (directory: string) =>
    Object.entries(packages)
      .filter(([path, { link }]) => !link && path.startsWith(`${directory}node_modules/`))
      .map(([path, entry]) => [path.slice(directory.length), entry] as const);
  return Object.fromEntries([...below(''), ...below(`${chapter}/`)]);
}
