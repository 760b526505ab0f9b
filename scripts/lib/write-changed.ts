import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Writes those files below `root` whose text is not the given one. Returns their paths. */
export async function writeChanged(root: string, texts: Iterable<[path: string, text: string]>): Promise<string[]> {
  const changed: string[] = [];
  for (const [path, text] of texts) {
    const file = join(root, path);
    if ((await readFile(file, 'utf8').catch(() => null)) === text) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    changed.push(path);
  }
  return changed;
}
