import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prisma } from './db.js';

const MIGRATIONS = join(import.meta.dirname, '../prisma/migrations');

/** Applies the migrations that this database does not have yet, so production does not need the Prisma CLI. */
export async function migrate() {
  await prisma.$executeRawUnsafe('CREATE TABLE IF NOT EXISTS _applied (name TEXT PRIMARY KEY)');
  const applied = await prisma.$queryRawUnsafe<{ name: string }[]>('SELECT name FROM _applied');
  const names = new Set(applied.map(({ name }) => name));
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (names.has(name)) continue;
    await prisma.$executeRawUnsafe(await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8'));
    await prisma.$executeRawUnsafe('INSERT INTO _applied (name) VALUES (?)', name);
  }
}
