import express from 'express';
import { prisma } from './db.js';
import { migrate } from './migrate.js';

const app = express();

app.get('/', async (_request, response) => {
  await prisma.visit.create({ data: {} });
  response.json({ message: `Prisma has counted ${await prisma.visit.count()} visits` });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

await migrate();
const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close(() => prisma.$disconnect()));
