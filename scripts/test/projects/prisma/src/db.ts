import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { PrismaClient } from './generated/prisma/client.js';

const url = process.env.DATABASE_URL ?? 'file:./data/app.db';
mkdirSync(dirname(url.replace(/^file:/, '')), { recursive: true });

export const prisma = new PrismaClient({ adapter: new PrismaLibSql({ url }) });
