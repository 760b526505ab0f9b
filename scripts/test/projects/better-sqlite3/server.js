import express from 'express';
import { db } from './db.js';

const app = express();
const addVisit = db.prepare('INSERT INTO visits DEFAULT VALUES');
const countVisits = db.prepare('SELECT count(*) FROM visits').pluck();

app.get('/', (_request, response) => {
  addVisit.run();
  response.json({ message: `Visits so far: ${countVisits.get()}` });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close(() => db.close()));
