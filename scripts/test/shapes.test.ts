import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDockerfile } from '../lib/dockerfile.ts';
import { recipeFor } from '../setup/stand-ins.ts';

const SHAPES = join(import.meta.dirname, '../shapes');
const files = (await readdir(SHAPES)).filter((name) => name.startsWith('Dockerfile.'));

test.each(files)(
  '%s says where its shape is from, stands on the same base images, and is in the table',
  async (name) => {
    const text = await readFile(join(SHAPES, name), 'utf8');
    expect(text).toMatch(/^# Shape: .*\d{4}/);
    expect(text).toMatch(/^# Kept: /m);
    const { bases } = readDockerfile(text, name);
    for (const base of bases) expect(recipeFor(base)).not.toBeNull();
    // Caches of their own: what one fills, no other finds.
    const ids = [...text.matchAll(/type=cache,id=([\w-]+)/g)].map(([, id]) => id);
    for (const id of ids) expect(id).toBe(`${name.replace('Dockerfile.', 'shapes-')}-npm`);
    expect(await readFile(join(SHAPES, 'README.md'), 'utf8')).toContain(`| \`${name}\` |`);
  },
);
