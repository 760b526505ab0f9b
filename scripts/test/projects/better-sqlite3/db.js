import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const directory = join(process.cwd(), 'data');
mkdirSync(directory, { recursive: true });

export const db = new Database(join(directory, 'app.db'));
db.pragma('journal_mode = WAL');
db.exec('CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY, time TEXT DEFAULT CURRENT_TIMESTAMP)');
