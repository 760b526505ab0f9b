import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { AFTER } from '../compare/model/subject.ts';
import { spawnText } from '../lib/spawn.ts';

// The chapters repeat the same app on purpose, so that each is complete on its own and their sizes compare. The first
// chapter is the original, the others are copies; what a chapter calls itself is its own. A new chapter needs only its
// Dockerfiles: the rest is made here.

const SHARED = ['.dockerignore', 'tsconfig.json', 'src', 'test', 'package.json', 'package-lock.json'];

interface Manifest {
  name: string;
  description?: string;
  [key: string]: unknown;
}

export interface Lock {
  name: string;
  packages: Record<string, { version?: string; link?: boolean } & Partial<Manifest>>;
  [key: string]: unknown;
}

/** The files of the app in a chapter: paths relative to it, with their text. */
export async function appFiles(root: string, chapter: string): Promise<Map<string, string>> {
  const entries = await Promise.all(
    SHARED.map(async (name) => {
      const path = join(root, chapter, name);
      const below = await readdir(path).catch(() => null);
      return below ? below.sort().map((file) => `${name}/${file}`) : [name];
    }),
  );
  const files = await Promise.all(
    entries.flat().map(async (name) => {
      const text = await readFile(join(root, chapter, name), 'utf8').catch(() => null);
      return text === null ? null : ([name, text] as const);
    }),
  );
  return new Map(files.filter((file) => file !== null));
}

/** What the files of `chapter` must be, made from those of the original. */
export async function expectedFiles(root: string, chapter: string): Promise<Map<string, string>> {
  const [original = ''] = await findChapterDirectories(root);
  const files = await appFiles(root, original);
  const own = JSON.parse((await appFiles(root, chapter)).get('package.json') ?? '{}') as Partial<Manifest>;
  const manifest = JSON.parse(files.get('package.json') ?? '{}') as Manifest;
  files.set('package.json', json({ ...manifest, name: chapter, description: own.description }));
  const lockText = files.get('package-lock.json');
  if (lockText) {
    const lock = JSON.parse(lockText) as Lock;
    const top = { ...lock.packages[''], name: chapter };
    files.set('package-lock.json', json({ ...lock, name: chapter, packages: { ...lock.packages, '': top } }));
  }
  return files;
}

/** Makes the app of every chapter the same as the original's. Returns the paths that it changed. */
export async function syncCopies(root: string): Promise<string[]> {
  const changed: string[] = [];
  for (const chapter of await findChapterDirectories(root)) {
    const expected = await expectedFiles(root, chapter);
    const present = await appFiles(root, chapter);
    for (const [name, text] of expected) {
      if (present.get(name) === text) continue;
      await mkdir(dirname(join(root, chapter, name)), { recursive: true });
      await writeFile(join(root, chapter, name), text);
      changed.push(join(chapter, name));
    }
    for (const name of present.keys()) {
      if (expected.has(name)) continue;
      await rm(join(root, chapter, name));
      changed.push(join(chapter, name));
    }
    if (await linkDockerfile(join(root, chapter))) changed.push(join(chapter, 'Dockerfile'));
  }
  return changed;
}

/** Makes a plain `docker build .` build the file after, where nothing says yet what it builds. */
async function linkDockerfile(folder: string): Promise<boolean> {
  const exists = (name: string) => lstat(join(folder, name)).catch(() => null);
  if ((await exists('Dockerfile')) || !(await exists(`Dockerfile.${AFTER}`))) return false;
  await symlink(`Dockerfile.${AFTER}`, join(folder, 'Dockerfile'));
  return true;
}

/**
 * Writes the original chapter's own lock file, with the versions that the workspace's lock file has. Asks the npm
 * registry where a version is in neither.
 */
export async function lockOriginal(root: string): Promise<void> {
  const [original = ''] = await findChapterDirectories(root);
  const workspace = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const folder = await mkdtemp(join(tmpdir(), 'multi-stage-node-'));
  try {
    await cp(join(root, original, 'package.json'), join(folder, 'package.json'));
    const packages = chapterPackages(workspace, original);
    await writeFile(join(folder, 'package-lock.json'), json({ ...workspace, name: original, packages }));
    const options = ['--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved'];
    await spawnText('npm', ['install', ...options, '--no-audit', '--no-fund'], { cwd: folder });
    await cp(join(folder, 'package-lock.json'), join(root, original, 'package-lock.json'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The entries of the workspace's lock file as one chapter sees them: its own first, then the shared ones. */
export function chapterPackages(workspace: Lock, chapter: string): Lock['packages'] {
  const entries = Object.entries(workspace.packages).filter(([, entry]) => !entry.link);
  const shared = entries.filter(([path]) => path.startsWith('node_modules/'));
  const own = entries
    .filter(([path]) => path.startsWith(`${chapter}/node_modules/`))
    .map(([path, entry]) => [path.slice(chapter.length + 1), entry] as const);
  return Object.fromEntries([...shared, ...own]);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
